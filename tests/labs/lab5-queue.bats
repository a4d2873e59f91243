#!/usr/bin/env bats
# Lab 5: what a person sees of it. Each test was seen to fail before it passed.

load ../helpers

@test "program: the same bytes as the Python program" {
	lab 5 program >"$BATS_TEST_TMPDIR/ours"
	python_twin 5 >"$BATS_TEST_TMPDIR/theirs"
	run -0 cmp "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
	run -0 cat "$BATS_TEST_TMPDIR/ours"
	assert_output $'1\n2\n3'
}

@test "program: no thread feeds our queue, one feeds Python's" {
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/ours" -e trace=clone,clone3 "$BUILD/lab5" program
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/theirs" -e trace=clone,clone3 python3 labs/lab5-queue/lab5.py
	run -1 grep CLONE_THREAD "$BATS_TEST_TMPDIR/ours"
	run -0 grep -c CLONE_THREAD "$BATS_TEST_TMPDIR/theirs"
}

@test "by-hand: each word came to one consumer" {
	run -0 lab 5 by-hand
	assert_all_held
	run -0 awk '/I got .* % of the words/ { sum += $5 } END { print NR, sum }' <<<"$output"
	assert_output "5 100"
}

@test "by-hand: three pipes; length and word are two writes, nobody else's between" {
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=pipe,pipe2,write "$BUILD/lab5" by-hand
	run -0 sed -n 's/.*pipe2*(\[[0-9]*, \([0-9]*\)\].*/\1/p' "$BATS_TEST_TMPDIR/trace"
	assert_equal "${#lines[@]}" 3
	run -0 awk -v end="write\\(${lines[0]}," '
		$0 ~ end { if (++writes % 2) pid = $1; else if ($1 != pid) between++ }
		END { print writes, between + 0 }' "$BATS_TEST_TMPDIR/trace"
	assert_output "2000 0"
}

# --- at work -----------------------------------------------------------------------

trace() { # WORD...: the run's trace is in $trace
	trace=$BATS_TEST_TMPDIR/run.json
	run -0 lab 5 "$@" --trace="$trace"
	assert_all_held
}

@test "many: a million items, each once, by four and four" {
	trace many --items=1000000
	assert_line "=> 1000000 of 1000000 items were got, each once"
	run -0 awk '/^got by each:/ { all = $4 + $5 + $6 + $7; print (all > 99.7 && all < 100.3) }' <<<"$output"
	assert_output 1
	for name in puts gets; do
		run -0 jq --arg name $name '[.traceEvents[] | select(.ph == "X" and .name == $name).pid]
			| unique | length' "$trace"
		assert_output 4
	done
}

@test "many: fewer items than four a producer, and a number that is no multiple of four" {
	run -0 lab 5 many --items=4
	assert_all_held
	run -0 lab 5 many --items=11
	assert_line "=> 8 of 8 items were got, each once"
}

@test "bounded: the n-th put ends when n gets have begun; the consumer keeps its pace" {
	trace bounded --pace=0.03
	run -0 jq '(.traceEvents | map(select(.ph == "X" or .ph == "i"))) as $all
		| ([$all[] | select(.name == "it is in").ts] | sort) as $put
		| ([$all[] | select(.name == "got it").ts] | sort) as $got
		| [$all[] | select(.name == "gets, works")][0] as $consumer
		| ($put | length) == 8 and ($got | length) == 12 and $put[0] > $consumer.ts
			and all(range(1; 8); $put[.] > $got[. - 1])
			and all(range(1; 12); $got[.] - $got[. - 1] >= 30000)' "$trace"
	assert_output true
}

@test "bounded: both timeouts were no shorter than they said" {
	run -0 lab 5 bounded --timeout=0.2 --pace=0.001
	assert_all_held
	for what in "get, from the empty queue" "put, into the full queue"; do
		took=$(sed -n "s/.*$what: ETIMEDOUT after \([0-9.]*\) s/\1/p" <<<"$output")
		awk -v took="$took" 'BEGIN { exit !(took >= 0.2) }' || fail "$what: $took"
	done
}

@test "join-before-drain: what fits is left behind, what does not is waited for" {
	trace join-before-drain --timeout=0.2
	assert_line --regexp '50 messages: joined, exitcode 0; 50 in the queue$'
	assert_line --regexp '100 messages: join gave up; 65 are in, the child sleeps$'
	# The second child was still at its puts when the join gave up, and ended in the drain.
	run -0 jq '[.traceEvents[] | select(.ph == "X")] as $all
		| [$all[] | select(.name == "join")] as $join
		| [$all[] | select(.name == "puts")][1] as $puts
		| [$all[] | select(.name == "gets")][1] as $gets
		| ($join | length) == 2 and $join[0].dur >= 200000
			and $puts.ts + $puts.dur > $join[0].ts + $join[0].dur
			and $puts.ts + $puts.dur > $gets.ts' "$trace"
	assert_output true
}

@test "join_first.py: Python's child ends up to what a pipe holds, and no further" {
	run -0 timeout -k 2 30 python3 labs/lab5-queue/join_first.py
	assert_output $'60000 bytes, joined\n70000 bytes, still there after a second'
}

# --- killed ------------------------------------------------------------------------

@test "killed: before and after, at every moment" {
	run -0 lab 5 killed --kills=1
	assert_all_held
	assert_line --regexp 'copying its message in +0 +0  goes on$'
	assert_line --regexp 'copying a message out +1 +1  goes on$'
	assert_line --regexp 'asleep in put +1 +1  goes on$'
	assert_line --regexp 'asleep in get +0 +0  goes on$'
	assert_line --regexp 'after its put +0 +1  goes on$'
	assert_line --regexp 'after its get +1 +0  goes on$'
}

@test "killed: none got through its copy, and SIGKILL was what ended each" {
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=none -e signal=all \
		"$BUILD/lab5" killed --kills=10 >/dev/null
	# SIGBUS stops the two that copy. The six moments and the storm's five consumers are
	# killed; its five producers, too, unless they have put all they had.
	run -0 grep -c 'SIGBUS.*BUS_ADRERR' "$BATS_TEST_TMPDIR/trace"
	assert_output 2
	run -0 grep -c 'killed by SIGKILL' "$BATS_TEST_TMPDIR/trace"
	[ "$output" -ge 11 ] && [ "$output" -le 16 ] || fail "$output were killed"
}

# bats test_tags=storm
@test "killed: a storm loses at most one message a consumer" {
	kills=200
	[ "${STORM:-}" != full ] || kills=5000
	run -0 lab 5 killed --kills=$kills
	assert_all_held
	[[ $output =~ storm:\ ([0-9]+)\ kills,\ ([0-9]+)\ messages:\ 0\ torn\ or\ twice,\ (0\.[0-9]+|1\.00)\ lost ]]
	assert_equal "${BASH_REMATCH[1]}" "$kills"
	[ "${BASH_REMATCH[2]}" -gt $kills ] || fail "nothing was put: $output"
}

@test "every-instruction: not yet, and from one instruction on for good" {
	run -0 lab 5 every-instruction
	assert_all_held
	for what in put get; do
		[[ $output =~ $what,\ ([0-9]+)\ instructions ]]
		all=${BASH_REMATCH[1]}
		[[ $output =~ $what:\ killed\ after\ ([0-9]+)\ nothing\ is\ done,\ after\ ([0-9]+)\ all\ is ]]
		[ "${BASH_REMATCH[2]}" -eq $((BASH_REMATCH[1] + 1)) ]
		[ "${BASH_REMATCH[1]}" -gt 50 ] && [ "${BASH_REMATCH[2]}" -lt "$all" ] || fail "$output"
	done
	assert_equal "$(grep -cE '^  ·+█+  █ it is (in|out)$' <<<"$output")" 2
}

# bats test_tags=long
@test "every-instruction: plain ASCII where the locale is not UTF-8" {
	LC_ALL=C run -0 lab 5 every-instruction
	assert_equal "$(grep -cE '^  \.+#+  # it is (in|out)$' <<<"$output")" 2
}

@test "every-instruction: a system that says no to ptrace is told, nothing concluded" {
	# strace holds all of them already, and nobody is held twice.
	for scene in every-instruction woken; do
		run -0 timeout -k 2 30 strace -f -o /dev/null "$BUILD/lab5" $scene
		assert_line --regexp '^No process can be .* by ptrace\(2\) here'
		refute_line --regexp '^(=>|!!)'
	done
}

@test "woken: one is killed with its wake-up, the other gets the message" {
	run -0 lab 5 woken
	assert_all_held
	assert_line --partial "the first wakes, and is killed before it does anything"
	assert_line --partial "the second got the message"
}

# interrupted SCENE: with its children at work, as Ctrl-C does.
interrupted() {
	local lab children until=$((SECONDS + 20))
	env --default-signal=INT setsid "$BUILD/lab5" "$1" --pace=1 --timeout=5 --kills=10000 \
		>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	lab=$!
	# In one read: some live for a millisecond, and are gone before pgrep asks for them.
	until read -r children </proc/$lab/task/$lab/children || [ -n "$children" ]; do
		[ "$SECONDS" -lt "$until" ] || return 1
	done
	kill -INT -- -$lab
	wait $lab
}

@test "Ctrl-C ends all of it, also those who sleep, and those led by ptrace" {
	for scene in bounded join-before-drain killed every-instruction; do
		run -130 interrupted $scene
		PATIENCE=2 no_process_left
	done
}

# --- its options ---------------------------------------------------------------------

@test "--items, --kills: what is no whole number in the range is named" {
	refused 5 "--items: needs a whole number from 4 to 1000000" --items
	refused 5 "--kills: needs a whole number from 1 to 10000" --kills
	for text in many "" -1 0 3 1000001 1e3 0x10 4.5 " 5" "5 " nan inf 99999999999999999999; do
		refused 5 "--items: '$text' is not a whole number from 4 to 1000000" --items="$text"
	done
	for text in all "" -1 0 10001 1e3 0x10 1.5 " 5" "5 " nan inf 99999999999999999999; do
		refused 5 "--kills: '$text' is not a whole number from 1 to 10000" --kills="$text"
	done
}

@test "--pace, --timeout: what is no number of seconds in the range is named" {
	refused 5 "--pace: needs seconds from 0.001 to 1" --pace
	refused 5 "--timeout: needs seconds from 0.001 to 5" --timeout
	for text in slow "" -1 0 0.0001 1.1 1e-1 0x1 nan inf " 1" "1 " 1s 0,5; do
		refused 5 "--pace: '$text' is not seconds from 0.001 to 1" --pace="$text"
	done
	for text in soon "" -1 0 0.0001 5.1 1e-1 0x1 nan inf " 1" "1 " 1s 0,5; do
		refused 5 "--timeout: '$text' is not seconds from 0.001 to 5" --timeout="$text"
	done
}

@test "the ends of the ranges are taken" {
	run -0 lab 5 many bounded killed --items=4 --pace=0.001 --timeout=0.001 --kills=1
	assert_all_held
	run -0 lab 5 by-hand --timeout 5 --pace 1 --items 1000000 --kills 10000
	assert_all_held
}
