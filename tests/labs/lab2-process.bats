#!/usr/bin/env bats
# Lab 2: what a person sees of it. Each test was seen to fail before it passed.

load ../helpers

@test "program: the same bytes as the Python program" {
	lab 2 program >"$BATS_TEST_TMPDIR/ours"
	python_twin 2 >"$BATS_TEST_TMPDIR/theirs"
	run -0 cmp "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
	run -0 cat "$BATS_TEST_TMPDIR/ours"
	assert_output "hello bob"
}

@test "by-hand: waitpid brought the pid that fork gave" {
	run -0 lab 2 by-hand
	assert_all_held
	[[ $output =~ fork\(\)\ returned\ ([0-9]+)\ to\ me ]]
	assert_line --partial "waitpid() returned $(sed -n 's/.*MainProcess.*fork() returned \([0-9]*\).*/\1/p' <<<"$output"), status word 0x0700"
}

@test "join: two timeouts, the second no shorter than it said" {
	run -0 lab 2 join --timeout=0.2
	assert_all_held
	assert_line --partial "join(0): ETIMEDOUT"
	took=$(sed -n 's/.*join(0.2): ETIMEDOUT after \([0-9.]*\) s/\1/p' <<<"$output")
	run -0 awk -v took="$took" 'BEGIN { print (took >= 0.2) }'
	assert_output 1
}

@test "join: the child ends before the join that waits for it" {
	run -0 lab 2 join
	told=$(grep -n 'told to; ending' <<<"$output" | cut -d: -f1)
	joined=$(grep -n 'join(-1): 0, it has ended' <<<"$output" | head -n 1 | cut -d: -f1)
	[ "$told" -lt "$joined" ] || fail "joined before the end: $output"
	assert_equal "$(grep -c 'join(-1): 0' <<<"$output")" 2
}

@test "exit-status: the exit codes are those that CPython gives" {
	cat >"$BATS_TEST_TMPDIR/ends.py" <<-'END'
		import os, signal, sys, time
		from multiprocessing import get_context

		def f(n):
		    os.environ and [lambda: None, lambda: sys.exit(7), lambda: sys.exit(261),
		                    os.abort, lambda: time.sleep(30), lambda: time.sleep(30)][n]()

		if __name__ == '__main__':
		    for n in range(6):
		        p = get_context('fork').Process(target=f, args=(n,))
		        p.start()
		        if n == 4: p.terminate()
		        if n == 5: p.kill()
		        p.join()
		        print(p.exitcode)
	END
	run -0 lab 2 exit-status
	assert_all_held
	ours=$(awk '/0x/ { print $NF }' <<<"$output")
	run -0 sh -c 'ulimit -c 0; exec timeout -k 2 30 python3 "$1"' - "$BATS_TEST_TMPDIR/ends.py"
	assert_equal "$ours" "$output"
}

@test "exit-status: abort leaves no core file" {
	ulimit -c unlimited
	cd "$BATS_TEST_TMPDIR"
	run -0 lab 2 exit-status
	assert_equal "$(ls -A)" ""
}

@test "zombie: state Z, then gone" {
	run -0 lab 2 zombie
	assert_all_held
	assert_line --partial "nobody has joined it: state Z"
	assert_line --regexp '/proc/[0-9]+ is gone$'
}

@test "orphan: the lab adopts the child, and joins it" {
	run -0 lab 2 orphan
	assert_all_held
	lab=$(sed -n 's/.*I am \([0-9]*\), the subreaper.*/\1/p' <<<"$output")
	assert_line --regexp "child +my parent is $lab now"
	assert_line --partial "exit status 7"
}

@test "daemon: SIGTERM for one child, time for the other" {
	run -0 lab 2 daemon
	assert_all_held
	term=$(grep -n 'SIGTERM has come' <<<"$output" | cut -d: -f1)
	finished=$(grep -n 'finishing my work' <<<"$output" | cut -d: -f1)
	[ "$term" -lt "$finished" ] || fail "$output"
	assert_line "=> the ordinary child was waited for"
	assert_line --partial "Ctrl-C reached 3 of 3 processes"
}

@test "daemon: in the picture the parent is there as long as its ordinary child" {
	run -0 lab 2 daemon
	# The row's last column that is not empty; the parent's end stays open.
	parent=$(sed -n 's/^\(parent .*▶\) *$/\1/p' <<<"$output")
	ordinary=$(sed -n 's/^\(ordinary .*[^ ]\) *$/\1/p' <<<"$output")
	[ "${#parent}" -ge "${#ordinary}" ] && [ "${#ordinary}" -gt 20 ] || fail "$output"
}

@test "daemon: works where SIGINT is ignored, as in a background job" {
	# timeout would set it back: so it stands outside.
	run -0 timeout -k 2 30 sh -c 'trap "" INT; exec "$1" daemon' - "$BUILD/lab2"
	assert_line --partial "Ctrl-C reached 3 of 3 processes"
}

@test "Ctrl-C in the middle of join ends all of its processes" {
	run -130 on_terminal --on "join(0): ETIMEDOUT" '\x03' -- "$BUILD/lab2" join --timeout=5
	refute_line --partial "=>"
}
