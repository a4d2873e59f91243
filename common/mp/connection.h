/*
 * connection.h - messages between processes
 *
 * Python: multiprocessing.Pipe() and multiprocessing.connection.Connection with
 * send_bytes, recv_bytes, recv_bytes_into and poll. Built on pipe(2) or
 * socketpair(2); on the wire a message looks as CPython's does (frame.h), so
 * either can read what the other writes. What crosses is bytes, not objects.
 *
 *	struct mp_connection in, out;
 *
 *	mp_pipe(&in, &out, false);
 *	mp_connection_send_bytes(&out, "hello", 5, -1);
 *	size = mp_connection_recv_bytes_into(&in, buffer, sizeof(buffer), -1);
 *
 * Several processes may use copies of one end, to send as well as to receive: a
 * frame takes several calls, so each end has two locks in shared memory, and a
 * message is one process's turn. Python's Connection has no such lock; its
 * Queue puts one around it.
 *
 * A process that is killed in the middle of a frame breaks the stream for those
 * that have the same end (EOWNERDEAD); the other side finds a truncated frame
 * (EPROTO) when the last of them has closed. Who is killed while he waits for a
 * message has taken nothing. Up to PIPE_BUF bytes with the head,
 * a frame on a pipe is written whole or not at all, and all go on; see pipe(7).
 *
 * Timeouts are in seconds, negative for ever, 0 not to wait at all. One that
 * elapses in the middle of a frame breaks the stream, too.
 */
#ifndef MP_CONNECTION_H
#define MP_CONNECTION_H

#include "shared.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* One end. */
struct mp_connection {
	int fd;			 /* a pipe's end, or a socket */
	bool readable, writable; /* what this end is for */
	size_t atomic;		 /* bytes one write moves whole: PIPE_BUF, 0 */
	struct mp_shared memory; /* carries the turns to who has a copy */
	struct connection_turns *turns; /* its address in this process */
};

/* The descriptors that a spawned child keeps of a connection:
 * MP_KEEP(MP_CONNECTION_FDS(in), MP_CONNECTION_FDS(out)). */
#define MP_CONNECTION_FDS(connection) (connection).fd, (connection).memory.fd

/*
 * Makes two connected ends. duplex: either sends and receives; otherwise first
 * receives and second sends. Python: Pipe(duplex), whose default is True.
 * From the first one on, this process ignores SIGPIPE, as CPython does, unless
 * it has a handler of its own.
 * -1: EMFILE, ENFILE, ENOMEM. Nothing is left open then.
 */
int mp_pipe(struct mp_connection *first, struct mp_connection *second,
	    bool duplex);

/*
 * Makes a connection of a descriptor that is there: a pipe's end, or a stream
 * socket. It belongs to the connection from now on, and blocks, whatever it did
 * before (O_NONBLOCK).
 * -1: EBADF, EMFILE, ENFILE, ENOMEM; the descriptor is then as it was.
 */
int mp_connection_open(struct mp_connection *connection, int fd);

/*
 * Makes a connection that came in a spawned child's arguments usable there.
 * Does nothing in a forked child. -1: EBADF if one of its descriptors was not
 * handed over; ENOMEM.
 */
int mp_connection_attach(struct mp_connection *connection);

/*
 * Sends a message of size bytes, which may be 0. Python: send_bytes().
 * -1: EPIPE      the peer is closed: nobody is left who could receive
 *     ETIMEDOUT  the time is over
 *     EOWNERDEAD a sender on this end was killed in the middle of a frame
 *     EPROTO     a sender on this end gave up in the middle of one
 *     EBADF      this end is closed, or is just for receiving
 */
int mp_connection_send_bytes(struct mp_connection *connection,
			     const void *bytes, size_t size, double timeout);

/*
 * Receives a message into memory that the caller frees: *message, never NULL
 * then. most is the limit of its length in bytes. Python:
 * recv_bytes(maxlength). The length, or -1:
 *     ENODATA    the end of the file: all that could send have closed
 *     EPROTO     the file ended within a frame, or there is no such length
 *     EMSGSIZE   its length is over the limit; the connection is of no further
 *                use, as in Python ("bad message length")
 *     ECONNRESET the peer closed, and left something of ours unread
 *     ENOMEM     no memory for it; it is not lost, and comes with the next call
 *     ETIMEDOUT, EOWNERDEAD, EBADF  as for send_bytes
 */
ssize_t mp_connection_recv_bytes(struct mp_connection *connection,
				 void **message, size_t most, double timeout);

/*
 * Receives a message into a buffer of room bytes. Python: recv_bytes_into().
 * The length, or -1 as above, but instead of EMSGSIZE:
 *     ENOBUFS    it is longer than the buffer; it is not lost, and comes with
 *                the next call (Python: BufferTooShort)
 */
ssize_t mp_connection_recv_bytes_into(struct mp_connection *connection,
				      void *buffer, size_t room,
				      double timeout);

/*
 * Would a receive find something, a message or the end? Waits for it up to
 * timeout seconds. Python: poll(). For several connections at once: mp_wait()
 * with the fd of each.
 * 1 yes, 0 no, -1: EBADF.
 */
int mp_connection_poll(struct mp_connection *connection, double timeout);

/* Closes this process's copy of this end. Python: close(). */
void mp_connection_close(struct mp_connection *connection);

#endif
