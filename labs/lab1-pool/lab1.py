"""lab1.py - the program that lab1.c mirrors: a function mapped over a list."""

from multiprocessing import get_context


# region: program
def f(x):
    return x*x


if __name__ == '__main__':
    ctx = get_context('fork')
    with ctx.Pool(5) as p:
        print(p.map(f, [1, 2, 3]))
# endregion
