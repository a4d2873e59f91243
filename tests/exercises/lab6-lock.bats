#!/usr/bin/env bats
# What lab 6's chapter says under "Try" is what one sees.

# bats file_tags=long
load ../helpers

# The newest child of a program, once there is one that says hello.
kill_the_child_of() { # PID LOG
	wait_until [ -s "$2" ]
	kill -KILL "$(pgrep -n -P "$1")"
}

@test "try 1: after the holder's death Python's next one waits for ever" {
	stdbuf -oL python3 -u labs/lab6-lock/lab6.py --hold=3 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	kill_the_child_of $! "$BATS_TEST_TMPDIR/out"
	sleep 1
	run -0 cat "$BATS_TEST_TMPDIR/out"
	assert_output "hello world 0"
	pkill -KILL -P $!
	kill -KILL $!
	wait $! || true
}

@test "try 1: ours is told, and its check takes that for no failure" {
	changed lab6 labs/lab6-lock/lab6.c '/^		if (p.status != 0)$/,+1d'
	"$changed" program --hold=0.5 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	wait_until pgrep -P $! >/dev/null
	sleep 0.1 # it has the lock now; and if not, all else is as it should be
	kill -KILL "$(pgrep -n -P $!)"
	wait $!
	run -0 cat "$BATS_TEST_TMPDIR/out"
	assert_output $'hello world 1\nhello world 2'
}

behind='/^static void play_program/,/^}/{
s/struct mp_process p = {/p[num] = (struct mp_process){/
s/check(mp_process_start(&p))/check(mp_process_start(\&p[num]))/
/check(mp_process_join/d
/if (p.status/,+1d
s/struct mp_lock lock;/struct mp_lock lock; struct mp_process p[3];/
s/mp_lock_close(&lock)/for (int num = 0; num < 3; num++) check(mp_process_join(\&p[num], -1)); mp_lock_close(\&lock)/
}'

@test "try 2: join behind the loop: three holds with the lock, one without" {
	changed lab6 labs/lab6-lock/lab6.c "$behind"
	began=$EPOCHREALTIME
	run -0 timeout -k 2 30 "$changed" program --hold=0.5
	[ $((${EPOCHREALTIME/./} - ${began/./})) -ge 1500000 ]
	assert_equal "$(sort <<<"$output")" $'hello world 0\nhello world 1\nhello world 2'
	changed lab6 labs/lab6-lock/lab6.c '/check(mp_lock_acquire(it->lock, -1));/d' '/check(mp_lock_release(it->lock));/d'
	began=$EPOCHREALTIME
	run -0 timeout -k 2 30 "$changed" program --hold=2
	[ $((${EPOCHREALTIME/./} - ${began/./})) -lt 6000000 ]
	assert_equal "$(sort <<<"$output")" $'hello world 0\nhello world 1\nhello world 2'
}

@test "try 3: without the waiting what they do with join behind the loop is luck" {
	changed lab6 labs/lab6-lock/lab6-join.c '/^	*wait_for_all(&room->door);/d'
	# It may come out right a few times.
	for _ in {1..30}; do
		run timeout -k 2 30 "$changed" what-serializes --hold=0
		assert_line --partial "=> join inside"
		if grep -q '^!! join after' <<<"$output"; then return 0; fi
	done
	fail "the second conclusion held thirty times"
}

@test "try 4: who tries again gets both, and then only the conclusion is wrong" {
	changed lab6 labs/lab6-lock/lab6-wait.c \
		's/^	check(take(&table->lock\[me->first\], &table->first, PATIENCE));/again:\n&/' \
		's/^	return got == 0 ? HAD_BOTH : GAVE_UP;/	if (got != 0)\n		goto again;\n&/'
	run -1 timeout -k 2 30 "$changed" deadlock
	assert_line --partial "!! opposite order"
	assert_equal "$(grep -c '^!!' <<<"$output")" 1
}

@test "try 5: without a second look the others sleep in front of a free lock" {
	changed lab6 common/mp/lock.c 's/^\(#define SLICE *\)0\.1\b/\11000/'
	cp -a "$TOP/tests" "$BATS_TEST_TMPDIR/tree"
	run -0 make -s -C "$BATS_TEST_TMPDIR/tree" BUILD=build build/tests/mp/lock
	run timeout -k 2 120 "$BATS_TEST_TMPDIR/tree/build/tests/mp/lock"
	[ "$status" -ne 0 ]
	assert_output --partial "[  FAILED  ] a_killed_waiter_holds_up_nobody"
}
