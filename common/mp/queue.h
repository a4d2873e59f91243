/*
 * queue.h - messages for whoever takes them first
 *
 * Python: multiprocessing.Queue. Built on a ring of bytes in shared memory, a
 * robust lock (lock.h) and futex(2): no pipe, and no thread that feeds one. So
 * what was put is there at once, also for who asks how many there are, and a
 * process may end, and be joined, with messages of its own in the queue.
 *
 *	struct mp_queue queue;
 *
 *	mp_queue_open(&queue, 65536);
 *	mp_queue_put(&queue, "hello", 5, -1);
 *	size = mp_queue_get(&queue, buffer, sizeof(buffer), -1);
 *
 * Any number of processes put and get. Messages come out in the order they went
 * in, each once. A message costs its own bytes and MP_QUEUE_COST more, all of
 * it rounded up to a multiple of MP_QUEUE_COST.
 *
 * A process that is killed at any instruction leaves the queue usable: a
 * message is in it as a whole or not at all. What a killed process had got, is
 * lost with it.
 *
 * Timeouts are in seconds, negative for ever, 0 not to wait at all. Where a
 * process was killed at a bad moment, the next call may take 0.1 s more.
 */
#ifndef MP_QUEUE_H
#define MP_QUEUE_H

#include "shared.h"

#include <stddef.h>
#include <sys/types.h>

#define MP_QUEUE_COST 4		 /* bytes a message, beyond its own */
#define MP_QUEUE_MAX  (1u << 30) /* bytes of the largest queue */

struct mp_queue {
	struct mp_shared memory; /* carries the ring to others: MP_KEEP .fd */
	struct queue_ring *ring; /* its address in this process */
};

/*
 * Makes an empty queue, of capacity bytes or the next larger power of two.
 * Every child started afterwards shares it: a forked one as it is, a spawned
 * one that keeps memory.fd after mp_queue_attach().
 * -1: EINVAL (capacity is 0 or over MP_QUEUE_MAX), EMFILE, ENFILE, ENOMEM.
 */
int mp_queue_open(struct mp_queue *queue, size_t capacity);

/* Makes a queue that came in a spawned child's arguments usable there. Does
 * nothing in a forked child. -1: EBADF if its descriptor was not handed over;
 * ENOMEM. */
int mp_queue_attach(struct mp_queue *queue);

/*
 * Puts a message of size bytes, which may be 0, and waits for room if it must.
 * Python: put().
 * -1: EMSGSIZE  with its cost it is larger than the queue
 *     ETIMEDOUT there was no room in time (Python: Full)
 *     EPIPE     the queue is shut down (Python 3.13: ShutDown)
 */
int mp_queue_put(struct mp_queue *queue, const void *message, size_t size,
		 double timeout);

/*
 * Gets the oldest message into a buffer of room bytes. Python: get().
 * Its length, or -1:
 *     ETIMEDOUT nothing came in time (Python: Empty)
 *     ENODATA   the queue is shut down, and drained (Python 3.13: ShutDown)
 *     ENOBUFS   it is longer than the buffer; it stays the oldest
 */
ssize_t mp_queue_get(struct mp_queue *queue, void *buffer, size_t room,
		     double timeout);

/* How many messages are in it now. Python: qsize(). */
size_t mp_queue_count(struct mp_queue *queue);

/* The largest message that it takes, in bytes. */
size_t mp_queue_largest(const struct mp_queue *queue);

/* No message is put any more; what is in it can still be got. For all
 * processes, and for good. Python 3.13: shutdown(). */
void mp_queue_shutdown(struct mp_queue *queue);

/* Ends this process's use of the queue. Python: close(). The last user's ends
 * its memory, with what was in it. */
void mp_queue_close(struct mp_queue *queue);

#endif
