/*
 * lab5-storm.c - killed at any moment
 *
 * The second half of the scene `killed` of lab 5. Two producers and two
 * consumers work as fast as they can; the lab kills one after the other at
 * random moments, and starts another in its place. Each life of a producer
 * numbers its messages from 0. What was put, and what was got, stands in memory
 * that all share.
 */
#include "lab5.h"

#include "process.h"
#include "stage.h"

#include <signal.h>
#include <stdlib.h>

#define PAIRS	2     /* of a producer and a consumer */
#define MOST	16384 /* messages of one producer's life */
#define LARGEST 200   /* bytes of a message */

/* region: storm */
struct storm {
	struct mp_queue queue;
	volatile bool enough; /* the producers are to end */
	_Atomic int torn;
	struct life {
		int done;		      /* puts that returned */
		_Atomic char times_got[MOST]; /* of each message */
	} lives[];
};

struct role {
	struct storm *storm;
	int life; /* of a producer: which one */
};

static int put_numbers(const void *args, size_t size)
{
	struct role role = *(const struct role *)args;
	struct life *life = &role.storm->lives[role.life];
	char message[LARGEST];

	for (int i = 0; i < MOST && !role.storm->enough; i++) {
		size = LARGEST - i % (LARGEST / 2);
		fill_message(message, size, (uint64_t)role.life * MOST + i);
		check(mp_queue_put(&role.storm->queue, message, size,
				   PATIENCE));
		life->done = i + 1;
	}
	return 0;
}

static int get_numbers(const void *args, size_t size)
{
	struct storm *storm = ((const struct role *)args)->storm;
	char message[LARGEST];
	int64_t number;

	while ((size = check(mp_queue_get(&storm->queue, message, LARGEST,
					  PATIENCE))) > 0) {
		number = message_number(message, size);
		if (number < 0)
			storm->torn++;
		else
			storm->lives[number / MOST].times_got[number % MOST]++;
	}
	return 0;
}
/* endregion */

static void start_one(struct mp_process *p, mp_target *target,
		      struct storm *storm, int life)
{
	struct role role = { storm, life };

	*p = (struct mp_process){ .target = target, MP_ARGS(role) };
	check(mp_process_start(p));
}

/* False: it had ended before. */
static bool kill_one(struct mp_process *p)
{
	sleep_for(1e-3 * rand() / RAND_MAX);
	check(mp_process_kill(p));
	check(mp_process_join(p, PATIENCE));
	return mp_process_exitcode(p) == -SIGKILL;
}

/* Did all of them end well? */
static bool join_all(struct mp_process *players)
{
	bool well = true;

	for (int i = 0; i < PAIRS; i++) {
		check(mp_process_join(&players[i], PATIENCE));
		well &= mp_process_exitcode(&players[i]) == 0;
	}
	return well;
}

/* Kills so many, and then lets the others end. How many consumers were killed;
 * -1: one of the others did not end well. */
static int rage(struct storm *storm)
{
	struct mp_process producers[PAIRS], consumers[PAIRS];
	int lives = 0, killed = 0;
	bool well;

	for (int i = 0; i < PAIRS; i++) {
		start_one(&consumers[i], get_numbers, storm, 0);
		start_one(&producers[i], put_numbers, storm, lives++);
	}
	for (int i = 0; i < kills; i++) {
		int which = i / 2 % PAIRS;

		if (i % 2 == 0) {
			kill_one(&producers[which]);
			start_one(&producers[which], put_numbers, storm,
				  lives++);
		} else {
			killed += kill_one(&consumers[which]);
			start_one(&consumers[which], get_numbers, storm, 0);
		}
	}
	storm->enough = true;
	well = join_all(producers);
	for (int i = 0; i < PAIRS; i++)
		check(mp_queue_put(&storm->queue, "", 0, PATIENCE));
	return join_all(consumers) && well ? killed : -1;
}

void play_storm(void)
{
	size_t lives = PAIRS + kills;
	size_t size = sizeof(struct storm) + lives * sizeof(struct life);
	struct storm *storm = shared_memory(size);
	long put = 0, lost = 0, twice = 0;
	int killed;

	check(mp_queue_open(&storm->queue, 65536));
	killed = rage(storm);
	for (size_t i = 0; i < lives; i++) {
		struct life *life = &storm->lives[i];

		put += life->done;
		for (int n = 0; n < MOST; n++) {
			lost += n < life->done && life->times_got[n] == 0;
			twice += life->times_got[n] > 1;
		}
	}
	show("  storm: %d kills, %ld messages: %ld torn or twice, %.2f lost a "
	     "consumer",
	     kills, put, storm->torn + twice,
	     killed > 0 ? (double)lost / killed : lost);
	conclude(storm->torn + twice == 0 && lost <= killed &&
			 mp_queue_count(&storm->queue) == 0,
		 "a storm: none torn, none twice, at most one lost a consumer");
	mp_queue_close(&storm->queue);
	free_memory(storm, size);
}
