#!/usr/bin/env bats
# What the tests themselves promise: they find what is left over, and let other
# people's work alone.

load helpers

# A lab that goes on for ten seconds, in the background.
start_lab() { # COMMAND...
	"$@" join --timeout=5 >/dev/null 2>&1 3>&- &
	lab=$!
	until [ "$(readlink "/proc/$lab/exe")" = "$BUILD/lab2" ]; do sleep 0.01; done
}

@test "a process of this test that is left over is found, and ended" {
	start_lab "$BUILD/lab2"
	run -0 our_processes
	assert_line "$lab"
	PATIENCE=0 run -1 no_process_left
	assert_line --partial "processes left over"
	wait "$lab" || assert_equal $? 137
}

@test "a process of others is let alone" {
	start_lab env -u LAB_TEST "$BUILD/lab2"
	other=$lab
	start_lab env LAB_TEST="$LAB_TEST-not" "$BUILD/lab2"
	run -0 our_processes
	assert_output ""
	PATIENCE=0 run -0 no_process_left
	kill "$other" "$lab"
}

@test "memory of a lab that has ended is found, that of one alive is not" {
	sh -c 'exit' & # a pid that is nobody's by now
	gone=$!
	wait "$gone"
	for name in "lab0-$$" "lab0-x-$BASHPID" other-"$gone" lab0; do
		: >"/dev/shm/$name"
	done
	run -0 no_memory_left
	rm "/dev/shm/lab0-$$" "/dev/shm/lab0-x-$BASHPID" "/dev/shm/other-$gone" /dev/shm/lab0
	: >"/dev/shm/lab0-x-$gone"
	run -1 no_memory_left
	assert_line --partial "left in /dev/shm: lab0-x-$gone"
	rm "/dev/shm/lab0-x-$gone"
}
