#!/usr/bin/env python3
"""CPython's multiprocessing.connection against ours.

Usage: tests/interop/connection.py TEST INTEROP     (INTEROP: build/interop)

TEST is one of the functions below whose names begin with "test_", without that.
Each makes a pipe or a pair of sockets, hands one end to the C program, and
keeps the other one as a Connection: the two share no open file, and so no flags.
"""

import io
import mmap
import os
import socket
import struct
import subprocess
import sys
from multiprocessing.connection import Connection

SIZES = [0, 1, 16384, 16385, 1 << 20, 64 << 20]
SHORTEST_LONG = 1 << 31  # bytes: from here on the head has 12
LIMIT = 120  # seconds


def message(size):
    """What the C program sends, too: each byte tells its place."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def pipe(we_read):
    reader, writer = os.pipe()
    ours, theirs = (reader, writer) if we_read else (writer, reader)
    return Connection(ours, readable=we_read, writable=not we_read), theirs


def sockets(we_read):
    ours, theirs = socket.socketpair()
    return Connection(ours.detach()), theirs.detach()


def start(verb, end, sizes, **options):
    """The C program, with that descriptor, which is then its alone."""
    process = subprocess.Popen([sys.argv[2], verb, str(end), *map(str, sizes)],
                               pass_fds=[end], **options)
    os.close(end)
    return process


def check_end(process, status=0):
    if process.wait(LIMIT) != status:
        sys.exit(f'exit status {process.returncode}, not {status}')


def test_we_read():
    """They write, CPython reads."""
    for make in pipe, sockets:
        connection, end = make(True)
        process = start('send', end, SIZES)
        for size in SIZES:
            assert connection.recv_bytes() == message(size), size
        try:
            connection.recv_bytes()
            sys.exit('no end of the file')
        except EOFError:
            pass
        check_end(process)


def test_we_write():
    """CPython writes, they read."""
    for make in pipe, sockets:
        connection, end = make(False)
        process = start('receive', end, SIZES)
        for size in SIZES:
            connection.send_bytes(message(size))
        connection.close()
        check_end(process)


def test_same_bytes():
    """What they write is, byte for byte, what CPython writes."""
    for size in 0, 1, 5000, 16384, 16385, 1 << 20:
        connection, end = pipe(True)
        process = start('send', end, [size])
        with os.fdopen(os.dup(connection.fileno()), 'rb') as stream:
            theirs = stream.read()
        check_end(process)

        reader, writer = os.pipe()
        if os.fork() == 0:
            os.close(reader)
            Connection(writer, readable=False).send_bytes(message(size))
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, 'rb') as stream:
            assert stream.read() == theirs, size
        os.wait()


def test_long_head_read():
    """They, and CPython, take the long head for what it is, with any length."""
    frame = struct.pack('!iQ', -1, 5) + message(5)
    connection, end = pipe(False)
    process = start('receive', end, [5, 1])
    os.write(connection.fileno(), frame)
    connection.send_bytes(message(1))
    connection.close()
    check_end(process)

    reader, writer = os.pipe()
    os.write(writer, frame)
    os.close(writer)
    assert Connection(reader, writable=False).recv_bytes() == message(5)


def test_heads_written():
    """The heads of what is just short enough for 4 bytes, and just too long."""
    heads = {SHORTEST_LONG - 1: struct.pack('!i', SHORTEST_LONG - 1),
             SHORTEST_LONG: struct.pack('!iQ', -1, SHORTEST_LONG)}
    for size, head in heads.items():
        connection, end = pipe(True)
        process = start('send', end, [size], stderr=subprocess.PIPE)
        written = os.read(connection.fileno(), len(head))
        assert written == head, written
        connection.close()  # in the middle of it: nobody wants so much
        error = process.stderr.read()
        check_end(process, 1)
        assert b'Broken pipe' in error, error


class Counting(Connection):
    """CPython's reader, but what is very long is counted, not kept."""

    def _recv(self, size):
        if size < SHORTEST_LONG:
            return super()._recv(size)
        left = size
        while left > 0:
            n = len(os.read(self._handle, min(left, 1 << 20)))
            assert n > 0
            left -= n
        return io.BytesIO(str(size).encode())


def test_long_messages():
    """Messages of 2 GiB and more, that nobody has in memory."""
    size = SHORTEST_LONG + 3
    for make in pipe, sockets:
        connection, end = make(True)
        process = start('send', end, [size, 1])
        counting = Counting(os.dup(connection.fileno()), writable=False)
        assert counting.recv_bytes() == str(size).encode()
        assert counting.recv_bytes() == message(1)
        check_end(process)

        connection, end = make(False)
        process = start('receive', end, [size, 1])
        zeros = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
                          mmap.PROT_READ)  # never written to: no memory
        connection.send_bytes(zeros)
        connection.send_bytes(message(1))
        connection.close()
        check_end(process)


if __name__ == '__main__':
    globals()['test_' + sys.argv[1]]()
