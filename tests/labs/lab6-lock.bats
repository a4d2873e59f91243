#!/usr/bin/env bats
# Lab 6: what a person sees of it. Each test was seen to fail before it passed.

load ../helpers

# trace WORD...: plays lab 6 so; its trace is in $trace.
trace() {
	trace=$BATS_TEST_TMPDIR/run.json
	run -0 lab 6 "$@" --trace="$trace"
}

# The events of $trace from the mark $1 on, until another one; all without a mark.
events_of() {
	jq --arg mark "${1:-}" '
		def marks: [.traceEvents[] | select(.ph == "i")];
		([marks[] | select(.name == $mark).ts][0] // 0) as $from
		| ([marks[].ts | select(. > $from and $mark != "")] | min // infinite) as $to
		| [.traceEvents[] | select(.ts >= $from and .ts < $to)]' "$trace"
}

# spans NAME [MARK]: how many of that name were ended, after that mark.
spans() {
	events_of "${2:-}" | jq --arg name "$1" '[.[] | select(.ph == "X" and .name == $name)] | length'
}

# most_at_once NAME [MARK]: how many of them were open at one moment at most.
most_at_once() {
	events_of "${2:-}" | jq --arg name "$1" '
		[.[] | select(.ph == "X" and .name == $name)
		 | {at: .ts, step: 1}, {at: (.ts + .dur), step: -1}]
		| sort_by(.at, .step)
		| reduce .[] as $e ({now: 0, most: 0};
			.now += $e.step | .most = ([.most, .now] | max))
		| .most'
}

# Runs Python on stdin, with a time limit.
python() {
	timeout -k 2 30 python3 -
}

# --- program ----------------------------------------------------------------------

@test "program: the same bytes as the Python program" {
	twin=labs/lab6-lock/lab6.py
	for option in "" --hold=0.01; do
		# shellcheck disable=SC2086 # no option, no word
		lab 6 program $option >"$BATS_TEST_TMPDIR/ours"
		# shellcheck disable=SC2086
		timeout -k 2 30 python3 $twin $option >"$BATS_TEST_TMPDIR/theirs"
		run -0 cmp "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
	done
	run -0 cat "$BATS_TEST_TMPDIR/ours"
	assert_output $'hello world 0\nhello world 1\nhello world 2'
}

@test "program: both hold the lock as long as --hold says" {
	for program in "$BUILD/lab6 program" "python3 labs/lab6-lock/lab6.py"; do
		began=$(date +%s%N)
		# shellcheck disable=SC2086 # a word each
		run -0 timeout -k 2 30 $program --hold=0.2
		[ $(($(date +%s%N) - began)) -ge 600000000 ] || fail "$program was too quick"
	done
}

@test "program: no two processes are inside at once" {
	trace program --hold=0.02
	run -0 spans "in the critical section"
	assert_output 3
	run -0 most_at_once "in the critical section"
	assert_output 1
}

@test "--hold: what is no number of seconds in the range is named" {
	for text in soon "" -1 5.1 1e0 0x1 nan inf " 1" "1 " 1s 1,5 999999999999999999999; do
		run -2 --separate-stderr lab 6 --hold="$text"
		assert_equal "$output" ""
		assert_equal "$stderr" "lab6: --hold: '$text' is not seconds from 0 to 5"
	done
	run -2 --separate-stderr lab 6 --hold
	assert_equal "$stderr" "lab6: --hold: needs seconds from 0 to 5"
}

# --- by-hand ------------------------------------------------------------------------

@test "by-hand: three had the token one at a time, the fourth never gave it back" {
	trace by-hand --hold=0.01
	assert_all_held
	run -0 spans "has the token"
	assert_output 3
	run -0 most_at_once "has the token"
	assert_output 1
	run -0 jq '[.traceEvents[] | select(.ph == "B" and .name == "has the token")] | length' "$trace"
	assert_output 1
}

@test "by-hand: the token is a byte that is read and written" {
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=pipe2,read,write "$BUILD/lab6" by-hand --hold=0.01 >/dev/null
	# The first pipe of the scene.
	ends=$(grep -m 1 -o 'pipe2(\[[0-9]*, [0-9]*\]' "$BATS_TEST_TMPDIR/trace" | grep -o '[0-9]*, [0-9]*')
	run -0 grep -cE "write\(${ends#*, }, " "$BATS_TEST_TMPDIR/trace"
	assert_output 4 # the first, and three releases
	run -0 grep -cE "(read\(${ends%,*},|read resumed).*, 1\) += 1$" "$BATS_TEST_TMPDIR/trace"
	[ "$output" -ge 4 ]
}

# --- what-serializes -----------------------------------------------------------------

# at_once_is RUN N WAITED: so many at once, and so many had to wait.
at_once_is() {
	run -0 spans "in the critical section" "$1"
	assert_output 3
	run -0 most_at_once "in the critical section" "$1"
	assert_output "$2"
	run -0 spans waits "$1"
	assert_output "$3"
}

@test "what-serializes: who was inside at once, by the trace" {
	trace what-serializes --hold=0.01
	assert_all_held
	at_once_is "join inside, no lock" 1 0
	at_once_is "join inside, lock" 1 0
	at_once_is "join after, no lock" 3 0
	at_once_is "join after, lock" 1 2
}

@test "what-serializes: not by luck: nobody stays, on one CPU, again and again" {
	for _ in {1..20}; do
		run -0 timeout -k 2 30 taskset -c 0 "$BUILD/lab6" what-serializes --hold=0
		assert_line "=> join after: 3 at once without the lock, 1 with it, 2 waited"
	done
}

@test "what-serializes: four small pictures over one axis, 18 lines in all" {
	for locale in C.UTF-8 C; do
		LC_ALL=$locale run -0 lab 6 what-serializes --hold=0.02
		assert_equal "$(sed '/^$/,$d' <<<"$output" | wc -l)" 18
		assert_equal "$(grep -cE '^.{20}  Process-[123] ' <<<"$output")" 12
		assert_equal "$(grep -cE '^ +0 +[0-9.]+ +[0-9.]+ ms$' <<<"$output")" 1
		for label in "join inside, no lock" "join inside, lock" "join after, no lock" "join after, lock"; do
			assert_equal "$(grep -cE "^$label +Process-1 " <<<"$output")" 1
		done
	done
	# The three of "join after, no lock" have a column in common.
	run -0 awk '/^join after, no lock/ { rows = 3 }
		rows-- > 0 { for (i = 34; i <= length; i++) full[i] += substr($0, i, 1) == "#" }
		END { for (i in full) together += full[i] == 3; print (together > 0) }' <<<"$output"
	assert_output 1
	run -0 on_terminal --size 60x24 -- "$BUILD/lab6" what-serializes --hold=0 --color=never
	[ "$(grep Process- <<<"$output" | tr -d '\r' | wc -L)" -le 63 ]
}

@test "what-serializes: the picture has all four, over one axis" {
	svg=$BATS_TEST_TMPDIR/run.svg
	run -0 lab 6 what-serializes --hold=0 --svg="$svg"
	assert_equal "$(grep -c 'role="group"' "$svg")" 4
	for label in "join inside, no lock" "join inside, lock" "join after, no lock" "join after, lock"; do
		run -0 grep -q ">$label</text>" "$svg"
	done
	# The right end of each axis says the same.
	assert_equal "$(grep -o 'text-anchor="end">[0-9.]* ms' "$svg" | sort | uniq -c | awk '{ print $1 }')" 4
}

# --- what a waiter may hope for ---------------------------------------------------------

@test "barging: the releaser had it again, at least once, on one CPU too" {
	for cpus in 0-63 0; do
		run -0 timeout -k 2 30 taskset -c $cpus "$BUILD/lab6" barging
		assert_all_held
		[[ $output =~ had\ it\ in\ ([0-9]+)\ of ]]
		[ "${BASH_REMATCH[1]}" -ge 1 ] && [ "${BASH_REMATCH[1]}" -le 100 ]
	done
}

@test "deadlock: both waited at once; in one order one of them" {
	trace deadlock
	assert_all_held
	run -0 most_at_once waits
	assert_output 2
	run -0 spans waits
	assert_output 3
	run -0 most_at_once "has both"
	assert_output 1
	run -0 spans "has both" # but for the one who gave up
	assert_output 3
}

@test "deadlock: the patience of the one who gives up is --hold" {
	trace deadlock --hold=0.3
	run -0 jq '[.traceEvents[] | select(.ph == "X" and .name == "waits").dur] | min >= 300000' "$trace"
	assert_output true
}

@test "deadlock: asking for a lock that one has is told" {
	run -0 lab 6 deadlock
	assert_line --partial "acquire(0): EDEADLK"
	assert_line --partial "acquire(-1): EDEADLK"
}

# --- what is due to the holder ------------------------------------------------------------

@test "timeout: not before its time" {
	run -0 lab 6 timeout --hold=0.2
	assert_all_held
	assert_line --partial "acquire(0): ETIMEDOUT"
	took=$(sed -n 's/.*acquire(0.2): ETIMEDOUT, after \([0-9.]*\) s/\1/p' <<<"$output")
	run -0 awk -v took="$took" 'BEGIN { print (took >= 0.2) }'
	assert_output 1
}

@test "non-owner: EPERM, while the semaphore takes it from anybody" {
	run -0 lab 6 non-owner
	assert_all_held
	assert_equal "$(grep -c 'release: EPERM' <<<"$output")" 2
	assert_line --partial "acquire(0): 0,"
	assert_line --partial "sem_post: 0, sem_trywait: 0"
}

@test "killed: told, mended, and a lock as before" {
	run -0 lab 6 killed
	assert_all_held
	assert_line --partial "exitcode -9"
	assert_line --partial "acquire(0.05): 1, its holder died"
	assert_line --partial "90 + 0 = 90"
	assert_line --partial "acquire(0): 0,"
	assert_line --partial "sem_timedwait for 0.05 s: ETIMEDOUT"
}

@test "what the lab says of Python's Lock is so" {
	run -0 python <<-'END'
		import os, signal
		from multiprocessing import get_context
		ctx = get_context('fork')

		def take(lock, has, dies):
		    lock.acquire()
		    has.set()
		    if dies:
		        os.kill(os.getpid(), signal.SIGKILL)

		def holder(dies):
		    lock, has = ctx.Lock(), ctx.Event()
		    p = ctx.Process(target=take, args=(lock, has, dies))
		    p.start()
		    p.join()
		    return lock

		lock = holder(False)
		lock.release()  # by another process: no error
		print('free:', lock.acquire(timeout=0))
		print('taken by oneself:', lock.acquire(timeout=0))
		lock = holder(True)
		print('free after a death:', lock.acquire(timeout=0.2))
	END
	assert_output $'free: True\ntaken by oneself: False\nfree after a death: False'
}

# --- a rough world ----------------------------------------------------------------------------

@test "Ctrl-C in the middle ends all of its processes" {
	run -130 on_terminal --on "one at a time" '\x03' -- "$BUILD/lab6" by-hand --hold=0.3
	run -130 on_terminal --on "acquire(0): ETIMEDOUT" '\x03' -- "$BUILD/lab6" timeout --hold=5
	refute_line --partial "=>"
}

# interrupted SCENE N: with N processes at work, as Ctrl-C does.
interrupted() {
	local lab until=$((SECONDS + 20))
	env --default-signal=INT setsid "$BUILD/lab6" "$1" --hold=5 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	lab=$!
	until [ "$(our_processes | wc -l)" -eq "$2" ]; do
		[ "$SECONDS" -lt "$until" ] || fail "not at work: $(our_processes)"
		sleep 0.02
	done
	kill -INT -- -$lab
	wait $lab
}

@test "Ctrl-C while children wait for a lock ends them, too" {
	run -130 interrupted what-serializes 2
	run -130 interrupted deadlock 3
	run -130 interrupted by-hand 4
}
