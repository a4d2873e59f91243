#!/usr/bin/env bats
# Connections against CPython's own, by tests/interop: either reads what the other
# writes. Each test was seen to fail before it passed.

load helpers

interop() { # TEST: a function of tests/interop/connection.py
	timeout -k 2 120 tests/interop/connection.py "$1" "$BUILD/interop"
}

# bats test_tags=long
@test "CPython reads what we write: 0 bytes to 64 MiB, by a pipe, by sockets" {
	run -0 interop we_read
}

# bats test_tags=long
@test "we read what CPython writes: 0 bytes to 64 MiB, by a pipe, by sockets" {
	run -0 interop we_write
}

@test "what we write is byte for byte what CPython writes" {
	run -0 interop same_bytes
}

@test "the head of 12 bytes is read, by us as by CPython" {
	run -0 interop long_head_read
}

@test "the head of 12 bytes is written from 2 GiB on, not before" {
	run -0 interop heads_written
}

# bats test_tags=long
@test "messages of over 2 GiB cross, both ways" {
	run -0 interop long_messages
}
