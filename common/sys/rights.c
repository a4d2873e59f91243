/* rights.c - messages with descriptors beside them; see rights.h. */
#include "rights.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

union control {
	struct cmsghdr header; /* for its alignment */
	char room[CMSG_SPACE(RIGHTS_MAX * sizeof(int))];
};

int send_rights(int socket, const void *message, size_t size, const int *fds,
		size_t count)
{
	union control control = { 0 };
	struct iovec body = { (void *)message, size };
	struct msghdr all = { .msg_iov = &body, .msg_iovlen = 1 };
	ssize_t sent;

	if (count > 0) {
		all.msg_control = &control;
		all.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	do
		sent = sendmsg(socket, &all, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno == ECONNRESET)
		errno = EPIPE; /* gone, and with something of ours unread */
	return sent < 0 ? -1 : 0;
}

ssize_t receive_rights(int socket, void *message, size_t size, int *fds,
		       size_t *count, int *flags)
{
	union control control;
	struct iovec body = { message, size };
	struct msghdr all = { .msg_iov = &body,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen =
				      CMSG_SPACE(*count * sizeof(int)) };
	struct cmsghdr *header;
	ssize_t received;

	do
		received = recvmsg(socket, &all, *flags);
	while (received < 0 && errno == EINTR);
	header = received < 0 ? NULL : CMSG_FIRSTHDR(&all);
	*count = header == NULL
			 ? 0
			 : (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	*flags = all.msg_flags;
	if (*count > 0)
		memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
	return received;
}
