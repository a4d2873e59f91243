/*
 * lab6-holder.c - what is due to the holder alone
 *
 * The scenes `timeout`, `non-owner` and `killed` of lab 6. A child has the lock,
 * the lab wants it. The child has a semaphore, too, which is what Python's Lock
 * is made of; so each scene can tell what that would have done.
 */
#include "lab6.h"

#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

/* In memory that both processes share. */
struct shared {
	struct mp_lock lock;
	sem_t semaphore;
	int from, to; /* two accounts, 100 in both together */
};

struct holder {
	struct shared *shared;
	struct gate has; /* opened by the child: it has the lock */
	struct gate go;	 /* opened by the lab: it may give it back */
};

static struct holder make_holder(void)
{
	struct holder it = { .shared = shared_memory(sizeof(*it.shared)) };

	check(mp_lock_open(&it.shared->lock));
	check(sem_init(&it.shared->semaphore, 1, 1)); /* for processes; free */
	it.shared->from = 100;
	gate_make(&it.has);
	gate_make(&it.go);
	return it;
}

static void end_holder(struct holder *it)
{
	gate_close(&it->go);
	close(it->has.in);
	sem_destroy(&it->shared->semaphore);
	mp_lock_close(&it->shared->lock);
	free_memory(it->shared, sizeof(*it->shared));
}

/* region: holder */
/* The child: takes both, and gives them back when it is told to. */
static int hold_until_told(const void *args, size_t size)
{
	struct holder it = *(const struct holder *)args;

	(void)size;
	check(mp_lock_acquire(&it.shared->lock, PATIENCE));
	check(sem_wait(&it.shared->semaphore));
	say("I have the lock");
	gate_open(&it.has);
	gate_wait(&it.go);
	say("told to release it, I do");
	check(mp_lock_release(&it.shared->lock));
	check(sem_post(&it.shared->semaphore));
	return 0;
}

/* Starts the child, and goes on when it has the lock. */
static struct mp_process start_holder(struct holder *it, mp_target *target)
{
	struct mp_process p = { .target = target,
				.args = it,
				.size = sizeof(*it),
				.name = "holder" };

	check(start_process(&p));
	gate_wait(&it->has);
	return p;
}
/* endregion */

/* region: try */
static const char *word_for(int answer)
{
	if (answer >= 0)
		return answer == 0 ? "0" : "1, its holder died";
	switch (errno) {
	case ETIMEDOUT:
		return "ETIMEDOUT";
	case EDEADLK:
		return "EDEADLK";
	case EPERM:
		return "EPERM";
	default:
		return strerror(errno);
	}
}

/* mp_lock_acquire() and _release() with their answer, as a line. */
int try_acquire(struct mp_lock *lock, double timeout)
{
	double began = monotonic_now();
	int answer = mp_lock_acquire(lock, timeout), error = errno;

	say("acquire(%g): %s, after %.3f s", timeout, word_for(answer),
	    monotonic_now() - began);
	errno = error;
	return answer;
}

static int try_release(struct mp_lock *lock)
{
	int answer = mp_lock_release(lock), error = errno;

	say("release: %s", word_for(answer));
	errno = error;
	return answer;
}
/* endregion */

/* --- timeout ----------------------------------------------------------- */

/* region: timeout */
void play_timeout(void)
{
	struct holder it = make_holder();
	struct mp_process p = start_holder(&it, hold_until_told);
	struct mp_lock *lock = &it.shared->lock;
	bool gave_up, patient, got;
	double began;

	gave_up = try_acquire(lock, 0) < 0 && errno == ETIMEDOUT;
	began = monotonic_now();
	gave_up = try_acquire(lock, hold) < 0 && errno == ETIMEDOUT && gave_up;
	patient = monotonic_now() - began >= hold;
	conclude(gave_up && patient,
		 "ETIMEDOUT while another has it, and not before the time");

	gate_open(&it.go);
	got = try_acquire(lock, PATIENCE) == 0;
	check(join_process(&p, PATIENCE));
	conclude(got && mp_lock_release(lock) == 0,
		 "whoever gave up may ask again: taken once it was free");
	end_holder(&it);
}
/* endregion */

/* --- non-owner --------------------------------------------------------- */

/* region: non-owner */
void play_non_owner(void)
{
	struct holder it = make_holder();
	struct mp_process p = start_holder(&it, hold_until_told);
	struct mp_lock *lock = &it.shared->lock;
	bool refused, taken, posted, was_free;

	refused = try_release(lock) < 0 && errno == EPERM;
	taken = try_acquire(lock, 0) < 0 && errno == ETIMEDOUT;
	conclude(refused && taken,
		 "a release by another: EPERM, and the lock stays taken");

	posted = sem_post(&it.shared->semaphore) == 0;
	taken = sem_trywait(&it.shared->semaphore) == 0;
	say("sem_post: %s, sem_trywait: %s", posted ? "0" : "refused",
	    taken ? "0, now two of us have it" : "refused");
	conclude(posted && taken,
		 "a semaphore, Python's Lock, lets anybody: then two are in");

	gate_open(&it.go);
	check(join_process(&p, PATIENCE));
	refused = try_release(lock) < 0 && errno == EPERM;
	was_free = try_acquire(lock, 0) == 0; /* 1: the child died with it */
	conclude(refused && was_free, "nor may a free lock be released: EPERM");
	end_holder(&it);
}
/* endregion */

/* --- killed ------------------------------------------------------------ */

/* region: killed */
/* The child: moves 10 from one account to the other, but not to the end. */
static int die_half_way(const void *args, size_t size)
{
	struct holder it = *(const struct holder *)args;

	(void)size;
	check(mp_lock_acquire(&it.shared->lock, PATIENCE));
	check(sem_wait(&it.shared->semaphore));
	it.shared->from -= 10;
	say("I have the lock, and took 10 from one account");
	gate_open(&it.has);
	gate_wait(&it.go); /* nobody opens it */
	it.shared->to += 10;
	return 0;
}

void play_killed(void)
{
	struct holder it = make_holder();
	struct mp_process p = start_holder(&it, die_half_way);
	struct shared *shared = it.shared;
	struct timespec until;
	int told, left;
	bool normal, gone;

	check(mp_process_kill(&p));
	check(join_process(&p, PATIENCE));
	say("SIGKILL for the holder: exitcode %d", mp_process_exitcode(&p));
	told = try_acquire(&shared->lock, hold);
	left = shared->from + shared->to;
	say("%d + %d = %d: I mend it", shared->from, shared->to, left);
	shared->to = 100 - shared->from;
	conclude(told == 1 && left == 90,
		 "the next got the lock, and was told: it can mend");

	normal = try_release(&shared->lock) == 0 &&
		 try_acquire(&shared->lock, 0) == 0 &&
		 try_release(&shared->lock) == 0;
	conclude(normal, "after that it is a lock like any other");

	until = realtime_after(hold);
	gone = sem_timedwait(&shared->semaphore, &until) < 0 &&
	       errno == ETIMEDOUT;
	say("sem_timedwait for %g s: %s", hold, gone ? "ETIMEDOUT" : "0");
	conclude(gone,
		 "a semaphore, Python's Lock, stays taken: nobody has it");
	end_holder(&it);
}
/* endregion */
