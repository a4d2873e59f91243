/*
 * lab9-locked.c - the lock that stays locked
 *
 * The scene `locked-for-ever` of lab 9. A mutex is memory, and a fork copies
 * memory: locked, if a thread holds it just then. That thread is not copied, so
 * in the child there is nobody who would unlock it.
 */
#include "lab9.h"

#include "lock.h"
#include "process.h"
#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* region: holds-both */
static struct mp_lock lock;
static sem_t held, let_go;

static void *hold_both(void *unused)
{
	speak_as("thread");
	pthread_mutex_lock(&mutex);
	check(mp_lock_acquire(&lock, PATIENCE));
	span_begin("holds both");
	say("I hold the mutex and the mp_lock");
	sem_post(&held);
	await(&let_go);
	span_end();
	check(mp_lock_release(&lock));
	pthread_mutex_unlock(&mutex);
	return unused;
}
/* endregion */

/* What a child is handed, and what it answers. */
struct trial {
	struct gate tried, let_go;
	int answers;
	struct mp_lock lock;
};

struct answer {
	int early_mutex, early_lock; /* as take(): the thread holds them */
	int mutex, lock;	     /* at last */
	int mapped; /* mappings of mp's shared memory, before */
};

static int take_lock(struct mp_lock *it, double seconds)
{
	if (mp_lock_acquire(it, seconds) < 0)
		return errno;
	check(mp_lock_release(it));
	return 0;
}

/* region: tries */
static int try_twice(const void *args, size_t size)
{
	struct trial it = *(const struct trial *)args;
	struct answer saw = { 0 };

	(void)size;
	span_begin("tries");
	saw.early_mutex = take(&mutex, 0);
	saw.early_lock = take_lock(&it.lock, 0);
	say("mutex: %s, mp_lock: %s", word(saw.early_mutex),
	    word(saw.early_lock));
	span_end();
	gate_open(&it.tried);
	gate_wait(&it.let_go);

	span_begin("tries");
	saw.mutex = take(&mutex, A_WHILE);
	span_end();
	saw.lock = take_lock(&it.lock, PATIENCE);
	say("mutex: %s after %g s, mp_lock: %s", word(saw.mutex), A_WHILE,
	    word(saw.lock));
	report(it.answers, &saw, sizeof(saw));
	return 0;
}
/* endregion */

#define LOCK_MEMORY "memfd:mp_shared" /* as /proc/PID/maps calls it */

static int count_mappings(const char *what)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	int count = 0;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		count += strstr(line, what) != NULL;
	if (maps != NULL)
		fclose(maps);
	return count;
}

/* region: execed */
int try_in_a_new_image(const void *args, size_t size)
{
	struct trial it = *(const struct trial *)args;
	struct answer saw = { .mapped = count_mappings(LOCK_MEMORY) };

	(void)size;
	span_begin("tries");
	saw.mutex = take(&mutex, 0);
	check(mp_lock_attach(&it.lock));
	saw.lock = take_lock(&it.lock, 0);
	say("mutex: %s; mp_lock: %smapped; attached: %s", word(saw.mutex),
	    saw.mapped == 0 ? "not " : "", word(saw.lock));
	span_end();
	mp_lock_close(&it.lock);
	report(it.answers, &saw, sizeof(saw));
	return 0;
}
/* endregion */

/* Starts a child that answers through a pipe of its own; gives the end to hear
 * it from. */
static int start_trial(struct mp_process *child, struct trial *trial)
{
	struct gate answers;

	gate_make(&answers);
	trial->answers = answers.out;
	child->args = trial;
	child->size = sizeof(*trial);
	child->keep = (const int[]){ answers.out, lock.memory.fd };
	child->keep_count = 2;
	check(start_process(child));
	close(answers.out); /* or we would wait for a child that has died */
	return answers.in;
}

static struct answer end_trial(struct mp_process *child, int answers)
{
	struct answer saw;

	hear(answers, &saw, sizeof(saw));
	close(answers);
	check(join_process(child, PATIENCE));
	return saw;
}

/* region: locked-for-ever */
void play_locked_for_ever(void)
{
	struct mp_process fork = { .target = try_twice, .name = "forked" };
	struct mp_process exec = { .target = try_in_a_new_image,
				   .method = MP_SPAWN,
				   .name = "exec'd" };
	struct trial trial = { 0 };
	struct record record = record_start();
	struct answer forked, execed;
	pthread_t thread;
	int answers, here;

	gate_make(&trial.tried);
	gate_make(&trial.let_go);
	check(mp_lock_open(&lock));
	trial.lock = lock;
	sem_init(&held, 0, 0);
	sem_init(&let_go, 0, 0);
	check_pthread(pthread_create(&thread, NULL, hold_both, NULL));
	await(&held);

	answers = start_trial(&fork, &trial);
	gate_wait(&trial.tried);
	execed = end_trial(&exec, start_trial(&exec, &trial));
	sem_post(&let_go);
	pthread_join(thread, NULL);
	here = take(&mutex, PATIENCE);
	say("the thread let go; mutex here: %s", word(here));
	pthread_mutex_unlock(&mutex);
	gate_open(&trial.let_go);
	forked = end_trial(&fork, answers);
	record_stop(&record);
	show_chart(&record);

	conclude(here == 0 && forked.early_mutex == ETIMEDOUT &&
			 forked.mutex == ETIMEDOUT,
		 "the thread let go; the child's mutex stays locked, a copy");
	conclude(forked.early_lock == ETIMEDOUT && forked.lock == 0,
		 "the mp_lock is one and the same, and came free");
	conclude(execed.mutex == 0 && execed.mapped == 0 &&
			 count_mappings(LOCK_MEMORY) > 0 && /* here */
			 execed.lock == ETIMEDOUT,
		 "exec drops both: a new mutex, and no mp_lock but by attach");
	sem_destroy(&held);
	sem_destroy(&let_go);
	mp_lock_close(&lock);
	gate_close(&trial.tried);
	gate_close(&trial.let_go);
}
/* endregion */
