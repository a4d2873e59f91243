#!/usr/bin/env bats
# What the tests themselves promise: they find what is left over, and let other
# people's work alone.

# bats file_tags=long
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

@test "a test that leaves something over fails, be it a process or memory" {
	sed 's/^TEST/@test/' >"$BATS_TEST_TMPDIR/leaves.bats" <<-END
		load $TOP/tests/helpers
		TEST "a process" {
		    "$BUILD/lab2" join --timeout=5 >/dev/null 2>&1 3>&- &
		    until [ -n "\$(our_processes)" ]; do sleep 0.01; done
		}
		TEST "memory" {
		    sh -c 'exit' &
		    wait \$!
		    touch "\$SHM/lab0-x-\$!"
		}
		TEST "nothing" { true; }
	END
	mkdir "$BATS_TEST_TMPDIR/shm"
	SHM=$BATS_TEST_TMPDIR/shm PATIENCE=0 run -1 timeout -k 2 30 bats "$BATS_TEST_TMPDIR/leaves.bats"
	assert_line "not ok 1 a process"
	assert_line --partial "processes left over"
	assert_line "not ok 2 memory"
	assert_line "ok 3 nothing"
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
	SHM=$BATS_TEST_TMPDIR/shm
	mkdir "$SHM"
	for name in "lab0-$$" "lab0-x-$BASHPID" other-"$gone" lab0; do
		: >"$SHM/$name"
	done
	run -0 no_memory_left
	: >"$SHM/lab0-x-$gone"
	PATIENCE=0 run -1 no_memory_left
	assert_line --partial "left in /dev/shm: lab0-x-$gone"
	rm "$SHM/lab0-x-$gone"
}

# --- tests/run --------------------------------------------------------------------

# A small tree with tests/run and the bats files on stdin, each behind a line "file
# NAME". Their @test is written TEST: bats would take it for one of this file.
tree() {
	cd "$BATS_TEST_TMPDIR"
	mkdir -p tests/labs build/tests
	cp "$TOP/tests/run" tests/
	awk -v there="$BATS_TEST_TMPDIR" '/^file / { name = there "/" $2; next } { sub(/^TEST/, "@test"); print > name }'
}

run_tests() {
	STORM="" BUILD=build JOBS=2 run "$@"
}

@test "tests/run: two files at the same time, each one's output in one piece" {
	# Each waits for the other one to have begun.
	tree <<-'END'
		file tests/one.bats
		TEST "one" { touch one; until [ -e two ]; do sleep 0.01; done; sleep 0.2; }
		TEST "one more" { true; }
		file tests/labs/two.bats
		TEST "two" { touch two; until [ -e one ]; do sleep 0.01; done; sleep 0.2; }
		TEST "two more" { true; }
	END
	run_tests -0 timeout -k 2 30 tests/run
	assert_regex "$output" $'tests/one.bats\n1..2\nok 1 one\nok 2 one more'
	assert_regex "$output" $'tests/labs/two.bats\n1..2\nok 1 two\nok 2 two more'
	assert_equal "${lines[-1]}" "4 passed, 0 failed, 0 skipped"
}

@test "tests/run: a failure, a file that is none, and a program that dies are counted" {
	tree <<-'END'
		file tests/some.bats
		TEST "good" { true; }
		TEST "bad" { false; }
		TEST "not now" { skip "why"; }
		file tests/labs/broken.bats
		TEST "begun {
	END
	mkdir build/tests/mp
	printf '#!/bin/sh\nkill -9 $$\n' >build/tests/mp/dies
	chmod +x build/tests/mp/dies
	CI='' run_tests -1 timeout -k 2 30 tests/run
	assert_line "rerun just this: build/tests/mp/dies"
	assert_equal "${lines[-1]}" "1 passed, 3 failed, 1 skipped"
	CI=true run_tests -1 timeout -k 2 30 tests/run
	assert_equal "${lines[-1]}" "1 passed, 4 failed, 1 skipped"
}

@test "tests/run: a test that cmocka skipped is no failure, but with CI=true" {
	tree <<-'END'
		file tests/some.bats
		TEST "good" { true; }
	END
	mkdir build/tests/mp
	cat >build/tests/mp/skips <<-'END'
		#!/bin/sh
		printf '1..3\nok 1 - good\nno mounts here\nnot ok 2 # SKIP no_room\nok 3 - well\n'
	END
	chmod +x build/tests/mp/skips
	CI='' run_tests -0 timeout -k 2 30 tests/run
	assert_line "ok 2 no_room # skip"
	refute_line --partial "not ok"
	assert_equal "${lines[-1]}" "3 passed, 0 failed, 1 skipped"
	CI=true run_tests -1 timeout -k 2 30 tests/run
	assert_equal "${lines[-1]}" "3 passed, 1 failed, 1 skipped"
}

@test "tests/run: just these files, just these tests" {
	tree <<-'END'
		file tests/one.bats
		TEST "of two words" { true; }
		TEST "of two more" { true; }
		file tests/two.bats
		TEST "of two words, too" { true; }
	END
	run_tests -0 timeout -k 2 30 tests/run tests/one.bats
	assert_equal "${lines[-1]}" "2 passed, 0 failed, 0 skipped"
	run_tests -0 timeout -k 2 30 tests/run -f "two words"
	assert_equal "${lines[-1]}" "2 passed, 0 failed, 0 skipped"
	run_tests -0 timeout -k 2 30 tests/run tests/one.bats -f "two words"
	assert_equal "${lines[-1]}" "1 passed, 0 failed, 0 skipped"
	run_tests -1 timeout -k 2 30 tests/run -f "nothing like that"
	assert_equal "${lines[-1]}" "0 passed, 0 failed, 0 skipped"
}

# --- tests/valgrind -----------------------------------------------------------------

@test "tests/valgrind: options go to the scene" {
	run -0 timeout -k 2 60 make -s lab2-valgrind ARGS="zombie --color=never"
	assert_output $'  ok    lab2 zombie\nvalgrind: 1 passed, 0 failed'
	run -2 timeout -k 2 60 make -s lab2-valgrind ARGS="--timeout=soon zombie"
	assert_line --partial "'soon' is not seconds"
	assert_line "valgrind: 0 passed, 1 failed"
}

@test "tests/each adds up; who fails, or dies without a total, counts as failed" {
	cat >"$BATS_TEST_TMPDIR/play" <<-'END'
		case $1 in
		good) echo "3 passed, 0 failed" ;;
		bad) echo "1 passed, 1 failed" && exit 1 ;;
		killed) kill -KILL $$ ;;
		esac
	END
	each=(tests/each title bash "$BATS_TEST_TMPDIR/play")
	run -0 "${each[@]}" -- good good
	assert_output "title: 6 passed, 0 failed"
	run -1 "${each[@]}" -- good bad killed
	assert_line --regexp '^  FAIL  .* killed$'
	assert_line --index -1 "title: 4 passed, 2 failed"
}
