"""lab8.py - the program that lab8.c mirrors: a Value and an Array changed by a child."""

from multiprocessing import get_context


# region: program
def f(value, array):
    value.value = 42
    for i in range(len(array)):
        array[i] *= 2


if __name__ == '__main__':
    ctx = get_context('fork')
    value = ctx.Value('i', 7)
    array = ctx.Array('i', [1, 2, 3])
    p = ctx.Process(target=f,
                    args=(value, array))
    p.start()
    p.join()
    print(value.value)
    print(array[:])
# endregion
