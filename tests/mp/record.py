"""record.py - the handshakes of both generations of CPython, as bytes.

Usage: python3 tests/mp/record.py >tests/mp/recorded.inc

The key and what would be random are fixed, so the bytes are the same each time. They
are computed with hmac, as the protocol of either generation has it (see handshake.h).
The CPython that runs this then plays its own part through multiprocessing.connection
with the same "random" bytes, and must say the same: up to 3.11 as the old generation,
from 3.12 on as the new one.
"""

import hmac
import os
import struct
import sys
from multiprocessing import connection

KEY = b'secret'
OURS = b'{sha256}' + bytes(range(100, 140))  # our challenge, whoever it is for
OLD = bytes(range(20))                       # theirs
NEW = b'{sha256}' + bytes(range(40))
WELCOME = b'#WELCOME#'


def old_answer(challenge):
    return hmac.new(KEY, challenge, 'md5').digest()


def new_answer(challenge):
    return b'{sha256}' + hmac.new(KEY, challenge, 'sha256').digest()


def client(challenge, answer):
    """What a client says to our listener, and what our listener says."""
    return ([answer(OURS), b'#CHALLENGE#' + challenge, WELCOME],
            [b'#CHALLENGE#' + OURS, WELCOME, answer(challenge)])


def listener(challenge, answer):
    """What a listener says to our client, and what our client says."""
    return ([b'#CHALLENGE#' + challenge, WELCOME, answer(OURS)],
            [answer(challenge), b'#CHALLENGE#' + OURS, WELCOME])


class Script:
    """A connection whose other end says what it is told to."""

    def __init__(self, heard):
        self.heard, self.said = list(heard), []

    def recv_bytes(self, most):
        return self.heard.pop(0)

    def send_bytes(self, message):
        self.said.append(message)


def check_this_python(challenge, answer):
    """The same by multiprocessing.connection itself."""
    os.urandom = lambda size: challenge[-size:]
    for halves, (said, heard) in (
            ((connection.answer_challenge, connection.deliver_challenge),
             client(challenge, answer)),
            ((connection.deliver_challenge, connection.answer_challenge),
             listener(challenge, answer))):
        script = Script(heard)
        for half in halves:
            half(script, KEY)
        if script.said != said:
            sys.exit(f'this Python says {script.said}, and not {said}')


def show(messages):
    """The frames of these messages, as the inside of a C array."""
    frames = b''.join(struct.pack('!i', len(message)) + message for message in messages)
    lines = [', '.join(f'0x{byte:02x}' for byte in frames[at:at + 12])
             for at in range(0, len(frames), 12)]
    return len(frames), ',\n\t  '.join(lines)


def main():
    is_new = sys.version_info >= (3, 12)
    check_this_python(*((NEW, new_answer) if is_new else (OLD, old_answer)))
    print('/* Made by record.py: name, do we listen, what they say, what we say. */')
    for name, part, is_listener in (('client', client, 'true'), ('listener', listener, 'false')):
        for age, challenge, answer in (('old', OLD, old_answer), ('new', NEW, new_answer)):
            theirs, ours = map(show, part(challenge, answer))
            print(f'{{ "{age} {name}", {is_listener}, {theirs[0]},\n\t{{ {theirs[1]} }},\n'
                  f'\t{ours[0]},\n\t{{ {ours[1]} }} }},')


if __name__ == '__main__':
    main()
