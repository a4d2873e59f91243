/*
 * lab1-end.c - how a pool ends, and what it makes of errors
 *
 * The scenes `exit` and `failure` of lab 1.
 */
#include "lab1.h"

#include "stage.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#define ITEMS 8

/* --- exit -------------------------------------------------------------- */

/* region: exit */
static struct gate has_begun, may_end;

struct tally {
	_Atomic int begun, done;
};

static struct tally *tally; /* shared */

static int be_counted(const void *item, void *result)
{
	(void)item;
	(void)result;
	tally->begun++;
	gate_open(&has_begun);
	gate_wait(&may_end);
	tally->done++;
	return 0;
}

/* A pool of two that has 8 items: two are in work, the others wait. */
static void fill(struct mp_pool *pool, struct mp_map *map)
{
	static const int items[ITEMS];
	char byte[2];

	*tally = (struct tally){ 0 };
	gate_make(&has_begun);
	gate_make(&may_end);
	*pool = (struct mp_pool){ .workers = 2 };
	*map = (struct mp_map){ .task = be_counted,
				MP_ITEMS(items),
				.chunk = 1 };
	check(mp_pool_open(pool));
	check(mp_pool_map_async(pool, map));
	hear(has_begun.in, byte, 2);
}

static void tell_tally(const char *how)
{
	show("  %-12s  %5d  %4d  %9d  %12zu", how, tally->begun, tally->done,
	     ITEMS - tally->begun, mp_active_children(NULL, 0));
	gate_close(&has_begun);
	gate_close(&may_end);
}

/* By the system's account: what mp has forgotten is still our child there. */
static bool has_no_child(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

void play_exit(void)
{
	struct mp_pool pool;
	struct mp_map map;
	bool refused, none_left;

	tally = shared_memory(sizeof(*tally));
	show("  left by       begun  done  not begun  workers left");

	fill(&pool, &map);
	mp_pool_terminate(&pool);
	tell_tally("terminate");
	conclude(tally->begun == 2 && tally->done == 0,
		 "terminate ended two items half way, and dropped the rest");
	none_left = has_no_child();

	fill(&pool, &map);
	mp_pool_close(&pool);
	refused = mp_pool_map_async(&pool, &map) < 0 && errno == ESHUTDOWN;
	for (int i = 0; i < ITEMS; i++)
		gate_open(&may_end);
	check(mp_pool_join(&pool));
	tell_tally("close, join");
	conclude(tally->begun == ITEMS && tally->done == ITEMS,
		 "close + join finished all that was queued");
	conclude(refused, "a closed pool takes no further map (ESHUTDOWN)");
	conclude(none_left && has_no_child(),
		 "and either way no worker is left");
	free_memory(tally, sizeof(*tally));
}
/* endregion */

/* --- failure ----------------------------------------------------------- */

/* region: failure */
static struct gate five_failed;

/*
 * Items 0 and 5 fail, 0 not before 5 has. Its worker opens the gate in its next
 * item: by then the error of the last one is with the pool.
 */
static int fail_sometimes(const void *item, void *result)
{
	int x = *(const int *)item;

	speak_as_worker();
	span_begin("item");
	if (x == 0) {
		span_begin("held back");
		gate_wait(&five_failed);
		span_end();
	}
	if (x == 6)
		gate_open(&five_failed);
	sleep_for(0.002);
	*(int *)result = x * x;
	if (x == 0 || x == 5)
		mark(x == 0 ? "item 0 fails" : "item 5 fails");
	span_end();
	return x == 0 || x == 5 ? 200 + x : 0;
}

void play_failure(void)
{
	int items[ITEMS], results[ITEMS], others;
	struct mp_map map = { .task = fail_sometimes,
			      MP_ITEMS(items),
			      MP_RESULTS(results),
			      .chunk = 1 };
	struct mp_pool pool = { .workers = 2 };
	struct record record = record_start();

	memset(results, -1, sizeof(results));
	for (int i = 0; i < ITEMS; i++)
		items[i] = i;
	gate_make(&five_failed);
	check(mp_pool_open(&pool));
	run_map(&pool, &map);
	mp_pool_terminate(&pool);
	gate_close(&five_failed);
	record_stop(&record);
	show_chart(&record);

	results[0] = results[5] = -1; /* whatever they are: they failed */
	others = count_squares(results, ITEMS);
	say("failed: %zu; with their results: %d of %d", map.failed, others,
	    ITEMS);
	say("the error told: %d, of item %zu", map.error, map.failed_item);
	conclude(map.error == 205 && map.failed_item == 5,
		 "the error that arrived first, not that of the first item");
	conclude(map.failed == 2 && others == ITEMS - 2,
		 "every other item still ran");
}
/* endregion */
