/*
 * lock.h - a lock that processes share
 *
 * Python: multiprocessing.Lock. Built on a robust, process-shared mutex in
 * shared memory; see pthread_mutexattr_setrobust(3), pthread_mutex_lock(3).
 *
 * Two differences from Python's, both on purpose: only the holder may release
 * it, and when a holder dies the next process gets it and is told.
 */
#ifndef MP_LOCK_H
#define MP_LOCK_H

#include "shared.h"

#include <pthread.h>

struct mp_lock {
	struct mp_shared memory; /* what carries the mutex to others */
	pthread_mutex_t *mutex;	 /* its address in this process */
};

/*
 * Creates an unlocked lock. Every child started afterwards shares it: a forked
 * one as it is, a spawned one that keeps memory.fd after mp_lock_attach().
 * -1: EMFILE, ENFILE, ENOMEM.
 */
int mp_lock_open(struct mp_lock *lock);

/*
 * Makes a lock that came in a spawned child's arguments usable there. Does
 * nothing in a forked child. -1: EBADF if its descriptor was not handed over;
 * ENOMEM.
 */
int mp_lock_attach(struct mp_lock *lock);

/*
 * Takes the lock, waiting up to timeout seconds (negative: for ever, 0: not at
 * all). Python: acquire(timeout=).
 * 0: taken. 1: taken, and the last holder died with it: the caller mends what
 * the lock protects before it goes on.
 * -1: not taken. ETIMEDOUT; EDEADLK if the caller holds it already.
 */
static inline int mp_lock_acquire(struct mp_lock *lock, double timeout);

/* Gives the lock back. Python: release(). -1: EPERM if the caller does not hold
 * it. The holder is a thread: another one of its process is no holder. */
int mp_lock_release(struct mp_lock *lock);

/* Ends this process's use of the lock, and gives it back if the caller holds
 * it; the last user's ends its memory. */
void mp_lock_close(struct mp_lock *lock);

/*
 * The same for a mutex that lies in shared memory of the caller's own, among
 * what it protects. Another process uses it through a struct with just `mutex`
 * set to its address there; such a lock is neither attached nor closed.
 */
void mp_lock_place(struct mp_lock *lock, pthread_mutex_t *mutex);

/* region: acquire */
/* A lock that is there for the taking costs no more than the mutex in it: that
 * much is inline. What else trylock has to say, is for mp_lock_wait(). */
int mp_lock_wait(struct mp_lock *lock, int error, double timeout);

static inline int mp_lock_acquire(struct mp_lock *lock, double timeout)
{
	int error = pthread_mutex_trylock(lock->mutex);

	return error == 0 ? 0 : mp_lock_wait(lock, error, timeout);
}
/* endregion */

#endif
