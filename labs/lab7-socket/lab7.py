"""lab7.py - the program that lab7.c mirrors: strangers exchange a line."""

from multiprocessing import get_context
from multiprocessing.connection import Client, Listener


# region: client
def client(address):
    with Client(address) as conn:
        conn.send_bytes(b'hello')
        line = conn.recv_bytes().decode()
    print('the listener said', line)
# endregion


# region: program
if __name__ == '__main__':
    ctx = get_context('fork')
    with Listener() as listener:
        p = ctx.Process(
            target=client,
            args=(listener.address,))
        p.start()
        with listener.accept() as conn:
            line = conn.recv_bytes().decode()
            conn.send_bytes(b'HELLO')
        p.join()
    print('the client said', line)
# endregion
