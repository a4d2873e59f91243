"""join_first.py - joined before its item is got, a child that puts much hangs.

Python's documentation warns of it: without the timeout it were a deadlock.
"""

from multiprocessing import get_context


# region: join-first
def f(q, size):
    q.put(bytes(size))


if __name__ == '__main__':
    ctx = get_context('fork')
    for size in 60000, 70000:
        q = ctx.Queue()
        p = ctx.Process(target=f, args=(q, size))
        p.start()
        p.join(1)
        print(size, 'bytes,',
              'joined' if not p.is_alive() else
              'still there after a second')
        q.get()
        p.join()
# endregion
