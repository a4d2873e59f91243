"""bench.py - CPython's side of `make bench`.

Reads a line, the name of a row, from stdin; does what the row measures, and answers
with the seconds for one operation. What a row needs is made at its first line, and
goes away at a line "end".
"""

import mmap
import os
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context, reduction
from multiprocessing.connection import Client, Listener

fork = get_context('fork')
ROWS = {}


def row(*names):
    """A row is a generator: what it yields is a function to be timed, and how many
    operations that is; what it does after the yield cleans up."""
    def add(generator):
        for name in names:
            ROWS[name] = contextmanager(generator)
        return generator
    return add


def nothing():
    pass


# --- start and join ---------------------------------------------------------------


def start_and_join(method):
    process = get_context(method).Process(target=nothing)
    process.start()
    process.join()


@row('start-join-fork', 'start-join-spawn', 'start-join-fork-1GiB', 'start-join-spawn-1GiB')
def start_join(name):
    with ExitStack() as stack:
        if name.endswith('1GiB'):
            memory = stack.enter_context(
                mmap.mmap(-1, 1 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
            if hasattr(mmap, 'MADV_NOHUGEPAGE'):
                memory.madvise(mmap.MADV_NOHUGEPAGE)
            for at in range(0, len(memory), mmap.PAGESIZE):
                memory[at] = 1
        yield lambda: start_and_join(name.split('-')[2]), 1


# --- connections ------------------------------------------------------------------


def answer(there, back):
    while message := there.recv_bytes():
        if len(message) <= 2:
            back.send_bytes(message)


def partner(duplex):
    """A process that answers short messages: what to send on, what to receive from."""
    there, back = fork.Pipe(duplex), fork.Pipe(duplex)
    process = fork.Process(target=answer, args=(there[0], back[1]))
    process.start()
    return process, there[1], back[0]


@row('connection-round-trip', 'connection-round-trip-socket')
def round_trip(name):
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    process, to, back = partner(duplex=name.endswith('socket'))

    def trips():
        for _ in range(500):
            to.send_bytes(b'x')
            back.recv_bytes()

    yield trips, 500
    to.send_bytes(b'')
    process.join()
    os.sched_setaffinity(0, cpus)


@row('connection-64B', 'connection-1MiB')
def one_way(name):
    message, count = (bytes(64), 5000) if name.endswith('64B') else (bytes(1 << 20), 64)
    process, to, back = partner(duplex=False)

    def send_all():
        for _ in range(count):
            to.send_bytes(message)
        to.send_bytes(b'xx')
        back.recv_bytes()

    yield send_all, count
    to.send_bytes(b'')
    process.join()


# --- locks and counting -----------------------------------------------------------


def take_turns(lock, running, ended):
    while not ended.value:
        if running.value:
            lock.acquire()
            lock.release()


@row('lock-pair', 'lock-pair-contended')
def lock_pair(name):
    lock = fork.Lock()
    running, ended = fork.RawValue('i', 0), fork.RawValue('i', 0)
    count = 20000

    def pairs():
        running.value = 1
        for _ in range(count):
            lock.acquire()
            lock.release()
        running.value = 0

    if name.endswith('contended'):
        process = fork.Process(target=take_turns, args=(lock, running, ended))
        process.start()
    yield pairs, count
    ended.value = 1
    if name.endswith('contended'):
        process.join()


@row('increment-locked')
def increment_locked(name):
    value, count = fork.Value('q', 0), 5000

    def increments():
        for _ in range(count):
            with value.get_lock():
                value.value += 1

    yield increments, count


@row('increment-manager')
def increment_manager(name):
    with pinned(), fork.Manager() as manager:
        value, count = manager.Value('q', 0), 200

        def increments():
            for _ in range(count):
                value.value += 1

        yield increments, count


# --- queues -----------------------------------------------------------------------


def produce(go, queue, count):
    while go.get():
        for _ in range(count):
            queue.put(12345678)


def consume(queue, ready, left):
    while queue.get() is not None:
        with left.get_lock():
            left.value -= 1
            if left.value == 0:
                ready.put(True)


@row('queue-8B-1to1', 'queue-8B-4to4')
def queue_small(name):
    sides = 4 if name.endswith('4to4') else 1
    queue, ready, go, left = fork.Queue(), fork.Queue(), fork.Queue(), fork.Value('q', 0)
    count = 4000
    processes = [fork.Process(target=consume, args=(queue, ready, left)) for _ in range(sides)]
    processes += [fork.Process(target=produce, args=(go, queue, count // sides))
                  for _ in range(sides)]
    for process in processes:
        process.start()

    def pass_all():
        left.value = count
        for _ in range(sides):
            go.put(True)
        ready.get()

    yield pass_all, count
    for _ in range(sides):
        go.put(False)
        queue.put(None)
    for process in processes:
        process.join()


@row('queue-1MiB')
def queue_large(name):
    queue, ready, left = fork.Queue(), fork.Queue(), fork.Value('q', 0)
    message, count = bytes(1 << 20), 16
    process = fork.Process(target=consume, args=(queue, ready, left))
    process.start()

    def pass_all():
        left.value = count
        for _ in range(count):
            queue.put(message)
        ready.get()

    yield pass_all, count
    queue.put(None)
    process.join()


# --- the pool -----------------------------------------------------------------------


def square(x):
    return x * x


@row('pool-map-default', 'pool-map-chunk1')
def pool_map(name):
    count, chunk = (1000000, None) if name.endswith('default') else (50000, 1)
    numbers = list(range(count))
    with fork.Pool(4) as pool:
        yield lambda: pool.map(square, numbers, chunk), count


def open_and_terminate():
    with fork.Pool(8):
        pass


@row('pool-open-terminate')
def pool_open_terminate(name):
    yield open_and_terminate, 1


# --- sockets ------------------------------------------------------------------------


def pinned():
    """Both sides on one CPU, until the stack is closed."""
    stack, cpus = ExitStack(), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    stack.callback(os.sched_setaffinity, 0, cpus)
    return stack


def echo(listener):
    message = True
    while message:
        with listener.accept() as peer, suppress(EOFError):
            while message := peer.recv_bytes():
                peer.send_bytes(message)


def trip(conn):
    conn.send_bytes(b'x')
    conn.recv_bytes()


@row('socket-unix-round-trip', 'socket-tcp-round-trip', 'socket-connect-auth')
def socket_row(name):
    family = 'AF_INET' if 'tcp' in name else 'AF_UNIX'
    key = b'secret' if name.endswith('auth') else None
    count = 50 if key else 500

    def connect():
        return Client(listener.address, authkey=key)

    def connects():
        for _ in range(count):
            with connect() as conn:
                trip(conn)

    def trips():
        for _ in range(count):
            trip(conn)

    with pinned(), Listener(family=family, authkey=key) as listener:
        process = fork.Process(target=echo, args=(listener,))
        process.start()
        if key:
            yield connects, count
            conn = connect()
        else:
            conn = connect()
            yield trips, count
        conn.send_bytes(b'')
        process.join()
        conn.close()


def take(conn, size):
    while True:
        fd = reduction.recv_handle(conn)
        with mmap.mmap(fd, size) as memory:
            last = memory[-1:]
        os.close(fd)
        conn.send_bytes(last)


@row('pass-64MiB-descriptor')
def pass_descriptor(name):
    size, count = 64 << 20, 20
    fd = os.memfd_create('memory')
    os.truncate(fd, size)
    there, here = fork.Pipe()
    process = fork.Process(target=take, args=(there, size), daemon=True)

    def passes():
        for _ in range(count):
            reduction.send_handle(here, fd, process.pid)
            here.recv_bytes()

    with pinned():
        process.start()
        yield passes, count
        process.terminate()
        process.join()
    os.close(fd)


def main():
    now, stack = None, ExitStack()
    for line in sys.stdin:
        name = line.strip()
        if name != now:
            stack.close()
            now = name
            if name in ROWS:
                call, count = stack.enter_context(ROWS[name](name))
        took = 0
        if name in ROWS:
            began = time.monotonic()
            call()
            took = (time.monotonic() - began) / count
        print(took, flush=True)


if __name__ == '__main__':
    main()
