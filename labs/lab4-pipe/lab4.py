"""lab4.py - the program that lab4.c mirrors: a message through a pipe."""

from multiprocessing import get_context


# region: program
def greet(in_):
    in_.send_bytes(b'hello')
    in_.close()


if __name__ == '__main__':
    ctx = get_context('fork')
    out, in_ = ctx.Pipe(duplex=False)
    p = ctx.Process(target=greet, args=(in_,))
    p.start()
    in_.close()
    print(out.recv_bytes().decode())
    p.join()
# endregion
