/* lock.c - a lock that processes share; see lock.h. */
#include "lock.h"

#include "deadline.h"

#include <errno.h>

#define SLICE 0.1 /* seconds */

/* pthread functions return the error; mp functions set errno, as calls do. */
static int from_pthread(int error)
{
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

/* region: open */
void mp_lock_place(struct mp_lock *lock, pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attributes;

	*lock = (struct mp_lock){ .mutex = mutex };
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

int mp_lock_open(struct mp_lock *lock)
{
	struct mp_shared memory;

	if (mp_shared_open(&memory, sizeof(*lock->mutex)) < 0)
		return -1;
	mp_lock_place(lock, memory.address);
	lock->memory = memory;
	return 0;
}

int mp_lock_attach(struct mp_lock *lock)
{
	int answer = mp_shared_attach(&lock->memory);

	lock->mutex = answer < 0 ? NULL : lock->memory.address;
	return answer;
}
/* endregion */

/* region: slices */
/*
 * Waits for the mutex in slices. A waiter that is killed just after it was
 * woken can take the wake-up with it, and the mutex would never wake anybody
 * again; who looks every tenth of a second does not depend on it.
 */
static int wait_in_slices(pthread_mutex_t *mutex, double timeout)
{
	double deadline = deadline_after(timeout), left;
	int error;

	do {
		struct timespec until;

		left = time_left(deadline);
		until = realtime_after(left < 0 || left > SLICE ? SLICE : left);
		if (left == 0)
			until.tv_sec = -1; /* just a last look */
		error = pthread_mutex_timedlock(mutex, &until);
	} while (error == ETIMEDOUT && left != 0);
	return error;
}
/* endregion */

/* region: acquire */
int mp_lock_wait(struct mp_lock *lock, int error, double timeout)
{
	if (error == EBUSY)
		error = wait_in_slices(lock->mutex, timeout);
	if (error == EOWNERDEAD) {
		pthread_mutex_consistent(lock->mutex);
		return 1;
	}
	return from_pthread(error);
}

int mp_lock_release(struct mp_lock *lock)
{
	return from_pthread(pthread_mutex_unlock(lock->mutex));
}
/* endregion */

/* Memory that goes away with a held mutex in it would stay in the list by which
 * the system finds the mutexes of the dead; see get_robust_list(2). */
void mp_lock_close(struct mp_lock *lock)
{
	if (lock->mutex == NULL)
		return;
	pthread_mutex_unlock(lock->mutex); /* EPERM: it is not ours */
	mp_shared_close(&lock->memory);
	lock->mutex = NULL;
}
