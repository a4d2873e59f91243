#!/usr/bin/env bats
# What the chapter of lab 1 says that one should see: the items of its Try.
# shellcheck disable=SC2154 # changed is set by the function of that name

# bats file_tags=long
load ../helpers

SOURCES=labs/lab1-pool

# The nanoseconds an item of the line that begins with $1.
cost_of() {
	sed -n "s/^  $1 *\([0-9]*\)\.[0-9]* ns an item$/\1/p" <<<"$output"
}

@test "try 1: on one CPU, too, a message for each item is the dearest by far" {
	run -0 timeout -k 2 60 taskset -c 0 "$BUILD/lab1" chunks
	message=$(cost_of "chunk 1, and a message for each")
	[ "$message" -gt $((3 * $(cost_of "chunk 1"))) ] || fail "a message costs just $message ns"
	[ "$(cost_of "chunk 1")" -gt "$(cost_of "the default")" ] || fail "chunk 1 is not dearer"
}

@test "try 2: there is a row for eight, and the bare loops end where the CPUs do" {
	[ "$(nproc)" -lt 8 ] || skip "eight CPUs or more: it may go on"
	run -0 timeout -k 2 60 "$BUILD/lab1" speedup --workers=8
	most=$(awk '$1 == 8 { print int($4) }' <<<"$output")
	[ "$most" -le "$(nproc)" ] || fail "eight loops are $most times as fast as one, on $(nproc) CPUs"
}

@test "try 3: the worker that had read the 4 is gone, and the 4 with it" {
	changed lab1 $SOURCES/lab1.c 's/^		it\.square = it\.number \* it\.number;/		if (it.number == 4)\n			raise(SIGKILL);\n&/'
	run -1 timeout -k 2 30 "$changed" by-hand
	assert_line --regexp "4 \* 4 = +0 +from 0$"
	assert_line --regexp "^!! each number was answered once"
}

@test "try 4: without the mark that it was begun, item 3 is done again, and held again" {
	changed lab1 common/stage/gate.h 's/PATIENCE 30/PATIENCE 2/'
	changed lab1 common/mp/workers.c '/atomic_store_explicit(progress, 2 \* i + 1,/,/;/d'
	run -1 timeout -k 2 30 "$changed" killed
	assert_line --regexp "is at item 3: SIGKILL$"
	assert_line --partial "Connection timed out"
	refute_line --partial "the map is over"
}

# That none is left is what teardown looks for.
@test "try 5: Ctrl-C in the middle of speedup ends all processes" {
	TERM=dumb run -130 on_terminal --on "Predict" '\x03' -- "$BUILD/lab1" speedup --workers=8 --work=500
	refute_line --partial "=>"
	no_process_left
}

@test "try 6: Python's other pool is broken at once, and says so" {
	sed -e 's/^from multiprocessing/from concurrent.futures import ProcessPoolExecutor\n&/' \
		-e 's/ctx.Pool(2)/ProcessPoolExecutor(2, ctx)/' \
		-e 's/p.map(f, range(8), chunksize=1)/list(p.map(f, range(8)))/' \
		$SOURCES/killed.py >"$BATS_TEST_TMPDIR/killed.py"
	run -1 timeout -k 2 30 python3 "$BATS_TEST_TMPDIR/killed.py"
	assert_line --partial "BrokenProcessPool"
	run -124 timeout -k 2 3 python3 $SOURCES/killed.py
	assert_output "at item 3: SIGKILL"
}
