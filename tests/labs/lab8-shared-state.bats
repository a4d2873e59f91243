#!/usr/bin/env bats
# Lab 8: what a person sees of it. Each test was seen to fail before it passed.

load ../helpers

@test "program: the same bytes as the Python program" {
	lab 8 program >"$BATS_TEST_TMPDIR/ours"
	python_twin 8 >"$BATS_TEST_TMPDIR/theirs"
	run -0 cmp "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
	run -0 cat "$BATS_TEST_TMPDIR/ours"
	assert_output $'42\n[2, 4, 6]'
}

@test "by-hand: the child's 2 is ours in the shared mapping alone" {
	run -0 lab 8 by-hand
	assert_all_held
	assert_equal "$(grep -c 'child .* is 2$' <<<"$output")" 3
	assert_line --regexp 'MainProcess +the global +at 0x[0-9a-f]+ is 1$'
	assert_line --regexp 'MainProcess +MAP_PRIVATE at 0x[0-9a-f]+ is 1$'
	assert_line --regexp 'MainProcess +MAP_SHARED +at 0x[0-9a-f]+ is 2$'
	# At one address, in parent and child.
	for what in 'the global' MAP_PRIVATE MAP_SHARED; do
		assert_equal "$(grep -oE "$what +at 0x[0-9a-f]+" <<<"$output" | sort -u | wc -l)" 1
	done
}

@test "lost-update: forced, every time, on one CPU too" {
	for prefix in "" "taskset -c 0"; do
		for _ in 1 2 3 4 5; do
			# shellcheck disable=SC2086 # a word each, or none
			run -0 $prefix timeout -k 2 30 "$BUILD/lab8" lost-update
			assert_all_held
			assert_line "=> no lock: two increments, 1 counted"
			assert_line "=> a lock around each access: 1 counted, no better"
			assert_line "=> one lock from load to store: 2 counted"
		done
	done
}

@test "lost-update: by its trace, two are between load and store at once, or one" {
	run -0 lab 8 lost-update --trace="$BATS_TEST_TMPDIR/run.json"
	# The spans by their time: those of one round overlap where an update is lost.
	run -0 jq -c '[.traceEvents[] | select(.ph == "X" and .name == "has loaded, not stored")]
		| sort_by(.ts) | [.[0:2], .[2:4], .[4:6] | .[1].ts < .[0].ts + .[0].dur]' "$BATS_TEST_TMPDIR/run.json"
	assert_output '[true,true,false]'
}

@test "increments: with a lock and atomic none is lost" {
	run -0 lab 8 increments --count=200000
	assert_all_held
	assert_line --regexp '^ +with a lock +800000 counted, +0\.0 % lost'
	assert_line --regexp '^ +atomic +800000 counted, +0\.0 % lost'
	assert_line "=> with a lock: 0 lost"
	# What was counted and what was lost are all that there were.
	run -0 awk '/load and store +[0-9]/ { all = 800000; off = $4 / all * 100 + $6 - 100; print (off < 0.1 && off > -0.1) }' <<<"$output"
	assert_output 1
}

@test "--count: what is no number in the range is named" {
	refused 8 "--count: needs a whole number from 1000 to 10000000" --count
	for text in many "" -1 0 999 10000001 1e4 0x1000 1.5; do
		refused 8 "--count: '$text' is not a whole number from 1000 to 10000000" --count="$text"
	done
}

@test "by-descriptor-or-name: attached by a kept descriptor, by a name, by nothing else" {
	run -0 lab 8 by-descriptor-or-name
	assert_all_held
	assert_line --regexp ' kept +attached at 0x[0-9a-f]+: "who are you\?"'
	assert_line --regexp 'not kept +attach: Bad file descriptor'
	assert_line --regexp 'stranger +attached at 0x[0-9a-f]+: "who are you\?"'
}

@test "by-descriptor-or-name: the stranger opens the name, and is another image" {
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=execve,openat \
		"$BUILD/lab8" by-descriptor-or-name >"$BATS_TEST_TMPDIR/output"
	name=$(grep -oE '/dev/shm/lab8-[0-9]+' "$BATS_TEST_TMPDIR/output" | head -n 1)
	stranger=$(grep -E "execve\(.*\"--again\", \"${name#/dev/shm/}\"" "$BATS_TEST_TMPDIR/trace" | cut -d' ' -f1)
	[ -n "$stranger" ] || fail "$(cat "$BATS_TEST_TMPDIR/trace")"
	run -0 grep -E "^$stranger .*openat\(.*\"$name\"" "$BATS_TEST_TMPDIR/trace"
}

@test "killed: the nameless one is gone, the named one stays until it is unlinked" {
	run -0 lab 8 killed
	assert_all_held
	assert_line --partial "processes that map it: 1, have it open: 1"
	assert_line --partial "processes that map it: 0, have it open: 0"
	assert_line --partial ": written by the dead"
	assert_line --partial "EPERM, the creator alone may"
}

@test "killed: a scene that is interrupted or killed leaves no name" {
	for signal in INT KILL; do
		before=$(ls -A /dev/shm)
		"$BUILD/lab8" --step killed by-descriptor-or-name <<<"" >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
		lab=$!
		until grep -q 'made one without' "$BATS_TEST_TMPDIR/output" || ! kill -0 "$lab" 2>/dev/null; do sleep 0.01; done
		kill "-$signal" "$lab" 2>/dev/null || true
		wait "$lab" || true
		name=$(grep -oE 'lab8-[0-9]+' "$BATS_TEST_TMPDIR/output" | head -n 1)
		[ -n "$name" ] || fail "$(cat "$BATS_TEST_TMPDIR/output")"
		for _ in $(seq 500); do
			[ -e "/dev/shm/$name" ] || break
			sleep 0.02
		done
		[ ! -e "/dev/shm/$name" ] || fail "left: $name"
	done
}

@test "a name that is none: the stranger says so" {
	run -2 timeout -k 2 30 "$BUILD/lab8" --again lab8-no-such-name
	assert_line --partial "attach: No such file or directory"
}

@test "manager: none lost by one owner, one by two who get and set" {
	run -0 lab 8 manager
	assert_all_held
	assert_line --partial "3 clients added 300 times each: 900"
	assert_line --partial "two get 0 and 0, each sets 1 more: 1"
}

@test "manager: it has one process for its table, and three that ask at once" {
	run -0 lab 8 manager --trace="$BATS_TEST_TMPDIR/run.json"
	run -0 jq '[.traceEvents[] | select(.ph == "X" and .name == "asks").pid] | unique | length' "$BATS_TEST_TMPDIR/run.json"
	assert_output 3
}

# --- CPython's shared memory ------------------------------------------------------

@test "CPython finds a name of ours, and we find one of its" {
	cat >"$BATS_TEST_TMPDIR/board.py" <<-'END'
		import struct, subprocess, sys
		from multiprocessing import resource_tracker
		from multiprocessing.shared_memory import SharedMemory

		name = sys.argv[2]
		memory = SharedMemory(name, create=True, size=64)
		memory.buf[:13] = b'who are you?\0'
		done = subprocess.run([sys.argv[1], '--again', name], stdout=subprocess.PIPE, text=True)
		visitor, = struct.unpack_from('i', memory.buf, 32)
		print(done.returncode, 'who are you?' in done.stdout, visitor > 0)
		memory.close()
		memory.unlink()
	END
	run -0 timeout -k 2 30 python3 "$BATS_TEST_TMPDIR/board.py" "$BUILD/lab8" "lab8-test-$$"
	assert_output "0 True True"
}
