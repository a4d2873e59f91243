#!/usr/bin/env bats
# Lab 7: what a person sees of it. Each test was seen to fail before it passed.

load ../helpers

# The lab's folders and what --listen makes go here; nothing may stay.
make_place() {
	place=$(mktemp -d -p /tmp)
	export TMPDIR=$place
}

# Polls: a folder is removed just after its lab has ended.
assert_nothing_left() {
	local until=$((SECONDS + 10))
	while [ -n "$(ls -A "$place")" ]; do
		[ "$SECONDS" -lt "$until" ] || fail "left in $place: $(ls -A "$place")"
		sleep 0.02
	done
	rmdir "$place"
}

# Starts --listen in the background; $address is where it listens, $listener its pid.
start_listener() { # OPTION...
	: >"$BATS_TEST_TMPDIR/log"
	"$BUILD/lab7" "$@" >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
	listener=$!
	wait_until grep -q '^listening at .*, until Ctrl-C$' "$BATS_TEST_TMPDIR/log" ||
		fail "$(cat "$BATS_TEST_TMPDIR/log")"
	address=$(sed -n 's/^listening at \(.*\), until Ctrl-C$/\1/p' "$BATS_TEST_TMPDIR/log")
}

stop_listener() {
	kill -TERM "$listener"
	wait "$listener" || true
}

# A few lines of Python with what they need of multiprocessing.
python_says() { # SCRIPT WORD...
	local script=$1
	shift
	timeout -k 2 30 python3 -c "
import sys
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
$script" "$@"
}

# --- the scenes ---------------------------------------------------------------

@test "program: the same bytes as the Python program" {
	make_place
	lab 7 program >"$BATS_TEST_TMPDIR/ours"
	python_twin 7 >"$BATS_TEST_TMPDIR/theirs"
	run -0 cmp "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
	run -0 cat "$BATS_TEST_TMPDIR/ours"
	assert_output $'the listener said HELLO\nthe client said hello'
	assert_nothing_left
}

@test "by-hand: the five calls, and who is there by the system's word" {
	make_place
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/trace" \
		-e trace=socket,bind,listen,accept,connect "$BUILD/lab7" by-hand >"$BATS_TEST_TMPDIR/out"
	assert_nothing_left
	assert_equal "$(grep -c '^=>' "$BATS_TEST_TMPDIR/out")" 2
	for call in 'bind(' 'listen(' 'accept(' 'connect('; do
		grep -qF "$call" "$BATS_TEST_TMPDIR/trace" || fail "no $call"
	done
	# Each accept a descriptor of its own; the pids are those that connected.
	run -0 sed -n 's/.*accept: descriptor \([0-9]*\), process \([0-9]*\), who says \2$/\1/p' "$BATS_TEST_TMPDIR/out"
	assert_equal "$(sort -u <<<"$output" | wc -l)" 2
	for pid in $(sed -n 's/.*who says \([0-9]*\)$/\1/p' "$BATS_TEST_TMPDIR/out"); do
		run -0 grep -c "^$pid .*connect(.*/socket" "$BATS_TEST_TMPDIR/trace"
	done
}

@test "families: a file for its owner, a name, a port" {
	make_place
	run -0 lab 7 families
	assert_all_held
	assert_line --regexp 'unix:/.* hello +mode 0600 +No such file'
	assert_line --regexp 'unix:@lab7-[0-9]+ +hello +no file +Connection refused'
	assert_line --regexp 'tcp:127.0.0.1:[0-9]+ +hello +no file +Connection refused'
	assert_nothing_left
}

@test "stream: no boundaries, and frames" {
	run -0 lab 7 stream
	assert_all_held
	assert_line --partial 'got "onetwothree"'
	assert_line --partial 'it took 3 reads of 4 bytes'
	assert_line --partial 'messages "one", "two", "three"'
	assert_line --partial '9 writes of one byte: a message, "three"'
}

@test "authkey: refused are those without the key; the silent one holds up nobody" {
	run -0 lab 7 authkey --trace="$BATS_TEST_TMPDIR/run.json"
	assert_all_held
	assert_line --partial "I heard #CHALLENGE#{sha256} and #FAILURE#"
	# In the trace: the others were all done while the silent one was connected.
	run -0 jq '[.traceEvents[] | select(.ph == "X")] as $all
		| ($all[] | select(.name == "silent")) as $silent
		| [$all[] | select(.name == "heard" or .name == "refused")
		   | .ts > $silent.ts - 1e5 and .ts + .dur < $silent.ts + $silent.dur] | all, length' \
		"$BATS_TEST_TMPDIR/run.json"
	assert_output $'true\n3'
	run -0 jq '[.traceEvents[] | select(.name == "silent" and .ph == "X").dur] | max >= 500000' \
		"$BATS_TEST_TMPDIR/run.json"
	assert_output true
}

@test "authkey: --patience is how long the silent one stays" {
	run -0 lab 7 authkey --patience=0.9 --trace="$BATS_TEST_TMPDIR/run.json"
	assert_line "=> silent: dropped after 0.9 s; the right key was heard meanwhile"
	run -0 jq '[.traceEvents[] | select(.name == "silent" and .ph == "X").dur] | max >= 900000' \
		"$BATS_TEST_TMPDIR/run.json"
	assert_output true
}

@test "pass-descriptor: sendmsg carried them, and few bytes" {
	make_place
	timeout -k 2 30 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=sendmsg,recvmsg,openat \
		"$BUILD/lab7" pass-descriptor >"$BATS_TEST_TMPDIR/out"
	run -0 cat "$BATS_TEST_TMPDIR/out"
	assert_all_held
	assert_line --partial 'the file reads on: " you need not read again."'
	assert_line --partial 'in my memory: "the receiver was here"'
	run -0 grep -E 'sendmsg\(.*SCM_RIGHTS, cmsg_data=\[[0-9]+, [0-9]+\].* = 14$' "$BATS_TEST_TMPDIR/trace"
	run -0 grep -E 'recvmsg\(.*SCM_RIGHTS, cmsg_data=\[[0-9]+, [0-9]+\].*MSG_CMSG_CLOEXEC' "$BATS_TEST_TMPDIR/trace"
	assert_nothing_left
}

@test "pass-descriptor: --memory is its size; of little, nothing is concluded of times" {
	run -0 lab 7 pass-descriptor --memory=1M
	assert_line --partial "and 1 MiB:"
	assert_line --partial "too little to tell"
	refute_line --partial "a third of the time"
	refute_line --regexp '^!!'
	run -0 lab 7 pass-descriptor --memory=128M
	assert_line --regexp '^  128 MiB by bytes'
	assert_line "=> and in less than a third of the time of its bytes"
}

@test "interop: both directions, and wrong keys in both" {
	make_place
	run -0 lab 7 interop
	assert_all_held
	assert_line --partial "its client said: Python $(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
	assert_line "  python3: AuthenticationError: digest sent was rejected"
	assert_line "  python3: AuthenticationError: digest received was wrong"
	assert_equal "$(grep -c '^=>' <<<"$output")" 4
	assert_nothing_left
}

@test "interop: where there is no python3 it says so" {
	make_place
	PATH=/nowhere run -0 "$BUILD/lab7" interop
	assert_line "No python3 here: nobody to talk to."
	refute_line --regexp '^(=>|!!)'
	assert_nothing_left
}

# --- socket files ---------------------------------------------------------------

@test "a lab that is killed, or Ctrl-C, leaves no folder behind" {
	make_place
	env --default-signal=INT "$BUILD/lab7" interop authkey --patience=5 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	wait_until eval '[ -S "$(echo "$place"/lab7-*/socket)" ]'
	kill -KILL $!
	wait $! || true
	assert_nothing_left
	make_place
	run -130 on_terminal --on "interop" '\x03' -- "$BUILD/lab7" interop authkey --patience=5
	assert_nothing_left
}

@test "a TMPDIR too long for a socket's name: /tmp" {
	place=$(mktemp -d -p /tmp)
	TMPDIR=$place/$(printf 'x%.0s' {1..90}) run -0 lab 7 program
	assert_line "the client said hello"
	TMPDIR=relative run -0 lab 7 program
	assert_nothing_left
}

# --- --listen and --connect ------------------------------------------------------

@test "--listen and --connect: an echo, by each kind of address" {
	make_place
	for where in "unix:$place/echo" "unix:@lab7-test-$$" tcp:127.0.0.1:0; do
		start_listener --listen="$where"
		run -0 --separate-stderr lab 7 --connect="$address" --send="hello, you"
		assert_output "hello, you"
		assert_equal "$stderr" ""
		run -0 lab 7 --connect="$address" --send=
		assert_output ""
		stop_listener
	done
	assert_nothing_left
}

@test "--listen: many at once, each its own, and an idle one holds up nobody" {
	start_listener --listen=tcp:127.0.0.1:0
	for n in 1 2 3 4 5 6 7 8; do
		lab 7 --connect="$address" --send="word $n" >"$BATS_TEST_TMPDIR/$n" 3>&- &
	done
	python_says "
host, port = sys.argv[1].split(':')[1:]
idle = Client((host, int(port)))
other = Client((host, int(port)))
other.send_bytes(b'x' * (64 << 20))
assert other.recv_bytes() == b'x' * (64 << 20)" "$address"
	for n in 1 2 3 4 5 6 7 8; do
		wait_until [ -s "$BATS_TEST_TMPDIR/$n" ]
		assert_equal "$(cat "$BATS_TEST_TMPDIR/$n")" "word $n"
	done
	stop_listener
	wait
}

@test "--listen: Ctrl-C removes the file, and its processes end" {
	make_place
	run -130 on_terminal --on "until Ctrl-C" '\x03' -- "$BUILD/lab7" --listen="unix:$place/echo"
	assert_nothing_left
	make_place
	start_listener --listen="unix:$place/echo"
	assert_equal "$(stat -c %a "$place/echo")" 600
	python_says "
conn = Client(sys.argv[1])
conn.send_bytes(b'x')
conn.recv_bytes()
sys.stdin.read()" "$place/echo" < <(sleep 30) 3>&- &
	client=$!
	wait_until grep -q '1 bytes' "$BATS_TEST_TMPDIR/log"
	kill -KILL "$listener"
	wait "$listener" || true
	no_process_left
	assert_nothing_left
	kill "$client"
	wait "$client" || true
}

@test "--listen: the file of a listener that is gone is taken over, of a living one not" {
	make_place
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$place/echo"
	start_listener --listen="unix:$place/echo"
	run -1 --separate-stderr lab 7 --listen="unix:$place/echo"
	assert_equal "$output" ""
	assert_equal "$stderr" "lab7: unix:$place/echo: somebody listens there, or it is another file"
	run -0 lab 7 --connect="$address" --send=x
	stop_listener
	assert_nothing_left
	place=$(mktemp -d -p /tmp)
	echo precious >"$place/echo"
	run -1 lab 7 --listen="unix:$place/echo"
	assert_equal "$(cat "$place/echo")" precious
	rm -r "$place"
}

@test "--authkey: the right one, a wrong one, none; Python's, too" {
	make_place
	start_listener --listen="unix:$place/echo" --authkey=secret
	run -0 lab 7 --connect="$address" --authkey=secret --send=hello
	assert_output hello
	run -1 --separate-stderr lab 7 --connect="$address" --authkey=Secret --send=hello
	assert_equal "$output" ""
	assert_equal "$stderr" "lab7: $address: permission denied: is the key the same?"
	run -0 python_says "
with Client(sys.argv[1], authkey=b'secret') as conn:
    conn.send_bytes(b'hello')
    print(conn.recv_bytes())
try:
    Client(sys.argv[1], authkey=b'Secret')
except AuthenticationError as error:
    print(error)" "$place/echo"
	assert_output $'b\'hello\'\ndigest sent was rejected'
	wait_until eval '[ "$(grep -c "its key is another one" "$BATS_TEST_TMPDIR/log")" -eq 2 ]'
	stop_listener
	assert_nothing_left
}

@test "--connect: to a listener of Python's" {
	make_place
	python_says "
with Listener(sys.argv[1], authkey=b'secret') as listener:
    with listener.accept() as conn:
        conn.send_bytes(conn.recv_bytes().upper())" "$place/python" >/dev/null 2>&1 3>&- &
	wait_until [ -S "$place/python" ]
	run -0 lab 7 --connect="unix:$place/python" --authkey=secret --send=hello
	assert_output HELLO
	wait
	assert_nothing_left
}

@test "TCP beyond this machine takes an authkey" {
	run -1 --separate-stderr lab 7 --listen=tcp:0.0.0.0:0
	assert_equal "$stderr" "lab7: tcp:0.0.0.0:0: others can come from outside: needs an --authkey"
	start_listener --listen=tcp:0.0.0.0:0 --authkey=secret
	run -0 lab 7 --connect="tcp:127.0.0.1:${address##*:}" --authkey=secret --send=hello
	assert_output hello
	stop_listener
}

@test "nobody listens there: one line, exit status 1" {
	run -1 --separate-stderr lab 7 --connect=unix:/nowhere/at/all --send=x
	assert_equal "$stderr" "lab7: unix:/nowhere/at/all: No such file or directory"
	run -1 --separate-stderr lab 7 --connect="unix:@lab7-nobody-$$" --send=x
	assert_equal "$stderr" "lab7: unix:@lab7-nobody-$$: Connection refused"
}

# --- a wrong command line ---------------------------------------------------------

@test "the options of lab 7: what is wrong is named" {
	for text in "" x /tmp/x unix: unix:@ tcp: tcp:1 tcp:: tcp::x tcp::65536 tcp:example.org:1 http://x; do
		refused 7 "--listen: '$text' is not unix:PATH, unix:@NAME or tcp:HOST:PORT" --listen="$text"
		refused 7 "--connect: '$text' is not unix:PATH" --connect="$text" --send=x
	done
	long=$(printf 'x%.0s' {1..108})
	refused 7 "--listen: 'unix:$long' is not .* of at most 107 bytes" --listen="unix:$long"
	refused 7 "--listen: needs ADDRESS" --listen
	refused 7 "--send: needs TEXT" --send
	refused 7 "--connect: needs --send=TEXT, too" --connect=tcp::1
	refused 7 "--send: needs --connect=ADDRESS" --send=x
	refused 7 "--send: needs --connect=ADDRESS" --listen=tcp::0 --send=x
	refused 7 "--authkey: needs --listen=ADDRESS" --authkey=x
	refused 7 "--authkey: '' is not a key" --listen=tcp::0 --authkey=
	refused 7 "--connect: not together with --listen" --listen=tcp::0 --connect=tcp::1 --send=x
	refused 7 "'stream': no scene goes with --listen" --listen=tcp::0 stream
	refused 7 "--memory: needs a size from 1M to 1G" --memory
	for text in big "" -1M 0 1023K 2G 1.5M 1e9 16MB M; do
		refused 7 "--memory: '$text' is not a size from 1M to 1G" --memory="$text"
	done
	refused 7 "--patience: needs seconds from 0.05 to 10" --patience
	for text in soon "" -1 0 0.049 10.1 1e1 nan inf " 1" 1s 0x1; do
		refused 7 "--patience: '$text' is not seconds from 0.05 to 10" --patience="$text"
	done
}

# --- without libcrypto ---------------------------------------------------------------

# bats test_tags=long
@test "without libcrypto: built all the same, but for keys, and it says what to install" {
	mkdir "$BATS_TEST_TMPDIR/build"
	cp -a "$BUILD/obj" "$BUILD/crypto" "$BUILD"/lib*.a "$BATS_TEST_TMPDIR/build"
	BUILD=$BATS_TEST_TMPDIR/build
	run -0 make -s PKG_CONFIG=false BUILD="$BUILD" "$BUILD/lab7"
	make_place
	run -0 lab 7 authkey interop
	assert_equal "$(grep -c 'apt install libssl-dev pkgconf' <<<"$output")" 2
	refute_line --regexp '^(=>|!!)'
	run -0 lab 7 program by-hand families stream pass-descriptor
	assert_all_held
	run -1 lab 7 --listen="unix:$place/x" --authkey=secret
	assert_line --partial "apt install libssl-dev pkgconf"
	run -0 ldd "$BUILD/lab7"
	refute_output --partial libcrypto
	assert_nothing_left
	# And back: what depends on it is compiled anew.
	run -0 make -s BUILD="$BUILD" "$BUILD/lab7"
	run -0 lab 7 authkey
	assert_all_held
}

@test "libcrypto is for lab 7 alone" {
	run -0 ldd "$BUILD/lab7"
	assert_output --partial libcrypto
	for name in $LABS; do
		[ "${name%%-*}" != lab7 ] || continue
		run -0 ldd "$BUILD/${name%%-*}"
		refute_output --partial libcrypto
	done
	cat >"$BATS_TEST_TMPDIR/my.c" <<-'END'
		#include "listener.h"
		int main(void)
		{
			struct mp_listener listener = { .address = "tcp::0" };
			struct mp_connection here, there;

			return mp_listener_open(&listener) < 0 ||
			       mp_client(&here, listener.bound, NULL, 1) < 0 ||
			       mp_listener_accept(&listener, &there, 1) < 0;
		}
	END
	# The README's command line for a program of one's own.
	gcc -std=gnu17 -D_GNU_SOURCE -Icommon/mp -o "$BATS_TEST_TMPDIR/my" "$BATS_TEST_TMPDIR/my.c" \
		"$BUILD/libmp.a" -lpthread -ldl -rdynamic
	run -0 timeout -k 2 30 "$BATS_TEST_TMPDIR/my"
}

@test "the recorded handshakes are what record.py makes of this CPython" {
	run -0 python3 tests/mp/record.py
	assert_equal "$output" "$(cat tests/mp/recorded.inc)"
}
