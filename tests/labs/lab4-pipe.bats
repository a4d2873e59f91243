#!/usr/bin/env bats
# Lab 4: what a person sees of it. Each test was seen to fail before it passed.

load ../helpers

@test "program: the same bytes as the Python program" {
	lab 4 program >"$BATS_TEST_TMPDIR/ours"
	python_twin 4 >"$BATS_TEST_TMPDIR/theirs"
	run -0 cmp "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
	run -0 cat "$BATS_TEST_TMPDIR/ours"
	assert_output "hello"
}

@test "program: the message travels as CPython's does" {
	timeout -k 2 30 strace -f -xx -o "$BATS_TEST_TMPDIR/trace" -e trace=write \
		"$BUILD/lab4" program >/dev/null
	run -0 grep -E 'write\([0-9]+, "\\x00\\x00\\x00\\x05\\x68\\x65\\x6c\\x6c\\x6f", 9\) += 9' "$BATS_TEST_TMPDIR/trace"
}

@test "by-hand: three writes, the bytes in that order, then the end" {
	run -0 lab 4 by-hand
	assert_all_held
	assert_line --partial 'read: "one two three", and then the end: 0'
}

@test "copies: what is sent on one comes out of the other, once" {
	run -0 lab 4 copies
	assert_all_held
	assert_regex "$output" "out, out_cp: pipe:\[([0-9]+)\]   in, in_cp: pipe:\[([0-9]+)\]"
	assert_equal "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
	assert_line --regexp '^  one +in +out_cp +EAGAIN$'
	assert_line --regexp '^  two +in_cp +out +EAGAIN$'
	assert_line --regexp "^  three +the child's in +out_cp +EAGAIN\$"
	assert_line --regexp "^  four +in +the child's out +EAGAIN\$"
}

@test "one-reader: each record to one reader; the head that B saw are A's bytes" {
	run -0 lab 4 one-reader
	assert_all_held
	shares=$(sed -n 's/.*1000 records of 8 bytes: A read \([0-9.]*\) %, B \([0-9.]*\) %; luck/\1+\2/p' <<<"$output")
	run -0 python3 -c 'import sys; print(round(sum(map(float, sys.argv[1].split("+"))), 1))' "$shares"
	assert_output 100.0
	run -0 lab 4 one-reader
	assert_line --regexp 'A +read a head: 12 bytes'
	length=$(python3 -c 'import struct; print(*struct.unpack("!i", b"hell"))')
	assert_line --regexp "B +read a head: $length bytes"
	assert_line --regexp 'A +read on, for 12 bytes: 8: o, world$'
}

@test "one-reader: with mp B gives up its turn, and A has the message" {
	run -0 lab 4 one-reader
	refused=$(grep -n 'B .*recv_bytes_into: ETIMEDOUT' <<<"$output" | cut -d: -f1)
	received=$(grep -n 'A .*recv_bytes_into: 12: hello, world' <<<"$output" | cut -d: -f1)
	[ "$refused" -lt "$received" ] || fail "$output"
}

@test "end-of-file: not before the last copy is closed" {
	run -0 lab 4 end-of-file
	assert_all_held
	assert_equal "$(grep -oE 'the next read: .*|I close my copy' <<<"$output")" \
		$'the next read: EAGAIN\nI close my copy\nthe next read: 0'
}

@test "end-of-file: the list names the sibling, and the lab as the reader" {
	run -0 lab 4 end-of-file --trace="$BATS_TEST_TMPDIR/run.json"
	pid() {
		jq -r --arg name "$1" '.traceEvents[] | select(.name == "process_name" and .args.name == $name).pid' \
			"$BATS_TEST_TMPDIR/run.json"
	}
	assert_line --regexp "^ *$(pid sibling) +[0-9]+  write  sibling$"
	assert_line --regexp "^ *$(pid MainProcess) +[0-9]+  read   lab4$"
	assert_equal "$(grep -c '  write  ' <<<"$output")" 1
}

@test "end-of-file: without holders beside it the lab says so" {
	cp "$BUILD/lab4" "$BATS_TEST_TMPDIR/lab4"
	run -1 timeout -k 2 30 "$BATS_TEST_TMPDIR/lab4" end-of-file
	assert_line --partial "No such file or directory"
	refute_line --regexp '^=>'
}

@test "broken-pipe: one child is ended by SIGPIPE, another gets EPIPE" {
	run -0 timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=write \
		"$BUILD/lab4" broken-pipe
	assert_all_held
	run -0 grep -c 'killed by SIGPIPE' "$BATS_TEST_TMPDIR/trace"
	assert_output 1
	run -0 grep -c 'write(.*"hello", 5) *= -1 EPIPE' "$BATS_TEST_TMPDIR/trace"
	assert_output 2
}

@test "broken-pipe: where SIGPIPE comes ignored or blocked, too" {
	for how in 'trap "" PIPE; exec "$@"' 'exec env --block-signal=PIPE "$@"'; do
		run -0 timeout -k 2 30 sh -c "$how" - "$BUILD/lab4" broken-pipe
		assert_all_held
	done
}

@test "two-way: both messages are on their way before one is received" {
	run -0 lab 4 two-way
	assert_all_held
	sent=$(grep -n 'sent "' <<<"$output" | tail -n 1 | cut -d: -f1)
	received=$(grep -n 'received "' <<<"$output" | head -n 1 | cut -d: -f1)
	[ "$sent" -lt "$received" ] || fail "$output"
	assert_line --regexp 'MainProcess +received "pong"'
	assert_line --regexp 'child +received "ping"'
	assert_line --partial "a one-way pair: EBADF"
}

@test "capacity: what CPython counts, too" {
	run -0 timeout -k 2 30 python3 -c 'if True:
		import os
		reader, writer = os.pipe()
		os.set_blocking(writer, False)
		count = 0
		try:
		    while True:
		        count += os.write(writer, b"x")
		except BlockingIOError:
		    print(count)'
	count=$output
	run -0 lab 4 capacity
	assert_all_held
	assert_line "  F_GETPIPE_SZ says $count, PIPE_BUF is $(getconf PIPE_BUF /)"
	assert_line "  single bytes, until there is no room: $count, then EAGAIN"
	assert_line "  100 bytes free, a write of 4096: EAGAIN"
	assert_line "  100 bytes free, a write of $(($(getconf PAGESIZE) + 1)): 1"
}

@test "torn: A writes, then B, then A again, by the trace" {
	run -0 lab 4 torn --trace="$BATS_TEST_TMPDIR/run.json"
	assert_all_held
	run -0 jq -r '.traceEvents
		| (map(select(.name == "process_name")) | map({ (.pid | tostring): .args.name }) | add) as $name
		| map(select(.name == "writes")) | sort_by(.ts)
		| map($name[.pid | tostring]) | join(" ")' "$BATS_TEST_TMPDIR/run.json"
	assert_output "A B A A B A"
	# Of the first two frames the later one, B's, ends within the other.
	run -0 jq '.traceEvents | map(select(.name == "frame")) | sort_by(.ts)
		| .[0].ts + .[0].dur > .[1].ts + .[1].dur' "$BATS_TEST_TMPDIR/run.json"
	assert_output true
}

@test "torn: what A's message ends with, and the next head, are B's bytes" {
	run -0 lab 4 torn
	# B's frame is 4096 bytes: 00 00 0f fc 42 42 ...
	assert_line --partial "A's message ends with 41 41 41 00"
	assert_line --partial "the next head is 00 0f fc 42: $((0x000ffc42)) bytes"
}

@test "torn: every time, on one CPU too" {
	for _ in 1 2 3 4 5; do
		run -0 timeout -k 2 30 taskset -c 0 "$BUILD/lab4" torn
		assert_line --regexp '^=> over PIPE_BUF: .* torn$'
		run -0 lab 4 torn
		assert_line --regexp '^=> over PIPE_BUF: .* torn$'
	done
}

@test "data-is-copied: the buffer has changed, the message has not" {
	run -0 lab 4 data-is-copied
	assert_all_held
	assert_line --partial 'the buffer says "after", I received "before"'
}

@test "a reader of the lab's lines that goes away: no hang" {
	for lines in 1 9 33 62; do
		since=$SECONDS
		lab 4 2>/dev/null | head -n "$lines" >"$BATS_TEST_TMPDIR/some"
		[ $((SECONDS - since)) -lt 10 ] || fail "head -n $lines: $((SECONDS - since)) s"
		assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/some")" "$lines"
	done
}

@test "small pipes, as of a user who has very many" {
	# Root's are always large; and nobody may not look into every folder.
	folder=$(mktemp -d)
	cp "$BUILD/lab4" "$BUILD/holders" "$folder"
	chmod -R a+rX "$folder"
	run -0 timeout -k 2 60 python3 - "$folder/lab4" <<-'END'
		import fcntl, os, resource, subprocess, sys

		most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
		resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
		if os.getuid() == 0:
		    os.setgroups([])
		    os.setgid(65534)
		    os.setuid(65534)
		pipes = []
		while True:
		    pipes.append(os.pipe())
		    size = fcntl.fcntl(pipes[-1][0], 1032)  # F_GETPIPE_SZ
		    if size < 65536:
		        break
		# Room for 25 pipes that other tests of this user close meanwhile.
		pipes += [os.pipe() for _ in range(200)]
		sys.exit(subprocess.run([sys.argv[1], 'one-reader', 'end-of-file', 'capacity', 'torn']).returncode)
	END
	rm -r "$folder"
	assert_all_held
	refute_line --partial "F_GETPIPE_SZ says 65536"
}

# --- holders ----------------------------------------------------------------------

holders() {
	timeout -k 2 30 "$BUILD/holders" "$@"
}

# What has two ends of a pipe, 7 and 8, and one of a pair of sockets, 9.
start_holding() {
	python3 -c 'if True:
		import os, socket, sys, time
		for number, fd in zip((7, 8), os.pipe()):
		    os.dup2(fd, number)
		    os.close(fd)
		one, other = socket.socketpair()
		os.dup2(one.fileno(), 9)
		one.close()
		if os.fork() == 0:
		    os.close(8)
		    open("/proc/self/comm", "w").write("a\033[31m \nb")
		    time.sleep(60)
		print(os.getpid(), flush=True)
		time.sleep(60)' >"$BATS_TEST_TMPDIR/pid" 2>/dev/null 3>&- &
	job=$!
	until [ -s "$BATS_TEST_TMPDIR/pid" ] && child=$(pgrep -P "$job") &&
		grep -q 31m "/proc/$child/comm"; do sleep 0.01; done
	pid=$(cat "$BATS_TEST_TMPDIR/pid")
}

stop_holding() {
	kill "$child" "$job"
	wait "$job" || true
}

@test "holders: a line for each descriptor, with its end; nobody else" {
	start_holding
	run -0 --separate-stderr holders "$pid" 7
	assert_line --regexp "^ *$pid +7  read   python3\$"
	assert_line --regexp "^ *$pid +8  write  python3\$"
	assert_equal "${#lines[@]}" 4
	# The child has one, too, and its name does nothing to a terminal.
	assert_line --regexp "^ *$child +7  read   a\?\[31m"
	refute_output --partial $'\033'
	same=$output
	run -0 --separate-stderr holders "$child" 7
	assert_output "$same"
	run -0 --separate-stderr holders "$pid" 9
	assert_line --regexp "^ *$pid +9  both   python3\$"
	assert_line --regexp "^ *$child +9  both   "
	assert_equal "${#lines[@]}" 3
	stop_holding
}

@test "holders: it finds what find finds" {
	start_holding
	pipe=$(readlink "/proc/$pid/fd/7")
	pipe=${pipe/[/\\[} # a bracket is a pattern to find
	run -0 --separate-stderr holders "$pid" 8
	ours=$(awk 'NR > 1 { print $1 "/fd/" $2 }' <<<"$output" | sort)
	theirs=$(find /proc/[0-9]*/fd -lname "$pipe" -printf '%H/%P\n' 2>/dev/null | sed 's|/proc/||' | sort)
	assert_equal "$ours" "$theirs"
	stop_holding
}

# holders_says STATUS PATTERN WORD...: one line on stderr, nothing else.
holders_says() {
	local status=$1 pattern=$2
	shift 2
	run "-$status" --separate-stderr holders "$@"
	assert_equal "$output" ""
	assert_equal "${#stderr_lines[@]}" 1
	assert_regex "$stderr" "^holders: $pattern"
}

@test "holders: a wrong command line is told in one line, exit status 2" {
	holders_says 2 "needs PID and FD"
	holders_says 2 "needs PID and FD" 1
	holders_says 2 "needs PID and FD" 1 2 3
	for word in x "" 1x " 1" 0x1 1.0 2147483648 99999999999999999999; do
		holders_says 2 "'$word' is no process id" "$word" 1
		holders_says 2 "'$word' is no descriptor" 1 "$word"
	done
	holders_says 2 "'-1' is no option" -1 1
	holders_says 2 "'--bogus' is no option" --bogus 1 1
	holders_says 2 "--help takes no value" --help=1
}

@test "holders: what is not there or no pipe is told in one line, exit status 1" {
	holders_says 1 "descriptor 1 of process 2147483647: no such process" 2147483647 1
	holders_says 1 "descriptor 77 of process $$: no such process or descriptor" $$ 77
	exec 9</dev/null
	holders_says 1 "descriptor 9 of process $BASHPID: is no pipe and no socket" "$BASHPID" 9
	exec 9<&-
}

@test "holders: --help, and a full disk" {
	run -0 --separate-stderr holders --help
	assert_line "Usage: holders PID FD"
	[ "$(wc -L <<<"$output")" -le 80 ]
	run -1 --separate-stderr sh -c 'sleep 0 | "$1" --help >/dev/full' - "$BUILD/holders"
	assert_regex "$stderr" "^holders: stdout: No space left"
}

@test "holders: what it may not look into it tells on stderr" {
	[ "$(id -u)" -eq 0 ] || skip "only root has somebody else's processes at hand"
	folder=$(mktemp -d)
	cp "$BUILD/holders" "$folder"
	chmod -R a+rX "$folder"
	# Its own stdin is a pipe that root's shell has open, too.
	run -0 --separate-stderr bash -c 'sleep 0.2 | setpriv --reuid=65534 --clear-groups \
		bash -c "\"$1\" \$\$ 0; true" - "$1"' - "$folder/holders"
	rm -r "$folder"
	assert_line --regexp '  0  read   bash$'
	refute_line --partial sleep
	assert_regex "$stderr" '^holders: may not look into [0-9]+ of the processes$'
}
