"""lab2.py - the program that lab2.c mirrors: start a process and join it."""

from multiprocessing import get_context


# region: program
def f(name):
    print('hello', name)


if __name__ == '__main__':
    ctx = get_context('fork')
    p = ctx.Process(target=f, args=('bob',))
    p.start()
    p.join()
# endregion
