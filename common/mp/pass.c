/* pass.c - open files through a connection; see pass.h. */
#include "pass.h"

#include "deadline.h"
#include "frame.h"
#include "rights.h"
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

/* --- sending ------------------------------------------------------------ */

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

/* region: send */
/* So few bytes go out whole once there is room for any. */
static int send_some(int fd, const void *bytes, size_t size, const int *fds,
		     size_t count, double deadline)
{
	if (wait_for(fd, POLLOUT, deadline) < 0)
		return -1;
	return send_rights(fd, bytes, size, fds, count);
}

/*
 * The head goes first and by itself: descriptors come with the first byte that
 * they were sent with, and the receiver's read of the head would lose them.
 */
static int send_parcel(int fd, const int *fds, size_t count, double deadline,
		       volatile int *state)
{
	struct parcel parcel = { MARK, count };
	unsigned char head[FRAME_HEAD];
	size_t size = frame_head(head, sizeof(parcel));
	int error;

	*state = INSIDE;
	if (send_some(fd, head, size, NULL, 0, deadline) < 0) {
		*state = WHOLE;
		return -1;
	}
	if (send_some(fd, &parcel, sizeof(parcel), fds, count, deadline) == 0) {
		*state = WHOLE;
		return 0;
	}
	/* Descriptors that do not travel: the message says that none does. */
	error = errno;
	parcel.count = 0;
	if (send_some(fd, &parcel, sizeof(parcel), NULL, 0, deadline) == 0)
		*state = WHOLE;
	errno = error;
	return -1;
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
	answer = send_parcel(connection->fd, fds, count, deadline,
			     &stream->state);
	pass_turn(stream);
	return answer;
}

/* --- receiving ---------------------------------------------------------- */

/*
 * Is the next message, whose length is known, one of ours? Looks without
 * taking: MSG_PEEK. Its sender may be slow, or killed, behind the head.
 * 1 yes, 0 no, or -1.
 */
static int is_parcel(const struct mp_connection *from, double deadline)
{
	struct parcel parcel;
	ssize_t n;

	if (from->turns->length != sizeof(parcel))
		return 0;
	do {
		if (wait_for(from->fd, POLLIN, deadline) < 0)
			return -1;
		n = recv(from->fd, &parcel, sizeof(parcel),
			 MSG_PEEK | MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		errno = EPROTO;
		return -1;
	}
	if (n < 0)
		return errno == ENOTSOCK ? 0 : -1;
	return n == sizeof(parcel) &&
	       memcmp(parcel.mark, MARK, sizeof(parcel.mark)) == 0;
}

/* region: receive */
/* Takes the message: all of its descriptors, or none, as a caller cannot close
 * what it knows nothing of. */
static ssize_t take_parcel(const struct mp_connection *from, int *fds,
			   size_t room)
{
	int taken[RIGHTS_MAX], flags = MSG_CMSG_CLOEXEC;
	size_t count = RIGHTS_MAX;
	struct parcel parcel;

	from->turns->receiving.state = INSIDE;
	if (receive_rights(from->fd, &parcel, sizeof(parcel), taken, &count,
			   &flags) != sizeof(parcel))
		return -1; /* and it was there a moment ago */
	message_taken(from->turns);
	if (count == parcel.count && count <= room) {
		memcpy(fds, taken, count * sizeof(int));
		return count;
	}
	for (size_t i = 0; i < count; i++)
		close(taken[i]);
	errno = flags & MSG_CTRUNC	? EMFILE
		: count != parcel.count ? EPROTO
					: ENOBUFS;
	return -1;
}
/* endregion */

ssize_t mp_connection_recv_descriptors(struct mp_connection *connection,
				       int *fds, size_t room, double timeout)
{
	double deadline = deadline_after(timeout);
	ssize_t count = -1;
	int answer;

	if (begin_receive(connection, timeout, deadline) < 0)
		return -1;
	answer = is_parcel(connection, deadline);
	if (answer > 0)
		count = take_parcel(connection, fds, room);
	else if (answer == 0)
		errno = ENOMSG;
	pass_turn(&connection->turns->receiving);
	return count;
}
