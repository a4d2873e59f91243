#!/usr/bin/env bats
# What lab 7's chapter says under "Try" is what one sees.

# bats file_tags=long
load ../helpers

start_listener() { # OPTION...
	"$BUILD/lab7" "$@" >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
	listener=$!
	wait_until grep -q '^listening at' "$BATS_TEST_TMPDIR/log"
	address=$(sed -n 's/^listening at \(.*\), until Ctrl-C$/\1/p' "$BATS_TEST_TMPDIR/log")
}

@test "try 1: strace shows the five calls of both sides" {
	run -0 timeout -k 2 30 make -s lab7-strace ARGS=by-hand TRACE=network
	for call in socket bind listen accept connect; do
		assert_output --partial "$call("
	done
}

@test "try 2: five bytes with their length come back, without it the listener hangs up" {
	start_listener --listen=tcp:127.0.0.1:0
	exec 7<>"/dev/tcp/127.0.0.1/${address##*:}"
	printf '\0\0\0\5hello' >&7
	run -0 bash -c 'timeout -k 2 10 head -c 9 <&7 | od -An -c | tr -d " "'
	assert_output '\0\0\0005hello'
	printf 'hello' >&7
	run -1 timeout -k 2 10 head -c 1 <&7
	assert_output --partial "Connection reset by peer"
	wait_until grep -q 'Message too long' "$BATS_TEST_TMPDIR/log"
	exec 7>&-
	kill "$listener"
	wait "$listener" || true
}

@test "try 3: the listener is killed, and the file goes all the same" {
	place=$(mktemp -d -p /tmp)
	start_listener --listen="unix:$place/echo"
	[ -S "$place/echo" ]
	kill -KILL "$listener"
	wait "$listener" || true
	wait_until [ ! -e "$place/echo" ]
	rmdir "$place"
}

@test "try 5: a silent client holds up Python's accept, and not ours" {
	cat >"$BATS_TEST_TMPDIR/client.py" <<-'END'
		import socket, sys
		from multiprocessing.connection import Client
		where = ('127.0.0.1', int(sys.argv[1]))
		silent = socket.create_connection(where)
		with Client(where, authkey=b'k') as conn:
		    conn.send_bytes(b'hello')
		    print(conn.recv_bytes())
	END
	start_listener --listen=tcp:127.0.0.1:0 --authkey=k
	run -0 timeout -k 2 10 python3 "$BATS_TEST_TMPDIR/client.py" "${address##*:}"
	assert_output "b'hello'"
	kill "$listener"
	wait "$listener" || true
	python3 -u -c "
from multiprocessing.connection import Listener
with Listener(('127.0.0.1', 0), backlog=8, authkey=b'k') as listener:
    print(listener.address[1])
    with listener.accept() as conn:
        conn.send_bytes(conn.recv_bytes())" >"$BATS_TEST_TMPDIR/port" 2>&1 3>&- &
	wait_until [ -s "$BATS_TEST_TMPDIR/port" ]
	run -124 timeout -k 2 2 python3 "$BATS_TEST_TMPDIR/client.py" "$(cat "$BATS_TEST_TMPDIR/port")"
	kill $!
	wait $! || true
}

@test "try 6: no scene notices memcmp in place of equal" {
	changed lab7 common/mp/handshake.c \
		'/^static bool equal/,/^}/{/unsigned char difference = 0;/d;/while (size-- > 0)/d;/difference |=/d;s/return difference == 0;/return memcmp((const void *)one, (const void *)other, size) == 0;/}'
	run -0 timeout -k 2 30 "$changed" authkey interop
	assert_all_held
}
