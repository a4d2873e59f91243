/* send.c - a message into a connection; see connection.h. */
#include "connection.h"

#include "deadline.h"
#include "frame.h"
#include "turns.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define SMALL 16384 /* bytes that go out in one write with their head */

/* region: send */
/*
 * Writes all of it. While one write cannot move what is left of the frame, a
 * death would leave a part of it there: so the stream is INSIDE then.
 */
static int write_all(const struct mp_connection *to, const void *bytes,
		     size_t size, double deadline, bool atomic)
{
	volatile int *state = &to->turns->sending.state;
	bool begun = *state == INSIDE;

	while (size > 0) {
		ssize_t n;

		*state = atomic ? WHOLE : INSIDE;
		n = write(to->fd, bytes, size);
		if (n >= 0) {
			begun = true;
			bytes = (const char *)bytes + n;
			size -= n;
			continue;
		}
		if (!begun)
			*state = WHOLE;
		if (errno != EINTR && (errno != EAGAIN ||
				       wait_for(to->fd, POLLOUT, deadline) < 0))
			return -1;
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
