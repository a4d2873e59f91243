#!/usr/bin/env bats
# What lab 4's chapter says under "Try" is what one sees.

# bats file_tags=long
load ../helpers

@test "try 1: with its own copy of the write end, by-hand never ends" {
	changed lab4 labs/lab4-pipe/lab4.c '/close(end\[1\]); .* or the reads below/d'
	run -124 timeout -k 2 3 "$changed" by-hand
	assert_line --partial 'written: "one "'
	refute_line --partial 'read: "'
	"$changed" by-hand >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	wait_until grep -q written "$BATS_TEST_TMPDIR/out"
	for end in "/proc/$!/fd"/*; do
		case $(readlink "$end") in pipe:*) pipe=${end##*/} ;; esac
	done
	run -0 --separate-stderr "$BUILD/holders" $! "$pipe"
	assert_line --regexp "^ *$! .* write "
	kill -KILL $!
	wait $! || true
}

@test "try 2: holders names sleep and cat, and cat ends with sleep" {
	sleep 1000 3>&- | cat 3>&- &
	reader=$!
	wait_until grep -qx cat "/proc/$reader/comm"
	run -0 --separate-stderr "$BUILD/holders" "$reader" 0
	assert_line --regexp "^ *$reader +0 +read +cat"
	sleeper=$(sed -n 's/^ *\([0-9]*\) *1 *write *sleep$/\1/p' <<<"$output")
	kill "$sleeper"
	wait "$reader"
}

@test "try 3: with the lab's own copy open there are two in the list, and no end" {
	changed lab4 labs/lab4-pipe/lab4-ends.c '/close(in); .* or we would be a writer, too/d'
	ln -s "$BUILD/holders" "${changed%/*}"
	run -124 timeout -k 2 3 "$changed" end-of-file
	assert_line --regexp '^ +[0-9]+ +[0-9]+  write  lab4'
	assert_line --regexp '^ +[0-9]+ +[0-9]+  write  sibling'
	assert_line --partial 'I close my copy'
	refute_line --regexp '^(=>|!!)'
}

@test "try 4: one byte more than PIPE_BUF, and a part goes in" {
	changed lab4 labs/lab4-pipe/lab4-room.c 's/it.size\[0\] = PIPE_BUF;/it.size[0] = PIPE_BUF + 1;/'
	run -1 timeout -k 2 30 "$changed" torn
	assert_line "!! up to PIPE_BUF: all or nothing, A's frame came whole, later"
	assert_equal "$(grep -c '^!!' <<<"$output")" 1
}

@test "try 5: a larger pipe holds more, and PIPE_BUF is what it was" {
	changed lab4 labs/lab4-pipe/lab4-room.c \
		'/^void play_capacity/,/^}/s/F_GETPIPE_SZ)/F_SETPIPE_SZ, 1 << 20)/'
	run -0 timeout -k 2 30 "$changed" capacity
	assert_line --partial "single bytes, until there is no room: 1048576, then EAGAIN"
	assert_line --partial "PIPE_BUF is 4096"
	assert_line --regexp '100 bytes free, a write of 4096: EAGAIN'
	assert_all_held
}

@test "try 6: yes dies by SIGPIPE, Python's writer by an exception" {
	run -0 env --default-signal=PIPE bash -c 'yes | head -n 1; echo "${PIPESTATUS[@]}"'
	assert_output $'y\n141 0'
	run -0 env --default-signal=PIPE bash -c \
		'python3 -c "while True: print(1)" | head -n 1; echo "${PIPESTATUS[@]}"'
	assert_line "1 0"
	assert_line --partial "BrokenPipeError"
}
