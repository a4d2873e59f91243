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
	run -0 jq -c '[.traceEvents[] | select(.ph == "X" and .name == "load to store")]
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

# While the scene waits for Enter behind the conclusion "named: ...".
@test "killed: nobody has the name's memory, and it is there; SIGKILL leaves no name" {
	mkfifo "$BATS_TEST_TMPDIR/enter"
	"$BUILD/lab8" --step killed <"$BATS_TEST_TMPDIR/enter" >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
	lab=$!
	exec 9>"$BATS_TEST_TMPDIR/enter"
	printf '\n\n' >&9
	timeout -k 2 30 sh -c 'until grep -q "^=> named" "$1"; do sleep 0.01; done' - "$BATS_TEST_TMPDIR/output" ||
		fail "$(cat "$BATS_TEST_TMPDIR/output")"
	name=/dev/shm/lab8-$lab
	assert_equal "$(stat -c %s "$name")" 65536
	# The lab has attached by now, and nobody else.
	# (2: a process has ended meanwhile.)
	run -0 sh -c 'cd /proc && grep -ls "$1" [0-9]*/maps || [ $? -eq 2 ]' - "$name"
	assert_output "$lab/maps"
	kill -KILL "$lab"
	exec 9>&-
	wait "$lab" || true
	timeout -k 2 30 sh -c 'while [ -e "$1" ]; do sleep 0.01; done' - "$name" || fail "left: $name"
}

@test "Ctrl-C while a name is there: nothing is left" {
	TERM=xterm run -130 on_terminal --on " Enter " '\r' --on " Enter " '\r' --on "=> named" '' \
		--on " Enter " '\x03' -- "$BUILD/lab8" --step killed
	assert_line --partial "=> named: still there"
	refute_line --partial "our tracker removed"
	TERM=xterm run -130 on_terminal --on " Enter " '\r' --on " Enter " '\r' --on " Enter " '\r' \
		--on "=> a stranger" '' --on " Enter " '\x03' -- "$BUILD/lab8" --step by-descriptor-or-name
	no_name_left
}

# It is removed a moment after the end of the lab.
no_name_left() {
	local name
	for name in $(grep -oE '/dev/shm/lab8-[0-9]+' <<<"$output" | sort -u); do
		timeout -k 2 30 sh -c 'while [ -e "$1" ]; do sleep 0.01; done' - "$name" || fail "left: $name"
	done
	[ -n "$name" ] || fail "no name in $output"
}

@test "killed: in a /dev/shm that is too small it fails, and leaves nothing" {
	unshare -m true 2>/dev/null || skip "no mounts of one's own here: root alone can"
	run -1 unshare -m sh -c 'mount -t tmpfs -o size=16k none /dev/shm || exit 3
		timeout -k 2 20 "$1" killed
		status=$?
		echo "left: $(ls -A /dev/shm)"
		exit $status' - "$BUILD/lab8"
	assert_line --partial "No space left on device"
	assert_line "left: "
}

@test "a reader that goes away in mid-scene: no name is left, and nobody hangs" {
	for scene in killed by-descriptor-or-name lost-update manager; do
		run -0 bash -c 'timeout -k 2 20 "$1" "$2" 2>/dev/null | head -n 3; [ "${PIPESTATUS[0]}" -lt 124 ]' - \
			"$BUILD/lab8" "$scene"
		assert_line "$scene"
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

@test "manager: three processes ask it" {
	run -0 lab 8 manager --trace="$BATS_TEST_TMPDIR/run.json"
	run -0 jq '[.traceEvents[] | select(.ph == "X" and .name == "asks").pid] | unique | length' "$BATS_TEST_TMPDIR/run.json"
	assert_output 3
}

# --- CPython's shared memory ------------------------------------------------------

# What a program of one's own does with names: create NAME, read NAME.
build_names() {
	cat >"$BATS_TEST_TMPDIR/names.c" <<-'END'
		#include "shared.h"
		#include <stdio.h>
		#include <string.h>

		int main(int argc, char *argv[])
		{
			struct mp_shared it = { 0 };

			if (argc == 3 && strcmp(argv[1], "create") == 0) {
				if (mp_shared_create(&it, argv[2], 5000) < 0)
					return perror("create"), 1;
				strcpy(it.address, "from C");
				return 0; /* and leaves it */
			}
			strcpy(it.name, argv[2]);
			if (mp_shared_attach(&it) < 0)
				return perror("attach"), 1;
			printf("%zu %s\n", it.size, (char *)it.address);
			return 0;
		}
	END
	gcc -std=gnu17 -D_GNU_SOURCE -Icommon/mp -o "$BATS_TEST_TMPDIR/names" "$BATS_TEST_TMPDIR/names.c" "$BUILD/libmp.a"
}

# memory.py create|change|unlink NAME. Before 3.13 whoever attaches tells the
# resource tracker, too, and that would remove the name at the end of this program.
python_memory() {
	cat >"$BATS_TEST_TMPDIR/memory.py" <<-'END'
		import sys
		from multiprocessing import resource_tracker
		from multiprocessing.shared_memory import SharedMemory

		what, name = sys.argv[1:]
		untracked = {'track': False} if sys.version_info >= (3, 13) else {}
		if what == 'create':
		    it = SharedMemory(name, create=True, size=5000, **untracked)
		else:
		    it = SharedMemory(name, **untracked)
		    print(it.size, bytes(it.buf[:40]).split(b'\0')[0].decode())
		if what == 'unlink':
		    it.unlink()
		    sys.exit()
		it.buf[:12] = b'from Python\0'
		if not untracked:
		    resource_tracker.unregister(it._name, 'shared_memory')
	END
	timeout -k 2 30 python3 "$BATS_TEST_TMPDIR/memory.py" "$@"
}

@test "CPython finds a name of ours: reads, changes and unlinks it" {
	build_names
	name=lab8-test-$$
	run -0 "$BATS_TEST_TMPDIR/names" create "$name"
	run -0 python_memory change "$name"
	assert_output "5000 from C"
	run -0 "$BATS_TEST_TMPDIR/names" read "$name"
	assert_output "5000 from Python"
	run -1 python_memory create "$name"
	assert_line --partial "FileExistsError"
	run -0 python_memory unlink "$name"
	run -1 "$BATS_TEST_TMPDIR/names" read "$name"
	assert_output "attach: No such file or directory"
}

@test "we find a name of CPython's, and so does the lab's stranger" {
	build_names
	name=lab8-test-$$
	run -0 python_memory create "$name"
	run -0 "$BATS_TEST_TMPDIR/names" read "$name"
	assert_output "5000 from Python"
	run -1 "$BATS_TEST_TMPDIR/names" create "$name"
	assert_output "create: File exists"
	run -0 timeout -k 2 30 "$BUILD/lab8" --again "$name"
	assert_line --regexp 'stranger +attached at 0x[0-9a-f]+: "from Python"'
	run -0 python_memory unlink "$name"
	assert_output "5000 from Python"
}
