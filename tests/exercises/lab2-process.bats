#!/usr/bin/env bats
# What the chapter of lab 2 says that one should see: the items of its Try.
# shellcheck disable=SC2154 # changed is set by the function of that name

# bats file_tags=long
load ../helpers

SOURCES=labs/lab2-process

@test "try 1: join gives up after --timeout, not sooner, and the child is alive" {
	run -0 lab 2 join --timeout=1.5
	assert_line --regexp "join\(1\.5\): ETIMEDOUT after (1\.[5-9]|[2-9])"
	assert_line --regexp "is_alive: yes"
}

@test "try 2: waitid with WNOWAIT tells of the zombie, wait4 takes it away" {
	command -v strace || skip "no strace"
	run -0 make -s lab2-strace ARGS=zombie
	assert_output --regexp "waitid.*WEXITED\|WNOWAIT.*state Z.*wait4\(.*is gone"
}

@test "try 3: while the parent sleeps, the child is a zombie; then it is gone" {
	changed lab2 $SOURCES/lab2.c 's/joined = waitpid(pid, &status, 0);.*/joined = sleep(20);/'
	"$changed" by-hand >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	parent=$!
	until=$((SECONDS + 10))
	until child=$(ps -o pid=,stat= --ppid $parent) && [[ $child == *Z* ]]; do
		[ $SECONDS -lt $until ] || fail "no zombie below $parent: $child"
		sleep 0.05
	done
	kill $parent
	wait $parent || true
	read -r child _ <<<"$child"
	while ps -o pid= -p "$child"; do
		[ $SECONDS -lt $until ] || fail "nobody has reaped $child"
		sleep 0.05
	done
}

@test "try 3: and the scene notices" {
	changed lab2 $SOURCES/lab2.c 's/joined = waitpid(pid, &status, 0);.*/joined = sleep(0);/'
	run -1 timeout -k 2 30 "$changed" by-hand
	assert_line --regexp "^!! join is waitpid"
}

@test "try 4: a child of mp's is waited for: no orphan, two !!" {
	changed lab2 common/stage/gate.h 's/PATIENCE 30/PATIENCE 4/'
	changed lab2 $SOURCES/lab2-unjoined.c \
		's/^static int leave_a_child/static int outlive_it(const void *args, size_t size)\n{\n(void)size;\noutlive(args);\n}\n\n&/' \
		'/^static int leave_a_child/,/^}/{
			s/switch (fork()) {/struct mp_process child = { .target = outlive_it, .args = args, .size = size };\n\ncheck(mp_process_start(\&child));/
			/case -1/,/^	}/d
		}'
	run -1 timeout -k 2 30 "$changed" orphan
	assert_line --regexp "^!! the child lived on"
	assert_line --regexp "^!! which can join it"
}

@test "try 5: exit(-1) is status word 0xff00, exitcode 255" {
	changed lab2 $SOURCES/lab2.c 's/exit(261);/exit(-1);/'
	run -1 timeout -k 2 30 "$changed" exit-status
	assert_line --regexp "0xff00 +255$"
	assert_line --regexp "^!! 5 of 6"
}

@test "try 6: daemonic, too, it does not get its work done" {
	changed lab2 $SOURCES/lab2-unjoined.c '/\.name = "ordinary"/s/}/, .daemon = true }/'
	run -1 timeout -k 2 30 "$changed" daemon
	refute_line --partial "finishing my work"
	assert_line "!! the ordinary child was waited for"
}
