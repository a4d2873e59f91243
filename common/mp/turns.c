/* turns.c - who may send, and who receive; see turns.h. */
#include "turns.h"

#include "io.h"

#include <errno.h>

void turns_place(struct connection_turns *turns)
{
	struct mp_lock lock;

	mp_lock_place(&lock, &turns->sending.turn);
	mp_lock_place(&lock, &turns->receiving.turn);
	turns->head[0] = turns->head[FRAME_SHORT - 1] = NO_HEAD;
}

int check_may(bool may)
{
	if (may)
		return 0;
	errno = EBADF; /* a closed end is for neither */
	return -1;
}

/* region: turn */
int take_turn(struct stream *stream, double timeout)
{
	struct mp_lock lock = { .mutex = &stream->turn };
	int taken = mp_lock_acquire(&lock, timeout);

	if (taken < 0)
		return -1;
	if (taken == 1 && stream->state == INSIDE)
		stream->state = EOWNERDEAD;
	if (stream->state == WHOLE)
		return 0;
	errno = stream->state;
	pass_turn(stream);
	return -1;
}

void pass_turn(struct stream *stream)
{
	struct mp_lock lock = { .mutex = &stream->turn };

	if (stream->state == INSIDE) /* who gives up has no errno to leave */
		stream->state = errno == ETIMEDOUT ? EPROTO : errno;
	mp_lock_release(&lock);
}
/* endregion */

int wait_for(int fd, short event, double deadline)
{
	struct pollfd it = { .fd = fd, .events = event };
	int ready = poll_until(&it, 1, deadline);

	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0 ? 0 : -1;
}
