"""lab3.py - the program that lab3.c mirrors: one child by each start method."""

from multiprocessing import get_context


# region: program
def f(name):
    print('hello', name)


if __name__ == '__main__':
    for method in 'fork', 'spawn':
        ctx = get_context(method)
        p = ctx.Process(target=f, args=('bob',))
        p.start()
        p.join()
# endregion
