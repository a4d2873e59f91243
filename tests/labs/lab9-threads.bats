#!/usr/bin/env bats
# Lab 9: what a person sees of it. Each test was seen to fail before it passed.

load ../helpers

@test "program: the same bytes as the Python program" {
	lab 9 program >"$BATS_TEST_TMPDIR/ours"
	python_twin 9 >"$BATS_TEST_TMPDIR/theirs"
	run -0 cmp "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
	run -0 cat "$BATS_TEST_TMPDIR/ours"
	assert_output $'1\n1'
}

@test "program: Ctrl-C ends the Python program, whose threads wait" {
	run -0 timeout -k 2 30 python3 - labs/lab9-threads/lab9.py <<-'END'
		import signal, subprocess, sys
		signal.signal(signal.SIGINT, signal.SIG_DFL)
		twin = subprocess.Popen(['python3', sys.argv[1]], stdout=subprocess.PIPE)
		twin.stdout.readline()
		twin.send_signal(signal.SIGINT)
		try:
		    twin.wait(10)
		finally:
		    twin.kill()
	END
}

@test "program: the parent did have three threads, its children made none; one exec'd" {
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=clone,clone3,execve "$BUILD/lab9" program
	run -0 grep CLONE_THREAD "$BATS_TEST_TMPDIR/trace"
	assert_equal "${#lines[@]}" 2
	assert_equal "$(cut -d' ' -f1 <<<"$output" | sort -u | wc -l)" 1
	run -0 grep -c 'execve.* = 0$' "$BATS_TEST_TMPDIR/trace"
	assert_output 2
}

@test "by-hand: 3, then 1" {
	run -0 lab 9 by-hand
	assert_all_held
	assert_line --regexp 'child +entries in /proc/self/task: 1; it called fork\(\): yes$'
	assert_line --regexp 'MainProcess +entries in /proc/self/task: 3$'
}

# --- locks ------------------------------------------------------------------------

row() { # NAME: the thread id of that row of the trace
	jq -r --arg name "$1" 'first(.traceEvents[] | select(.ph == "M" and .args.name == $name)).tid' "$trace"
}

spans() { # ROW NAME: begin and end of each such span, a line each
	jq -r --argjson tid "$(row "$1")" --arg name "$2" '.traceEvents[]
		| select(.ph == "X" and .tid == $tid and .name == $name) | "\(.ts) \(.ts + .dur)"' "$trace"
}

@test "locked-for-ever: mutex and mp_lock, before and after the thread let go" {
	run -0 lab 9 locked-for-ever
	assert_all_held
	assert_line --regexp 'forked +mutex: ETIMEDOUT, mp_lock: ETIMEDOUT$'
	assert_line --regexp "exec'd +mutex: taken; mp_lock: not mapped; attached: ETIMEDOUT\$"
	assert_line --regexp 'MainProcess +the thread let go; mutex here: taken$'
	assert_line --regexp 'forked +mutex: ETIMEDOUT after 0.01 s, mp_lock: taken$'
}

@test "locked-for-ever: the child's second try began after the thread's end of holding" {
	trace=$BATS_TEST_TMPDIR/run.json
	run -0 lab 9 locked-for-ever --trace="$trace"
	read -r held released < <(spans thread "holds both")
	spans forked tries >"$BATS_TEST_TMPDIR/tries"
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/tries")" 2
	run -0 awk -v held="$held" -v released="$released" '
		NR == 1 && !($1 > held && $2 < released) { print "not while it was held" }
		NR == 2 && !($1 > released && $2 - $1 >= 10000) { print "not after it, or too short" }' \
		"$BATS_TEST_TMPDIR/tries"
	assert_output ""
}

@test "locked-for-ever, atfork: a thread has its own row, in its process" {
	trace=$BATS_TEST_TMPDIR/run.json
	run -0 lab 9 locked-for-ever atfork --trace="$trace"
	run -0 jq -r '[.traceEvents[] | select(.name == "thread_name")
		| .args.name == "thread" and .pid != .tid] | "\(length) \(all)"' "$trace"
	assert_output "2 true"
	run -0 lab 9 locked-for-ever
	assert_line --regexp '^thread +▓+ *$'
}

@test "atfork: fork() waits in its handler; one mutex is cured, the other is not" {
	trace=$BATS_TEST_TMPDIR/run.json
	run -0 lab 9 atfork --trace="$trace"
	assert_all_held
	assert_line --regexp '^ +parent +default +unlocked +taken$'
	assert_line --regexp '^ +parent +error-checking +unlocked +taken$'
	assert_line --regexp '^ +child +default +unlocked +taken$'
	assert_line --regexp '^ +child +error-checking +EPERM +ETIMEDOUT$'
	read -r called returned < <(spans MainProcess "fork()")
	read -r _ released < <(spans thread "holds both")
	run -0 awk "BEGIN { print ($called < $released && $released < $returned) }"
	assert_output 1
}

@test "atfork: its handlers are off afterwards, and it can be played again" {
	run -0 lab 9 atfork by-hand atfork locked-for-ever
	assert_all_held
	assert_equal "$(grep -c 'error-checking: EPERM' <<<"$output")" 2
}

# --- what goes well -----------------------------------------------------------------

@test "order-matters: all, all, none; as often as --rounds says" {
	for rounds in 1 7; do
		run -0 lab 9 order-matters --rounds=$rounds
		assert_all_held
		assert_line --regexp "^ +fork; a thread that holds it +$rounds of $rounds\$"
		assert_line --regexp "^ +a thread that holds it; spawn +$rounds of $rounds\$"
		assert_line --regexp "^ +a thread that holds it; fork +0 of $rounds\$"
		assert_line --regexp "^ +a thread that often takes it; fork +[0-9]+\.[0-9] %\$"
	done
}

@test "forkserver: one thread and a free mutex, from somebody else" {
	run -0 lab 9 forkserver
	assert_all_held
	assert_line --regexp '^its parent +this lab +the helper +the server$'
	assert_line --regexp '^threads, here 2 +1 +1 +1$'
	assert_line --regexp '^the mutex +ETIMEDOUT +taken +taken$'
	assert_equal "$(grep -cE '^start, .*( +[0-9.]+ ms){3}$' <<<"$output")" 2
}

# bats test_tags=long
@test "forkserver: strace sees the helper fork, and the lab exec just the server" {
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=clone,clone3,fork,vfork,execve \
		"$BUILD/lab9" forkserver --max-rss=1M >/dev/null
	helper=$(awk '/ (clone3?|fork)\(/ && !/CLONE_VFORK/ { print $NF; exit }' "$BATS_TEST_TMPDIR/trace")
	run -0 grep -cE "^$helper .*(clone3?|fork)[( ].* = [0-9]+" "$BATS_TEST_TMPDIR/trace"
	[ "$output" -gt 10 ] || fail "the helper forked $output times"
	run -0 grep -c 'execve.* = 0$' "$BATS_TEST_TMPDIR/trace"
	assert_output 2
	run -1 grep "^$helper .*execve" "$BATS_TEST_TMPDIR/trace"
	run -0 grep -c 'CLONE_THREAD' "$BATS_TEST_TMPDIR/trace"
	assert_output 1
}

# bats test_tags=long
@test "forkserver: a parent too small to tell is told, and nothing concluded" {
	run -0 lab 9 forkserver --max-rss=1M
	assert_line --partial "too few to tell"
	refute_line --partial "follows our size"
}

# Three processes of ours: the lab is in the middle of it.
@test "forkserver: the lab is killed, and takes helper and server with it" {
	for signal in KILL TERM INT; do
		env --default-signal=INT "$BUILD/lab9" forkserver >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
		until [ "$(our_processes | wc -l)" -ge 3 ]; do
			kill -0 $! 2>/dev/null || fail "it has ended: $(cat "$BATS_TEST_TMPDIR/output")"
		done
		kill -$signal $!
		wait $! || true
		no_process_left
	done
}

# --- wrong values --------------------------------------------------------------------

@test "--rounds: what is no whole number in the range is named" {
	refused 9 "--rounds: needs a whole number from 1 to 1000" --rounds
	for text in many "" 0 -1 1001 1.5 1e2 0x10 " 1" "1 " 1s 99999999999999999999; do
		refused 9 "--rounds: '$text' is not a whole number from 1 to 1000" --rounds="$text"
	done
}

@test "--max-rss: what is no size in the range is named" {
	refused 9 "--max-rss: needs a size from 1M to 64G" --max-rss
	for text in big "" -1M 0 1023K 65G 1.5G 16MB; do
		refused 9 "--max-rss: '$text' is not a size from 1M to 64G" --max-rss="$text"
	done
}

# --- no hang --------------------------------------------------------------------------

# bats test_tags=storm
@test "again and again beside two busy loops: every run ends, all holds" {
	count=4
	[ "${STORM:-}" != full ] || count=200
	for loop in 1 2; do
		timeout 300 sh -c 'while :; do :; done' >/dev/null 2>&1 3>&- &
		busy[loop]=$!
	done
	for ((i = 0; i < count; i++)); do
		lab 9 by-hand locked-for-ever atfork order-matters --rounds=5 >"$BATS_TEST_TMPDIR/output" || break
	done
	kill "${busy[@]}"
	assert_equal "$i" "$count"
	run -0 cat "$BATS_TEST_TMPDIR/output"
	assert_all_held
}
