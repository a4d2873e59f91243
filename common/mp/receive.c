/* receive.c - a message out of a connection; see connection.h. */
#include "connection.h"

#include "deadline.h"
#include "frame.h"
#include "turns.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* region: read-some */
/*
 * Waits for bytes, and takes what is there, at most size. The read itself may
 * wait; only who has a deadline looks before, or who meets EAGAIN: some process
 * has set O_NONBLOCK, and that holds for all copies of the end.
 */
static ssize_t read_some(const struct mp_connection *from, void *to,
			 size_t size, double deadline)
{
	bool may_wait = isinf(deadline);
	ssize_t n;

	do {
		if (!may_wait && wait_for(from->fd, POLLIN, deadline) < 0)
			return -1;
		n = read(from->fd, to, size);
		if (n < 0 && errno == EAGAIN)
			may_wait = false;
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n;
}

/*
 * Reads bytes that must follow: here the end of the file comes too early. They
 * go where nobody else finds them. So the stream is INSIDE before they are
 * taken: who is killed just behind the read leaves no other word of it.
 */
static int read_rest(const struct mp_connection *from, void *to, size_t size,
		     double deadline)
{
	volatile int *state = &from->turns->receiving.state;
	int before = *state;

	while (size > 0) {
		ssize_t n;

		*state = INSIDE;
		n = read_some(from, to, size, deadline);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			errno = EPROTO;
		if (n <= 0) {
			*state = before; /* nothing was taken */
			return -1;
		}
		before = INSIDE;
		to = (char *)to + n;
		size -= n;
	}
	return 0;
}
/* endregion */

/* region: read-head */
/*
 * The first bytes of a message are read straight into shared memory. Who is
 * killed while he waits for them has taken nothing, or they are there for the
 * next: the system does not end a process between the two.
 */
static int read_head(const struct mp_connection *from, double deadline)
{
	struct connection_turns *turns = from->turns;
	unsigned char *head = (unsigned char *)turns->head;
	ssize_t n = FRAME_SHORT;

	if (head[0] == NO_HEAD)
		n = read_some(from, head, FRAME_SHORT, deadline);
	else if (head[FRAME_SHORT - 1] == NO_HEAD)
		turns->receiving.state = EOWNERDEAD; /* it may be a part */
	if (n == 0)
		errno = ENODATA;
	if (n <= 0)
		return -1;
	if (turns->receiving.state != WHOLE) {
		errno = turns->receiving.state;
		return -1;
	}
	turns->receiving.state = INSIDE;
	if (read_rest(from, head + n, FRAME_SHORT - n, deadline) < 0 ||
	    (frame_is_long(head) &&
	     read_rest(from, head + FRAME_SHORT, FRAME_LONG, deadline) < 0) ||
	    frame_length(head) < 0)
		return -1;
	turns->length = frame_length(head);
	turns->has_length = true;
	turns->receiving.state = WHOLE;
	return 0;
}
/* endregion */

/* region: receive */
/* Takes the turn, and learns how long the next message is; see turns.h. */
int begin_receive(const struct mp_connection *from, double timeout,
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

void message_taken(struct connection_turns *turns)
{
	turns->head[0] = turns->head[FRAME_SHORT - 1] = NO_HEAD;
	turns->has_length = false;
	turns->receiving.state = WHOLE;
}

/* Receives the bytes of it, and passes the turn. */
static ssize_t end_receive(const struct mp_connection *from, void *buffer,
			   double deadline)
{
	struct connection_turns *turns = from->turns;
	ssize_t length = turns->length;

	if (read_rest(from, buffer, length, deadline) < 0)
		length = -1;
	else
		message_taken(turns);
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
