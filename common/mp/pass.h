/*
 * pass.h - open files through a connection
 *
 * Python: multiprocessing.reduction.send_handle() and recv_handle(), and
 * whatever of multiprocessing pickles a connection or a socket. Built on
 * sendmsg(2) with SCM_RIGHTS, see unix(7): the receiver gets descriptors of its
 * own for the same open files. The numbers may differ; the file offset, the
 * flags and the memory behind a mapping are one for both.
 *
 *	mp_connection_send_descriptors(&out, (int[]){ file, memory }, 2, -1);
 *	count = mp_connection_recv_descriptors(&in, fds, 2, -1);
 *
 * On the wire it is a message like any other, #DESCRIPTORS# and their number;
 * the descriptors travel beside its bytes. Who receives it as bytes
 * gets just these: the system closes the descriptors, and none is left open.
 */
#ifndef MP_PASS_H
#define MP_PASS_H

#include "connection.h"

#define MP_DESCRIPTORS_MAX 253 /* in a message: the limit of the system */

/*
 * Sends a message with descriptors. They stay open here; the caller may close
 * them at once.
 * -1: EINVAL     count is 0, or over MP_DESCRIPTORS_MAX
 *     EBADF      one of them is not open
 *     EOPNOTSUPP the connection is no socket of AF_UNIX
 *     ETOOMANYREFS  too many are on their way, received by nobody
 *     and as mp_connection_send_bytes()
 */
int mp_connection_send_descriptors(struct mp_connection *connection,
				   const int *fds, size_t count,
				   double timeout);

/*
 * Receives a message with descriptors, at most room of them into fds, each
 * close-on-exec. They are the caller's to close.
 * Their number, or -1:
 *     ENOMSG     the next message is another one; it is not lost
 *     ENOBUFS    there are more than room; all of them are closed, and lost
 *     EMFILE     this process may not have so many; all closed, and lost
 *     EPROTO     the message claims more than came with it
 *     and as mp_connection_recv_bytes()
 */
ssize_t mp_connection_recv_descriptors(struct mp_connection *connection,
				       int *fds, size_t room, double timeout);

#endif
