/*
 * rights.h - messages with descriptors beside them
 *
 * A descriptor is a number in one process. Over a socket of AF_UNIX the open file
 * behind it goes to another process, which gets a number of its own for it; see
 * SCM_RIGHTS in unix(7), and cmsg(3).
 */
#ifndef SYS_RIGHTS_H
#define SYS_RIGHTS_H

#include <stddef.h>
#include <sys/types.h>

#define RIGHTS_MAX 253 /* descriptors in one message, the system's limit */

/*
 * Sends one message of size bytes, at least one, with count descriptors, which
 * stay open here. Does not raise SIGPIPE.
 * 0, or -1: EPIPE, nobody is left to receive; EBADF, one of them is not open;
 * EMSGSIZE; ETOOMANYREFS, this user's other messages carry too many already.
 */
int send_rights(int socket, const void *message, size_t size, const int *fds,
		size_t count);

/*
 * Waits for one message. *count is the room in fds, and then how many came.
 * *flags is 0 or MSG_CMSG_CLOEXEC, for descriptors that are close-on-exec; then
 * it has MSG_CTRUNC if more were sent than came, because there was no room for
 * them, or this process has no more numbers left.
 * The size of the message, 0 if nobody is left to send, or -1: ECONNRESET, or
 * another errno of recvmsg(2) but EINTR.
 */
ssize_t receive_rights(int socket, void *message, size_t size, int *fds,
		       size_t *count, int *flags);

#endif
