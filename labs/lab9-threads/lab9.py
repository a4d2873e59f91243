"""lab9.py - the program that lab9.c mirrors: threads here, how many in a child?"""

import os
from multiprocessing import get_context
from threading import Event, Thread


# region: program
def f():
    tasks = os.listdir('/proc/self/task')
    print(len(tasks))


if __name__ == '__main__':
    done = Event()
    for _ in range(2):
        t = Thread(target=done.wait)
        t.daemon = True
        t.start()
    for method in 'fork', 'spawn':
        ctx = get_context(method)
        p = ctx.Process(target=f)
        p.start()
        p.join()
    done.set()
# endregion
