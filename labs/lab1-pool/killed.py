"""killed.py - the scene `killed` in Python. It never ends: run it by timeout(1)."""

import os
import signal
from multiprocessing import get_context


# region: killed
def f(x):
    if x == 3:
        print('at item 3: SIGKILL', flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return x*x


if __name__ == '__main__':
    ctx = get_context('fork')
    with ctx.Pool(2) as p:
        print(p.map(f, range(8), chunksize=1))
# endregion
