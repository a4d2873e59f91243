/* receive.c - a message out of a connection; see connection.h. */
#include "connection.h"

#include "deadline.h"
#include "frame.h"
#include "turns.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* region: read-some */
/*
 * Waits for bytes, and reads what is there, at most size. The stream is INSIDE
 * from the first byte of a frame; it stays WHOLE while we wait for that: who is
 * killed there has taken nothing.
 */
static ssize_t read_some(const struct mp_connection *from, void *to,
			 size_t size, double deadline, bool begun)
{
	volatile int *state = &from->turns->receiving.state;
	ssize_t n;

	while (*state = INSIDE, (n = read(from->fd, to, size)) <= 0) {
		if (!begun)
			*state = WHOLE;
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return n;
		if (errno == EAGAIN && wait_for(from->fd, POLLIN, deadline) < 0)
			return -1;
	}
	return n;
}

/* Reads bytes that must follow: here the end of the file comes too early. */
static int read_rest(const struct mp_connection *from, void *to, size_t size,
		     double deadline, bool begun)
{
	while (size > 0) {
		ssize_t n = read_some(from, to, size, deadline, begun);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			errno = EPROTO;
		if (n <= 0)
			return -1;
		to = (char *)to + n;
		size -= n;
		begun = true;
	}
	return 0;
}
/* endregion */

/* region: read-head */
static int read_head(const struct mp_connection *from, double deadline)
{
	struct connection_turns *turns = from->turns;
	unsigned char head[FRAME_HEAD];
	ssize_t n = read_some(from, head, FRAME_SHORT, deadline, false);
	int64_t length;

	if (n == 0)
		errno = ENODATA;
	if (n <= 0 ||
	    read_rest(from, head + n, FRAME_SHORT - n, deadline, true) < 0 ||
	    (frame_is_long(head) && read_rest(from, head + FRAME_SHORT,
					      FRAME_LONG, deadline, true) < 0))
		return -1;
	length = frame_length(head);
	if (length < 0)
		return -1;
	turns->length = length;
	turns->has_length = true;
	turns->receiving.state = WHOLE;
	return 0;
}
/* endregion */

/* region: receive */
/* Takes the turn, and learns how long the next message is. After 0 it is the
 * caller's to end by end_receive(), or by pass_turn(). */
static int begin_receive(const struct mp_connection *from, double timeout,
			 double deadline)
{
	struct connection_turns *turns = from->turns;

	if (check_may(from->readable) < 0 ||
	    take_turn(&turns->receiving, timeout) < 0)
		return -1;
	if (turns->has_length || read_head(from, deadline) == 0)
		return 0;
	pass_turn(&turns->receiving);
	return -1;
}

/* Receives the bytes of it, and passes the turn. */
static ssize_t end_receive(const struct mp_connection *from, void *buffer,
			   double deadline)
{
	struct connection_turns *turns = from->turns;
	ssize_t length = turns->length;

	if (read_rest(from, buffer, length, deadline, false) < 0) {
		length = -1;
	} else {
		turns->has_length = false;
		turns->receiving.state = WHOLE;
	}
	pass_turn(&turns->receiving);
	return length;
}

ssize_t mp_connection_recv_bytes_into(struct mp_connection *connection,
				      void *buffer, size_t room, double timeout)
{
	double deadline = deadline_after(timeout);

	if (begin_receive(connection, timeout, deadline) < 0)
		return -1;
	if (connection->turns->length <= room)
		return end_receive(connection, buffer, deadline);
	pass_turn(&connection->turns->receiving);
	errno = ENOBUFS;
	return -1;
}

ssize_t mp_connection_recv_bytes(struct mp_connection *connection,
				 void **message, size_t most, double timeout)
{
	double deadline = deadline_after(timeout);
	struct connection_turns *turns = connection->turns;
	ssize_t length = -1;

	*message = NULL;
	if (begin_receive(connection, timeout, deadline) < 0)
		return -1;
	if (turns->length > most)
		errno = turns->receiving.state = EMSGSIZE;
	else
		*message = malloc(turns->length + 1);
	if (*message == NULL) {
		pass_turn(&turns->receiving);
		return -1;
	}
	length = end_receive(connection, *message, deadline);
	if (length < 0) {
		free(*message);
		*message = NULL;
	}
	return length;
}
/* endregion */
