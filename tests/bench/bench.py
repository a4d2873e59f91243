"""bench.py - CPython's side of `make bench`.

Reads a line "ROW" from stdin, does it once, answers with the seconds it took.
"touch BYTES" touches so much memory in small pages first, "touch 0" frees it.
"""

import mmap
import sys
import time
from multiprocessing import get_context

memory = None


def nothing():
    pass


def touch(size):
    global memory
    if memory is not None:
        memory.close()
        memory = None
    if size:
        memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, 'MADV_NOHUGEPAGE'):
            memory.madvise(mmap.MADV_NOHUGEPAGE)
        for at in range(0, size, mmap.PAGESIZE):
            memory[at] = 1


def start_and_join(method):
    process = get_context(method).Process(target=nothing)
    began = time.monotonic()
    process.start()
    process.join()
    return time.monotonic() - began


def main():
    for line in sys.stdin:
        word, *rest = line.split()
        if word == 'touch':
            touch(int(rest[0]))
            answer = 0
        else:
            answer = start_and_join(word)
        print(answer, flush=True)


if __name__ == '__main__':
    main()
