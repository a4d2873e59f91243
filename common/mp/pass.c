/* pass.c - open files through a connection; see pass.h. */
#include "pass.h"

#include "deadline.h"
#include "frame.h"
#include "turns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARK "#DESCRIPTORS#"

/* What is in the message: the mark, and how many descriptors come with it. */
struct parcel {
	char mark[sizeof(MARK) - 1];
	unsigned char count;
};

/* Room for the descriptors, as sendmsg(2) and recvmsg(2) want it. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(MP_DESCRIPTORS_MAX * sizeof(int))];
};

/* --- sending ---------------------------------------------------------------- */

/* Could they be sent? All that can be known before the first byte goes out. */
static int check_descriptors(const struct mp_connection *connection,
			     const int *fds, size_t count)
{
	int family = -1;
	socklen_t size = sizeof(family);

	if (check_may(connection->writable) < 0)
		return -1;
	getsockopt(connection->fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
	if (family != AF_UNIX || count == 0 || count > MP_DESCRIPTORS_MAX) {
		errno = family != AF_UNIX ? EOPNOTSUPP : EINVAL;
		return -1;
	}
	for (size_t i = 0; i < count; i++)
		if (fcntl(fds[i], F_GETFD) < 0)
			return -1;
	return 0;
}

/* One message of sendmsg(2): a stream socket takes it whole if it is so small. */
static int send_whole(int fd, struct msghdr *message, double deadline)
{
	ssize_t n;

	do {
		if (wait_for(fd, POLLOUT, deadline) < 0)
			return -1;
		n = sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n < 0 ? -1 : 0;
}

/* region: send */
static int send_parcel(int fd, const int *fds, size_t count, double deadline)
{
	struct parcel parcel = { MARK, count };
	struct iovec bytes = { &parcel, sizeof(parcel) };
	union control control;
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };

	if (count > 0) {
		struct cmsghdr *rights = &control.align;

		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
	}
	return send_whole(fd, &message, deadline);
}

/*
 * The head goes first and by itself: descriptors come with the first byte that
 * they were sent with, and the receiver's read of the head would lose them.
 */
static int send_both(int fd, const int *fds, size_t count, double deadline,
		     volatile int *state)
{
	unsigned char head[FRAME_HEAD];
	struct iovec bytes = { head, frame_head(head, sizeof(struct parcel)) };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
	int answer, error;

	*state = INSIDE;
	if (send_whole(fd, &message, deadline) < 0) {
		*state = WHOLE;
		return -1;
	}
	answer = send_parcel(fd, fds, count, deadline);
	error = errno;
	/* Descriptors that do not travel: so the message says that none does. */
	if (answer == 0 || send_parcel(fd, NULL, 0, deadline) == 0)
		*state = WHOLE;
	errno = error;
	return answer;
}
/* endregion */

int mp_connection_send_descriptors(struct mp_connection *connection,
				   const int *fds, size_t count, double timeout)
{
	double deadline = deadline_after(timeout);
	struct stream *stream;
	int answer;

	if (check_descriptors(connection, fds, count) < 0)
		return -1;
	stream = &connection->turns->sending;
	if (take_turn(stream, timeout) < 0)
		return -1;
	answer =
		send_both(connection->fd, fds, count, deadline, &stream->state);
	pass_turn(stream);
	return answer;
}

/* --- receiving -------------------------------------------------------------- */

/* Is the next message, whose length is known, one of ours? Looks without taking:
 * MSG_PEEK. */
static bool is_parcel(const struct mp_connection *from)
{
	struct parcel parcel;

	return from->turns->length == sizeof(parcel) &&
	       recv(from->fd, &parcel, sizeof(parcel), MSG_PEEK) ==
		       sizeof(parcel) &&
	       memcmp(parcel.mark, MARK, sizeof(parcel.mark)) == 0;
}

/* region: receive */
/* Takes the message; its descriptors, close-on-exec, into fds. Their number. */
static ssize_t take_parcel(const struct mp_connection *from,
			   struct parcel *parcel, int *fds, bool *all)
{
	struct iovec bytes = { parcel, sizeof(*parcel) };
	union control control;
	struct msghdr message = { .msg_iov = &bytes,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *rights;
	size_t size = 0;

	from->turns->receiving.state = INSIDE;
	if (recvmsg(from->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) !=
	    sizeof(*parcel))
		return -1; /* and it was there a moment ago */
	message_taken(from->turns);
	rights = CMSG_FIRSTHDR(&message);
	if (rights != NULL && rights->cmsg_type == SCM_RIGHTS) {
		size = rights->cmsg_len - CMSG_LEN(0);
		memcpy(fds, CMSG_DATA(rights), size);
	}
	*all = !(message.msg_flags & MSG_CTRUNC);
	return size / sizeof(int);
}
/* endregion */

/* The same, all or none of them: a caller cannot close what it knows nothing of. */
static ssize_t unpack(const struct mp_connection *from, int *fds, size_t room)
{
	int taken[MP_DESCRIPTORS_MAX];
	struct parcel parcel;
	bool all;
	ssize_t count = take_parcel(from, &parcel, taken, &all);

	if (count < 0)
		return -1;
	if (all && count == parcel.count && (size_t)count <= room) {
		memcpy(fds, taken, count * sizeof(int));
		return count;
	}
	for (ssize_t i = 0; i < count; i++)
		close(taken[i]);
	errno = !all ? EMFILE : count != parcel.count ? EPROTO : ENOBUFS;
	return -1;
}

ssize_t mp_connection_recv_descriptors(struct mp_connection *connection,
				       int *fds, size_t room, double timeout)
{
	ssize_t count = -1;

	if (begin_receive(connection, timeout, deadline_after(timeout)) < 0)
		return -1;
	if (is_parcel(connection))
		count = unpack(connection, fds, room);
	else
		errno = ENOMSG;
	pass_turn(&connection->turns->receiving);
	return count;
}
