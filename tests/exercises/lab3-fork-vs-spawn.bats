#!/usr/bin/env bats
# What the chapter of lab 3 says that one should see: the items of its Try.
# shellcheck disable=SC2154 # changed is set by the function of that name

# bats file_tags=long
load ../helpers

SOURCES=labs/lab3-fork-vs-spawn

@test "try 1: with randomisation off the addresses are equal, static is refused still" {
	setarch -R true || skip "setarch -R is not allowed here"
	run -0 timeout -k 2 30 setarch -R "$BUILD/lab3" pickle
	assert_line "=> spawn: equal, because randomisation is off"
	assert_line "=> a static function has no name: start says ENXIO, no process"
}

# The whole GiB is for people; that the factor grows with the parent shows with less.
@test "try 2: the larger parent's fork costs more, posix_spawn what it did" {
	run -0 timeout -k 2 60 "$BUILD/lab3" cost --max-rss=512M
	assert_line --regexp "^ +512 MiB +fork "
	assert_line --regexp "^=> with 512 MiB posix_spawn is cheaper"
}

@test "try 3: a file opened anew has an offset of its own" {
	changed lab3 $SOURCES/lab3-copies.c \
		's/check(lseek(file, 100, SEEK_SET));/check(lseek(open_again(file), 100, SEEK_SET));/'
	run -1 timeout -k 2 30 "$changed" shared-or-copied
	assert_line --regexp "moved the offset to 100 +it is 0$"
	assert_line "!! the open file (offset, flags, flock) is one for both"
}

@test "try 4: a guard below the start is none" {
	changed guarded $SOURCES/guarded.c '/mp_guard/d' 's/^	printf("the child.s/	mp_guard(argc, argv);\n&/'
	run -1 timeout -k 2 30 "$changed"
	assert_equal "$(grep -c 'main() runs' <<<"$output")" 2
	assert_line --partial "has not passed its guard"
	assert_line "the child's exitcode: 1"
}

@test "try 5: a static target is ENXIO in the parent, and no child" {
	changed guarded $SOURCES/guarded.c 's/^int hello/static &/'
	run -1 timeout -k 2 30 "$changed"
	assert_equal "$(grep -c 'main() runs' <<<"$output")" 1
	assert_line --partial "No such device or address"
}

@test "try 6: flushed before the fork, the text comes out once" {
	changed lab3 $SOURCES/lab3-copies.c 's/fputs(text, stream);/&fflush(stream);/'
	run -1 timeout -k 2 30 "$changed" stdio
	assert_line --regexp "by exit\(\): +times written: 1"
	assert_line --regexp "by _exit\(\): +times written: 1"
	assert_line --regexp "^!! the buffer is memory"
}
