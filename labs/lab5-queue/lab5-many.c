/*
 * lab5-many.c - many put, many get
 *
 * The scene `many` of lab 5. Producers and consumers are children of the lab.
 * What they saw they leave in memory that all share, and the lab looks it
 * through when they have ended.
 */
#include "lab5.h"

#include "process.h"
#include "stage.h"

#include <stdio.h>

#define SIDES 4 /* producers, and consumers */

/* region: many-players */
struct item {
	int producer, number; /* each producer's numbers count up */
};

/* What all share. */
struct crowd {
	struct mp_queue queue;
	int share;		  /* items of a producer */
	int got_by[SIDES];	  /* items that each consumer got */
	_Atomic int disorder;	  /* items that came after a newer one */
	_Atomic char times_got[]; /* of each item */
};

struct player {
	struct crowd *crowd;
	int self; /* 0 to SIDES - 1 */
};

static int put_share(const void *args, size_t size)
{
	struct player player = *(const struct player *)args;
	struct item item = { player.self, 0 };

	(void)size;
	span_begin("puts");
	for (; item.number < player.crowd->share; item.number++)
		check(mp_queue_put(&player.crowd->queue, &item, sizeof(item),
				   PATIENCE));
	span_end();
	return 0;
}

/* Gets until a sentinel comes, which is a message of 0 bytes. */
static int get_items(const void *args, size_t size)
{
	struct player player = *(const struct player *)args;
	struct crowd *crowd = player.crowd;
	int latest[SIDES] = { -1, -1, -1, -1 };
	struct item item;

	(void)size;
	span_begin("gets");
	while (check(mp_queue_get(&crowd->queue, &item, sizeof(item),
				  PATIENCE)) > 0) {
		crowd->times_got[item.producer * crowd->share + item.number]++;
		crowd->disorder += item.number < latest[item.producer];
		latest[item.producer] = item.number;
		crowd->got_by[player.self]++;
	}
	span_end();
	return 0;
}
/* endregion */

static void start_players(struct mp_process *players, mp_target *target,
			  struct crowd *crowd, const char *name)
{
	for (int i = 0; i < SIDES; i++) {
		struct player player = { crowd, i };

		players[i] = (struct mp_process){ .target = target,
						  MP_ARGS(player) };
		sprintf(players[i].name, "%s %d", name, i + 1);
		check(mp_process_start(&players[i]));
		arrow_start(players[i].pid);
	}
}

static bool join_players(struct mp_process *players)
{
	bool well = true;

	for (int i = 0; i < SIDES; i++) {
		check(mp_process_join(&players[i], PATIENCE));
		arrow_join(players[i].pid);
		well &= mp_process_exitcode(&players[i]) == 0;
	}
	return well;
}

void play_many(void)
{
	int share = items / SIDES, count = SIDES * share, once = 0;
	size_t size = sizeof(struct crowd) + count;
	struct crowd *crowd = shared_memory(size);
	struct mp_process producers[SIDES], consumers[SIDES];
	struct record record = record_start();
	bool well;

	check(mp_queue_open(&crowd->queue, 65536));
	crowd->share = share;
	span_begin("starts, joins");
	start_players(consumers, get_items, crowd, "consumer");
	start_players(producers, put_share, crowd, "producer");
	well = join_players(producers);
	for (int i = 0; i < SIDES; i++)
		check(mp_queue_put(&crowd->queue, "", 0, PATIENCE));
	well = join_players(consumers) && well;
	span_end();
	record_stop(&record);
	show_chart(&record);

	for (int i = 0; i < count; i++)
		once += crowd->times_got[i] == 1;
	show("got by each: %.1f %.1f %.1f %.1f %% (luck)",
	     100.0 * crowd->got_by[0] / count, 100.0 * crowd->got_by[1] / count,
	     100.0 * crowd->got_by[2] / count,
	     100.0 * crowd->got_by[3] / count);
	conclude(once == count && well, "%d of %d items were got, each once",
		 once, count);
	conclude(crowd->disorder == 0,
		 "each producer's came in the order it had put them");
	conclude(mp_queue_count(&crowd->queue) == 0,
		 "one sentinel a consumer ended them all; nothing is left");
	mp_queue_close(&crowd->queue);
	free_memory(crowd, size);
}
