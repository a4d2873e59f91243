#!/usr/bin/env bats
# What lab 5's chapter says under "Try" is what one sees.

# bats file_tags=long
load ../helpers

# It is luck, so it has five times to go wrong: it hangs, or not all words are there.
fails_at_times() { # COMMAND...
	for _ in 1 2 3 4 5; do
		run timeout -k 2 5 "$@"
		[ "$status" -eq 0 ] || return 0
	done
	fail "held five times: $*"
}

@test "try 1: without the writers' lock, or without the readers', words are lost" {
	changed lab5 labs/lab5-queue/lab5.c 's/WORDS 500\>/WORDS 5000/' \
		'/acquire(put_lock);/d' '/release(put_lock);$/{/tokens/!d}'
	fails_at_times "$changed" by-hand
	cp labs/lab5-queue/lab5.c "$BATS_TEST_TMPDIR/tree/labs/lab5-queue"
	changed lab5 labs/lab5-queue/lab5.c 's/WORDS 500\>/WORDS 5000/' \
		'/acquire(get_lock);/d' '/release(get_lock);$/{/tokens/!d}'
	fails_at_times "$changed" by-hand
}

@test "try 2: commit before announce: every-instruction alone finds it" {
	changed lab5 common/mp/queue.c '/announce(&ring->filled);/{N;s/\(.*\)\n\(.*commit.*\)/\2\n\1/}'
	run -0 timeout -k 2 30 "$changed" many killed
	assert_all_held
	run -1 timeout -k 2 60 "$changed" every-instruction
	assert_line --partial "!! and the sleeper was woken whenever it had to"
	refute_line --partial "no message was torn" # nobody has looked
}

@test "try 3: a wake for one is lost with who was woken" {
	changed lab5 common/sys/futex.c 's/INT_MAX/1/'
	run -1 timeout -k 2 30 "$changed" woken
	assert_line --partial "!! each put wakes all"
}

@test "try 4: two stores, and there is a queue that contradicts itself" {
	changed lab5 common/mp/queue.c \
		's/point->both = next.both;/*(volatile uint32_t *)\&point->bytes = next.bytes; *(volatile uint32_t *)\&point->messages = next.messages;/'
	run -1 timeout -k 2 60 "$changed" every-instruction
	assert_line --regexp '^!! '
}

@test "try 5: joined before it is drained, without a timeout: for ever" {
	sed 's/p\.join(1)/p.join()/' labs/lab5-queue/join_first.py >"$BATS_TEST_TMPDIR/join_first.py"
	run -124 timeout -k 2 3 python3 -u "$BATS_TEST_TMPDIR/join_first.py"
	assert_output "60000 bytes, joined"
}
