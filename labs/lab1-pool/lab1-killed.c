/*
 * lab1-killed.c - what a pool survives
 *
 * The scene `killed` of lab 1. A pool of two; which worker is where at which
 * moment is forced, so that the lab knows which item will be lost.
 */
#include "lab1.h"

#include "stage.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 8

/* region: killed-task */
struct errand {
	int x;
	bool held; /* tells where it is, and stays there until it may go */
};

struct visit {
	int x, worker;
	pid_t pid;
};

static struct gate visits;    /* for reports */
static struct gate may_go[2]; /* of worker 1, of worker 2 */

static int run_errand(const void *item, void *result)
{
	const struct errand *errand = item;
	struct visit visit = { errand->x, speak_as_worker(), getpid() };

	span_begin("item");
	if (errand->held) {
		report(visits.out, &visit, sizeof(visit));
		gate_wait(&may_go[visit.worker - 1]);
	}
	sleep_for(0.002);
	*(int *)result = errand->x * errand->x;
	span_end();
	return 0;
}
/* endregion */

/* The end of a worker, of which the pool knows nothing yet. */
static void kill_worker(pid_t pid)
{
	siginfo_t info;

	check(kill(pid, SIGKILL));
	/* WNOWAIT: it has ended, but it is the pool that reaps it. */
	check(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	arrow_join(pid);
}

/* region: killed-map */
/* In the parent. All but two are done: one is lost, and in the other worker 2
 * is held. So somebody else did the last of these. */
static void let_worker_2_go(size_t item, const void *result, void *done)
{
	(void)item;
	(void)result;
	if (++*(int *)done == ITEMS - 2)
		gate_open(&may_go[1]);
}

/* Items 0 and 1 are held: the workers have one each. Then just worker 1 may go,
 * so it is worker 1 that comes to item 3. */
static void kill_in_mid_task(struct mp_pool *pool, struct mp_map *map,
			     pid_t pid[2])
{
	struct visit visit;
	int done = 0;

	map->done = let_worker_2_go;
	map->context = &done;
	check(mp_pool_map_async(pool, map));
	for (int i = 0; i < 2; i++) {
		hear(visits.in, &visit, sizeof(visit));
		pid[visit.worker - 1] = visit.pid;
	}
	gate_open(&may_go[0]);
	hear(visits.in, &visit, sizeof(visit));
	say("worker %d, process %d, is at item %d: SIGKILL", visit.worker,
	    visit.pid, visit.x);
	kill_worker(visit.pid);
	wait_for_map(pool);
	say("the map is over: %d results, %zu lost, %zu workers", done,
	    map->lost_count, mp_pool_alive(pool));
}
/* endregion */

/* A map that nobody is killed in: is it whole? */
static bool map_is_whole(struct mp_pool *pool, struct errand *errands)
{
	int results[ITEMS] = { 0 };
	struct mp_map map = { .task = run_errand,
			      .items = errands,
			      .count = ITEMS,
			      .item_size = sizeof(*errands),
			      MP_RESULTS(results),
			      .chunk = 1 };

	for (int i = 0; i < ITEMS; i++)
		errands[i].held = false;
	return run_map(pool, &map) == 0 &&
	       count_squares(results, ITEMS) == ITEMS &&
	       mp_pool_alive(pool) == pool->workers;
}

/* region: killed */
void play_killed(void)
{
	struct errand errands[ITEMS];
	int results[ITEMS];
	struct mp_map map = { .task = run_errand,
			      MP_ITEMS(errands),
			      MP_RESULTS(results),
			      .chunk = 1 };
	struct mp_pool pool = { .workers = 2 };
	struct record record = record_start();
	pid_t pid[2];

	memset(results, -1, sizeof(results));
	for (int i = 0; i < ITEMS; i++)
		errands[i] = (struct errand){ i, i == 0 || i == 1 || i == 3 };
	gate_make(&visits);
	gate_make(&may_go[0]);
	gate_make(&may_go[1]);
	check(mp_pool_open(&pool));
	span_begin("map");
	kill_in_mid_task(&pool, &map, pid);
	span_end();
	record_stop(&record);
	show_chart(&record);

	conclude(map.lost_count == 1 && map.lost[0].item == 3 &&
			 map.lost[0].exitcode == -SIGKILL,
		 "the call returned; lost: item %zu, by signal %d",
		 map.lost[0].item, -map.lost[0].exitcode);
	conclude(results[3] == -1 && count_squares(results, ITEMS) == ITEMS - 1,
		 "every other result stands");
	conclude(mp_pool_alive(&pool) == 2 && kill(pid[0], 0) < 0,
		 "a new worker is in the dead one's place");
	conclude(map_is_whole(&pool, errands), "the next map is whole");
	say("worker 2, process %d, is idle: SIGKILL", pid[1]);
	kill_worker(pid[1]);
	conclude(map_is_whole(&pool, errands) && kill(pid[1], 0) < 0,
		 "so is the one after an idle worker was killed");
	mp_pool_terminate(&pool);
	gate_close(&visits);
	gate_close(&may_go[0]);
	gate_close(&may_go[1]);
}
/* endregion */
