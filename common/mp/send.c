/* send.c - a message into a connection; see connection.h. */
#include "connection.h"

#include "deadline.h"
#include "frame.h"
#include "turns.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL 16384 /* bytes that go out in one write with their head */

/* region: write-some */
/*
 * Waits for room, and writes what fits there. The write itself may wait; only
 * who has a deadline looks before, and then writes no more than surely fits: to
 * a pipe that has room, PIPE_BUF bytes. So does who meets EAGAIN: some process
 * has set O_NONBLOCK, and that holds for all copies of the end.
 */
static ssize_t write_some(const struct mp_connection *to, const void *bytes,
			  size_t size, double deadline)
{
	bool may_wait = isinf(deadline), is_pipe = to->atomic > 0;
	ssize_t n;

	do {
		if (!may_wait && wait_for(to->fd, POLLOUT, deadline) < 0)
			return -1;
		if (is_pipe)
			n = write(to->fd, bytes,
				  may_wait || size < PIPE_BUF ? size
							      : PIPE_BUF);
		else
			n = send(to->fd, bytes, size,
				 MSG_NOSIGNAL | (may_wait ? 0 : MSG_DONTWAIT));
		if (n < 0 && errno == EAGAIN)
			may_wait = false;
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n;
}
/* endregion */

/* region: send */
/*
 * Writes all of it. Of a frame that does not go out in one piece, a death would
 * leave a part: so the stream is INSIDE then.
 */
static int write_all(const struct mp_connection *to, const void *bytes,
		     size_t size, double deadline, bool in_one_piece)
{
	volatile int *state = &to->turns->sending.state;
	int before = *state;

	while (size > 0) {
		ssize_t n;

		*state = in_one_piece ? WHOLE : INSIDE;
		n = write_some(to, bytes, size, deadline);
		if (n < 0) {
			*state = before;
			return -1;
		}
		before = *state;
		bytes = (const char *)bytes + n;
		size -= n;
	}
	return 0;
}

/* As CPython: a small message in one write, a large one behind its head. */
static int send_frame(const struct mp_connection *to, const void *bytes,
		      size_t size, double deadline)
{
	unsigned char frame[FRAME_HEAD + SMALL];
	size_t head = frame_head(frame, size);

	if (size > SMALL) {
		if (write_all(to, frame, head, deadline, false) < 0)
			return -1;
		return write_all(to, bytes, size, deadline, false);
	}
	if (size > 0)
		memcpy(frame + head, bytes, size);
	return write_all(to, frame, head + size, deadline,
			 head + size <= to->atomic);
}

int mp_connection_send_bytes(struct mp_connection *connection,
			     const void *bytes, size_t size, double timeout)
{
	double deadline = deadline_after(timeout);
	struct stream *stream;
	int answer;

	if (check_may(connection->writable) < 0)
		return -1;
	stream = &connection->turns->sending;
	if (take_turn(stream, timeout) < 0)
		return -1;
	answer = send_frame(connection, bytes, size, deadline);
	if (answer == 0)
		stream->state = WHOLE;
	else if (errno == ECONNRESET)
		errno = EPIPE; /* what TCP says the first time */
	pass_turn(stream);
	return answer;
}
/* endregion */
