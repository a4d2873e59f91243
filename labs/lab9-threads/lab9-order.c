/*
 * lab9-order.c - in which order it goes well
 *
 * The scene `order-matters` of lab 9. A child tries the mutex while a thread of
 * its parent holds it: forked before that thread was there, spawned beside it,
 * and forked beside it. At last the everyday case, where it is luck.
 */
#include "lab9.h"

#include "process.h"
#include "stage.h"

#include <errno.h>
#include <stdatomic.h>

/* Waits for the gate, if it is handed one, and tries. Status 0: taken. */
int try_the_mutex(const void *args, size_t size)
{
	if (size > 0) {
		struct gate gate = *(const struct gate *)args;

		gate_wait(&gate);
	}
	return take(&mutex, 0);
}

/* Did the child take it? */
static bool took(struct mp_process *child)
{
	int exitcode;

	check(mp_process_join(child, PATIENCE));
	exitcode = mp_process_exitcode(child);
	if (exitcode != 0 && exitcode != ETIMEDOUT) {
		errno = EPROTO;
		die("a child could not try");
	}
	return exitcode == 0;
}

/* region: orders */
/* The child is there before the thread, and tries when the thread holds it. */
static int process_first(void)
{
	int successes = 0;

	for (int i = 0; i < rounds; i++) {
		struct holder holder;
		struct gate gate;
		struct mp_process p = { .target = try_the_mutex,
					MP_ARGS(gate) };

		gate_make(&gate);
		check(mp_process_start(&p));
		holder_start(&holder);
		gate_open(&gate);
		successes += took(&p);
		holder_end(&holder);
		gate_close(&gate);
	}
	return successes;
}

static int start_and_count(enum mp_method method)
{
	int successes = 0;

	for (int i = 0; i < rounds; i++) {
		struct mp_process p = { .target = try_the_mutex,
					.method = method };

		check(mp_process_start(&p));
		successes += took(&p);
	}
	return successes;
}

/* The thread is there, and holds it when the child is started. */
static int thread_first(enum mp_method method)
{
	struct holder holder;
	int successes;

	holder_start(&holder);
	successes = start_and_count(method);
	holder_end(&holder);
	return successes;
}
/* endregion */

/* region: luck */
static void work(void)
{
	for (volatile int i = 0; i < 1000; i++)
		;
}

static void *take_and_let_go(void *end)
{
	while (!atomic_load((atomic_bool *)end)) {
		pthread_mutex_lock(&mutex);
		work();
		pthread_mutex_unlock(&mutex);
		work();
	}
	return NULL;
}

/* The thread has it half of the time, and nobody knows when. */
static int at_any_moment(void)
{
	atomic_bool end = false;
	pthread_t thread;
	int successes;

	check_pthread(pthread_create(&thread, NULL, take_and_let_go, &end));
	successes = start_and_count(MP_FORK);
	atomic_store(&end, true);
	pthread_join(thread, NULL);
	return successes;
}
/* endregion */

static void show_count(const char *order, int successes)
{
	show("  %-36s %3d of %d", order, successes, rounds);
}

/* region: order-matters */
void play_order_matters(void)
{
	int before = process_first();
	int spawned = thread_first(MP_SPAWN);
	int forked = thread_first(MP_FORK);

	show("  %-36s %s", "first, then", "the child took its mutex");
	show_count("fork; a thread that holds it", before);
	show_count("a thread that holds it; spawn", spawned);
	show_count("a thread that holds it; fork", forked);
	show("  %-36s %5.1f %%", "a thread that often takes it; fork",
	     100.0 * at_any_moment() / rounds);
	show("The last is luck. It is also what programs do.");
	conclude(before == rounds,
		 "processes first, threads afterwards: always free");
	conclude(spawned == rounds,
		 "spawn beside a thread that holds it: always free");
	conclude(forked == 0, "fork while that thread holds it: never");
}
/* endregion */
