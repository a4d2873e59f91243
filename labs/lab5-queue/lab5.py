"""lab5.py - the program that lab5.c mirrors: a child puts, the parent gets."""

from multiprocessing import get_context


# region: program
def produce(q):
    for i in range(1, 4):
        q.put(i)


if __name__ == '__main__':
    ctx = get_context('fork')
    q = ctx.Queue()
    p = ctx.Process(target=produce, args=(q,))
    p.start()
    for _ in range(3):
        print(q.get())
    p.join()
# endregion
