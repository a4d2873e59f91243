/* queue.c - messages for whoever takes them first; see queue.h. */
#include "queue.h"

#include "deadline.h"
#include "futex.h"
#include "lock.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PATIENCE 0.1 /* seconds for the lock, however short the timeout */

/* region: ring */
/* A point in the stream of all that was ever put: both count on and wrap. One
 * store of 8 bytes moves it, so nobody dies with half of it done. */
union point {
	struct {
		uint32_t bytes, messages;
	};
	volatile uint64_t both;
};

/* What somebody may sleep on: until there is a message, until there is room. */
struct change {
	_Atomic uint32_t number; /* goes up with each change */
	volatile bool awaited;	 /* somebody may sleep on it */
};

struct queue_ring {
	pthread_mutex_t mutex; /* for all that follows */
	union point put, got;  /* what lies between is in the queue */
	struct change filled, drained;
	volatile bool shut;
	uint32_t size; /* of bytes: a power of two */
	char bytes[];
};
/* endregion */

/* --- bytes in the ring ---------------------------------------------------- */

/* region: copy */
/* Copies to and from a point of the stream; the ring may end in between. */
static void copy_in(struct queue_ring *ring, uint32_t at, const void *from,
		    size_t size)
{
	size_t begin = at & (ring->size - 1), first = ring->size - begin;

	if (first > size)
		first = size;
	memcpy(ring->bytes + begin, from, first);
	memcpy(ring->bytes, (const char *)from + first, size - first);
}

static void copy_out(const struct queue_ring *ring, uint32_t at, void *to,
		     size_t size)
{
	size_t begin = at & (ring->size - 1), first = ring->size - begin;

	if (first > size)
		first = size;
	memcpy(to, ring->bytes + begin, first);
	memcpy((char *)to + first, ring->bytes, size - first);
}

/* What a message takes of the ring: its length comes before it. */
static uint32_t cost(uint32_t size)
{
	return (MP_QUEUE_COST + size + MP_QUEUE_COST - 1) & -MP_QUEUE_COST;
}

static uint32_t used(const struct queue_ring *ring)
{
	return ring->put.bytes - ring->got.bytes;
}
/* endregion */

/* --- the lock, and sleeping ----------------------------------------------- */

/* region: lock */
/* Whoever died with the lock left nothing to mend: what he had not committed,
 * is not there. */
static int lock(struct queue_ring *ring, double timeout)
{
	struct mp_lock it = { .mutex = &ring->mutex };

	return mp_lock_acquire(
		&it, timeout >= 0 && timeout < PATIENCE ? PATIENCE : timeout);
}

static void unlock(struct queue_ring *ring)
{
	struct mp_lock it = { .mutex = &ring->mutex };

	mp_lock_release(&it);
}
/* endregion */

/* region: sleep */
/*
 * Gives the lock up, sleeps until the change is announced, and takes the lock
 * again. -1: ETIMEDOUT, without the lock.
 */
static int sleep_for_change(struct queue_ring *ring, struct change *change,
			    double deadline)
{
	uint32_t number = change->number;

	change->awaited = true;
	unlock(ring);
	if (futex_wait(&change->number, number, deadline) < 0)
		return -1;
	return lock(ring, time_left(deadline));
}

/*
 * Wakes all who sleep, before the change is made: they wait for the lock then,
 * which we hold. After the change we might be killed before we wake anybody;
 * and one alone might be killed with the wake in his hands.
 */
static void announce(struct change *change)
{
	if (!change->awaited)
		return;
	change->number++;
	futex_wake_all(&change->number);
	change->awaited = false;
}
/* endregion */

/* --- putting and getting -------------------------------------------------- */

/* region: put */
/* Moves a point on: the one store by which a message is there, or gone. */
static void commit(union point *point, uint32_t bytes)
{
	union point next = { .both = point->both };

	next.bytes += bytes;
	next.messages++;
	atomic_thread_fence(memory_order_release);
	point->both = next.both;
}

int mp_queue_put(struct mp_queue *queue, const void *message, size_t size,
		 double timeout)
{
	struct queue_ring *ring = queue->ring;
	double deadline = deadline_after(timeout);
	uint32_t length = size;

	if (size > mp_queue_largest(queue)) {
		errno = EMSGSIZE;
		return -1;
	}
	if (lock(ring, timeout) < 0)
		return -1;
	while (!ring->shut && ring->size - used(ring) < cost(length))
		if (sleep_for_change(ring, &ring->drained, deadline) < 0)
			return -1;
	if (ring->shut) {
		unlock(ring);
		errno = EPIPE;
		return -1;
	}
	copy_in(ring, ring->put.bytes, &length, sizeof(length));
	if (size > 0) /* or message may be NULL */
		copy_in(ring, ring->put.bytes + sizeof(length), message, size);
	announce(&ring->filled);
	commit(&ring->put, cost(length));
	unlock(ring);
	return 0;
}
/* endregion */

/* region: get */
ssize_t mp_queue_get(struct mp_queue *queue, void *buffer, size_t room,
		     double timeout)
{
	struct queue_ring *ring = queue->ring;
	double deadline = deadline_after(timeout);
	uint32_t length;

	if (lock(ring, timeout) < 0)
		return -1;
	while (!ring->shut && used(ring) == 0)
		if (sleep_for_change(ring, &ring->filled, deadline) < 0)
			return -1;
	if (used(ring) == 0) {
		unlock(ring);
		errno = ENODATA;
		return -1;
	}
	copy_out(ring, ring->got.bytes, &length, sizeof(length));
	if (length > room) {
		unlock(ring);
		errno = ENOBUFS;
		return -1;
	}
	if (length > 0)
		copy_out(ring, ring->got.bytes + sizeof(length), buffer,
			 length);
	announce(&ring->drained);
	commit(&ring->got, cost(length));
	unlock(ring);
	return length;
}
/* endregion */

size_t mp_queue_count(struct mp_queue *queue)
{
	struct queue_ring *ring = queue->ring;
	uint32_t count;

	lock(ring, -1);
	count = ring->put.messages - ring->got.messages;
	unlock(ring);
	return count;
}

size_t mp_queue_largest(const struct mp_queue *queue)
{
	return queue->ring->size - MP_QUEUE_COST;
}

/* region: shutdown */
void mp_queue_shutdown(struct mp_queue *queue)
{
	struct queue_ring *ring = queue->ring;

	lock(ring, -1);
	announce(&ring->filled);
	announce(&ring->drained);
	ring->shut = true;
	unlock(ring);
}
/* endregion */

/* --- opening and closing -------------------------------------------------- */

int mp_queue_open(struct mp_queue *queue, size_t capacity)
{
	struct mp_lock lock;
	size_t size = 4096;

	*queue = (struct mp_queue){ .memory.fd = -1 };
	if (capacity == 0 || capacity > MP_QUEUE_MAX) {
		errno = EINVAL;
		return -1;
	}
	while (size < capacity)
		size *= 2;
	if (mp_shared_open(&queue->memory, sizeof(*queue->ring) + size) < 0)
		return -1;
	queue->ring = queue->memory.address;
	queue->ring->size = size;
	mp_lock_place(&lock, &queue->ring->mutex);
	return 0;
}

int mp_queue_attach(struct mp_queue *queue)
{
	int answer = mp_shared_attach(&queue->memory);

	queue->ring = answer < 0 ? NULL : queue->memory.address;
	return answer;
}

void mp_queue_close(struct mp_queue *queue)
{
	mp_shared_close(&queue->memory);
	queue->ring = NULL;
}
