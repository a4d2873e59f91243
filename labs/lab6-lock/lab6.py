"""lab6.py - the program that lab6.c mirrors: three processes and a lock."""

from argparse import ArgumentParser
from multiprocessing import get_context
from time import sleep

parser = ArgumentParser()
parser.add_argument('--hold', type=float, default=0.05)
hold = parser.parse_args().hold


# region: f
def f(l, i):
    l.acquire()
    try:
        print('hello world', i)
        sleep(hold)
    finally:
        l.release()
# endregion


# region: loop
if __name__ == '__main__':
    ctx = get_context('fork')
    lock = ctx.Lock()

    for num in range(3):
        p = ctx.Process(target=f,
                        args=(lock, num))
        p.start()
        p.join()
# endregion
