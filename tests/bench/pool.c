/* pool.c - rows of the bench: the pool; see bench.h. */
#include "pool.h"

#include "bench.h"
#include "cpus.h"
#include "deadline.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS	1000000
#define SINGLES 50000 /* items, in chunks of one */
#define WORKERS 4
#define WORK	100e-6 /* seconds of work an item */
#define WORKED	2000   /* items of that */

static int64_t *items, *results;
static struct mp_pool pool;

int square_int64(const void *item, void *result)
{
	int64_t number = *(const int64_t *)item;

	*(int64_t *)result = number * number;
	return 0;
}

static long turns; /* of the loop, that take WORK seconds */

/* So many turns of a loop that no compiler leaves out, nor copies: a copy may lie
 * worse in memory, and take twice as long. */
static __attribute__((noinline)) void turn(void)
{
	for (long i = 0; i < turns; i++)
		__asm__ volatile("" : "+r"(i));
}

int work_hard(const void *item, void *result)
{
	turn();
	return item == result;
}

/* The fastest of many: how many turns the work is. */
static void calibrate(void)
{
	double least = 1;

	turns = 10000;
	for (int i = 0; i < 200; i++) {
		double began = monotonic_now(), took;

		turn();
		took = monotonic_now() - began;
		if (took < least)
			least = took;
	}
	turns = (long)(turns * WORK / least);
}

static void open_pool(size_t workers)
{
	pool = (struct mp_pool){ .workers = workers };
	if (mp_pool_open(&pool) < 0)
		fail("mp_pool_open");
}

static void close_pool(void)
{
	mp_pool_terminate(&pool);
}

static void begin_map(void)
{
	items = malloc(ITEMS * sizeof(*items));
	results = malloc(ITEMS * sizeof(*results));
	if (items == NULL || results == NULL)
		fail("malloc");
	for (int64_t i = 0; i < ITEMS; i++)
		items[i] = i;
	open_pool(WORKERS);
}

static void end_map(void)
{
	close_pool();
	free(items);
	free(results);
}

static void map(mp_task *task, size_t count, size_t chunk)
{
	struct mp_map it = { .task = task,
			     .items = items,
			     .count = count,
			     .item_size = sizeof(*items),
			     .results = results,
			     .result_size = sizeof(*results),
			     .chunk = chunk };

	if (mp_pool_map(&pool, &it) != 0)
		fail("mp_pool_map");
}

static void map_default(void)
{
	map(square_int64, ITEMS, 0);
}

static void map_singles(void)
{
	map(square_int64, SINGLES, 1);
}

/* --- speedup: as many workers as there are CPUs ------------------------------- */

static int cpus;

static void begin_speedup(void)
{
	cpus = usable_cpus();
	calibrate();
	begin_map();
	close_pool();
	open_pool(cpus);
}

static void map_work(void)
{
	map(work_hard, WORKED, 0);
}

/* The same work in as many bare forked loops. */
static void bare_work(void)
{
	for (int i = 0; i < cpus; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0) {
			for (int n = i; n < WORKED; n += cpus)
				turn();
			_exit(0);
		}
	}
	for (int i = 0; i < cpus; i++)
		wait(NULL);
}

static void open_and_terminate(void)
{
	open_pool(8);
	close_pool();
}

const struct row pool_rows[] = {
	{ "pool-map-default", "ns", 1e9, ITEMS, begin_map, map_default, NULL,
	  true, end_map },
	{ "pool-map-chunk1", "ns", 1e9, SINGLES, begin_map, map_singles, NULL,
	  true, end_map },
	{ "pool-speedup", "x", -WORK, WORKED, begin_speedup, map_work,
	  bare_work, false, end_map },
	{ "pool-open-terminate", "ms", 1e3, 1, NULL, open_and_terminate, NULL,
	  true, NULL },
	{ 0 }
};
