#!/usr/bin/env bats
# Lab 3: what a person sees of it. Each test was seen to fail before it passed.

load ../helpers

@test "program: the same bytes as the Python program" {
	lab 3 program >"$BATS_TEST_TMPDIR/ours"
	python_twin 3 >"$BATS_TEST_TMPDIR/theirs"
	run -0 cmp "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
	run -0 cat "$BATS_TEST_TMPDIR/ours"
	assert_output $'hello bob\nhello bob'
}

# --- what the methods are, by the system calls -------------------------------

# The system calls of `program`: forks, execs and what is written to pipes.
trace_program() {
	timeout -k 2 30 strace -f -s 200 -o "$BATS_TEST_TMPDIR/trace" \
		-e trace=fork,vfork,clone,clone3,execve,write "$BUILD/lab3" program
	forked=$(awk '/clone|fork/ && !/VFORK|vfork/ { print $NF }' "$BATS_TEST_TMPDIR/trace" | head -n 1)
}

@test "fork is a clone without execve" {
	trace_program
	[ -n "$forked" ] || fail "$(cat "$BATS_TEST_TMPDIR/trace")"
	run -0 grep "^$forked .*hello bob" "$BATS_TEST_TMPDIR/trace"
	run -1 grep "^$forked .*execve" "$BATS_TEST_TMPDIR/trace"
}

@test "spawn is a vfork and an execve of this very program" {
	trace_program
	run -0 grep -E 'CLONE_VM\|CLONE_VFORK|vfork\(' "$BATS_TEST_TMPDIR/trace"
	run -0 grep -E "execve\(\"$BUILD/lab3\", \[\"[^\"]*\", \"--multiprocessing-fork\", \"pipe_handle=[0-9]+\"\]" \
		"$BATS_TEST_TMPDIR/trace"
	spawned=${output%% *}
	[ "$spawned" != "$forked" ] || fail "the forked child exec'd"
	run -0 grep "^$spawned .*write(1, \"hello bob" "$BATS_TEST_TMPDIR/trace"
}

@test "what is sent to a spawned child: a name and the arguments' bytes" {
	trace_program
	run -0 grep -E 'write\([0-9]+, "mp-spawn.*bob.*Process-2.*hello' "$BATS_TEST_TMPDIR/trace"
}

# --- the scenes ----------------------------------------------------------------

@test "by-hand: the variable goes on after fork, starts anew after execve" {
	run -0 lab 3 by-hand
	assert_all_held
	assert_line --partial "the variable is 2: I go on"
	pid=$(sed -n 's/.*I am \([0-9]*\), and call execve.*/\1/p' <<<"$output")
	assert_line --partial "the new image said: pid $pid, variable 1"
}

@test "guard: fork sees 1 and 42, spawn 1 alone" {
	run -0 lab 3 guard
	assert_all_held
	assert_line --regexp 'Process-1 +above the guard: 1, below: 42'
	assert_line --regexp 'Process-2 +above the guard: 1, below: 0'
}

@test "guarded.c and no_guard.c differ in the guard alone" {
	cd labs/lab3-fork-vs-spawn
	run -1 diff guarded.c no_guard.c
	assert_output --regexp $'^[0-9]+d[0-9]+\n< \tmp_guard\\(argc, argv\\);$'
}

@test "no-guard: one child, refused, with the cure" {
	run -0 lab 3 no-guard
	assert_all_held
	assert_equal "$(grep -c '^main() runs' <<<"$output")" 2
	assert_line --partial "Cure: call mp_guard(argc, argv)"
	assert_line "the child's exitcode: 1"
	assert_equal "$(grep -c 'main() again' <<<"$output")" 5
}

@test "no guard: strace counts one child, too" {
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=execve "$BUILD/no_guard" >/dev/null 2>&1 ||
		assert_equal "$?" 1
	assert_equal "$(grep -c 'execve(.* = 0' "$BATS_TEST_TMPDIR/trace")" 2
}

@test "the guarded twin says hello" {
	run -0 timeout -k 2 30 "$BUILD/guarded"
	assert_line --regexp '^hello from [0-9]+$'
	assert_equal "$(grep -c '^main() runs' <<<"$output")" 2
}

@test "the guarded twin whose start fails says why, and no exit code" {
	sed 's/^int hello/static &/' labs/lab3-fork-vs-spawn/guarded.c >"$BATS_TEST_TMPDIR/nameless.c"
	gcc -std=gnu17 -D_GNU_SOURCE -Icommon/mp -o "$BATS_TEST_TMPDIR/nameless" \
		"$BATS_TEST_TMPDIR/nameless.c" "$BUILD/libmp.a" -lpthread -ldl -rdynamic
	run -1 timeout -k 2 30 "$BATS_TEST_TMPDIR/nameless"
	assert_line --partial "No such device or address"
	refute_line --partial "exitcode"
}

@test "no guard: no storm from a child that tries again, by any way" {
	cat >"$BATS_TEST_TMPDIR/stubborn.c" <<-'END'
		#include "process.h"
		#include <fcntl.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>

		int nothing(const void *args, size_t size) { (void)args; return size; }

		static void try(enum mp_method method)
		{
			struct mp_process p = { .target = nothing, .method = method };

			if (mp_process_start(&p) == 0)
				mp_process_join(&p, -1);
		}

		int main(int argc, char *argv[])
		{
			int log = open(getenv("LOG"), O_WRONLY | O_APPEND);

			(void)argv;
			dprintf(log, "main %d\n", argc);
			for (int i = 0; i < 3; i++) {
				if (fork() == 0) {
					try(MP_FORK);
					try(MP_SPAWN);
					_exit(0);
				}
				wait(NULL);
				try(MP_SPAWN);
			}
			return 0;
		}
	END
	# The command line that the README gives for a program of one's own.
	gcc -std=gnu17 -D_GNU_SOURCE -Icommon/mp -o "$BATS_TEST_TMPDIR/stubborn" \
		"$BATS_TEST_TMPDIR/stubborn.c" "$BUILD/libmp.a" -lpthread -ldl -rdynamic
	export LOG=$BATS_TEST_TMPDIR/log
	: >"$LOG"
	run -0 timeout -k 2 30 "$BATS_TEST_TMPDIR/stubborn"
	# Ours, and one image for each spawn that main() itself made: 3 + 3.
	assert_equal "$(grep -c '^main 1$' "$LOG")" 1
	assert_equal "$(grep -c '^main 3$' "$LOG")" 6
}

@test "pickle: a spawned child had enough in a name and bytes" {
	run -0 lab 3 pickle
	assert_all_held
	assert_line --partial 'bytes came: "parcel" and 7'
	# Equal in parent and forked child, another in the spawned one.
	parent=$(awk '$1 == "parent" { print $2 }' <<<"$output")
	assert_equal "$(awk '$1 == "forked" { print $3 }' <<<"$output")" "$parent"
	[ "$(awk '$1 == "spawned" { print $3 }' <<<"$output")" != "$parent" ] || fail "$output"
	assert_line --partial "ENXIO"
}

@test "pickle: without randomisation the addresses are equal, and it says why" {
	setarch -R true || skip "setarch -R is not allowed here"
	run -0 setarch -R timeout -k 2 30 "$BUILD/lab3" pickle
	assert_all_held
	assert_line --partial "switched off here"
	assert_line "=> spawn: equal, because randomisation is off"
}

@test "shared-or-copied: two are copies, three are shared" {
	run -0 lab 3 shared-or-copied
	assert_all_held
	assert_line --regexp 'from 1 to 2 +it is 1$'
	assert_line --regexp 'closed a descriptor +open$'
	assert_line --regexp 'offset to 100 +it is 100$'
	assert_line --regexp 'O_NONBLOCK +set$'
	assert_line --regexp 'the flock +given up$'
}

@test "copy-on-write: a fault a page for writing, next to none for reading" {
	run -0 lab 3 copy-on-write
	assert_all_held
	assert_line --regexp 'while the child read it: +0\.0'
	assert_line --regexp 'while the child wrote it: +1\.0'
}

@test "stdio: twice by exit, once by _exit" {
	run -0 lab 3 stdio
	assert_all_held
	assert_line --regexp 'exit\(\): +times written: 2$'
	assert_line --regexp '_exit\(\): +times written: 1$'
}

@test "descriptors: all, those not close-on-exec, those handed over" {
	run -0 lab 3 descriptors
	assert_all_held
	assert_line --regexp '^ *forked +open +open$'
	assert_line --regexp "exec'd +closed +open\$"
	assert_line --regexp 'spawned by mp +closed +closed$'
	assert_line --regexp 'MP_KEEP +open +open$'
}

@test "cost: three methods in three parents" {
	run -0 lab 3 cost
	assert_all_held
	assert_equal "$(grep -c ' MiB  .* ms$' <<<"$output")" 9
	# 256 MiB, or as much as this machine can spare.
	assert_line --regexp '^ +[1-9][0-9]* MiB  fork +█+ '
}

@test "cost, table: a parent too small to tell is told, and nothing concluded" {
	run -0 lab 3 cost table --max-rss=1M
	assert_equal "$(grep -c "too few to tell" <<<"$output")" 2
	refute_line --partial "posix_spawn is cheaper"
	refute_line --partial "follows the parent's size"
	# No line with a slope over next to nothing, and no bars of such a parent.
	refute_line --partial "break-even"
	assert_equal "$(grep -c '^ .* MiB  .* ms$' <<<"$output")" 3
}

@test "cost: bars of plain ASCII where the locale is not UTF-8" {
	LC_ALL=C run -0 lab 3 cost --max-rss=1M
	assert_line --regexp '^ +0 MiB  posix_spawn +#+ '
	refute_output --partial "█"
}

@test "table: each cell as the children saw it" {
	run -0 lab 3 table
	assert_all_held
	assert_line --regexp '^ +fork +spawn +forkserver$'
	assert_line --regexp 'pid, its parent +[0-9]+, this lab +[0-9]+, this lab +[0-9]+, the server$'
	assert_line --regexp 'main\(\) ran in +this lab, copied +the child: new +the server, copied$'
	assert_line --regexp 'argv +lab3 table +lab3 --multiproces\.\. +lab3 --multiproces\.\.$'
	assert_line --regexp 'address of main +same 0x[0-9a-f]+ +0x[0-9a-f]+ +0x[0-9a-f]+$'
	assert_line --regexp 'guard variables +1 above, 42 below +1 above, 0 below +1 above, 0 below$'
	assert_line --regexp 'file handed over +open, offset shared +open, offset shared +open, offset shared$'
	assert_line --regexp 'another file +open +closed +closed$'
	assert_line --regexp 'text in a FILE +none: flushed before +no such FILE +no such FILE$'
	assert_line --regexp 'threads, here 2 +1 +1 +1$'
	assert_equal "$(grep -cE '^start, .*( +[0-9.]+ ms){3}$' <<<"$output")" 2
}

# bats test_tags=long
@test "table: fits a projector of 80x24" {
	run -0 on_terminal --size 80x24 -- "$BUILD/lab3" table --color=never
	[ "${#lines[@]}" -le 24 ] || fail "${#lines[@]} lines"
	[ "$(tr -d '\r' <<<"$output" | wc -L)" -le 80 ] || fail "$output"
}
