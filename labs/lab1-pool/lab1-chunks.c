/*
 * lab1-chunks.c - what a map costs
 *
 * The scene `chunks` of lab 1: how many items the workers take at a time, and
 * what it would cost to take them one by one.
 */
#include "lab1.h"

#include "stage.h"
#include "workers.h" /* to look into the pool's memory */

#include <string.h>

#define MANY	 100000 /* items */
#define FEW	 2000	/* where each costs a message */
#define TOO_LONG 3.0	/* seconds */

enum { ONE_BY_ONE, DEFAULT, MESSAGES, WAYS };

static const int counts[WAYS] = { MANY, MANY, FEW };
static long numbers[MANY];
static long squares[WAYS][MANY]; /* so that no way vouches for another */

static int square(const void *item, void *result)
{
	long x = *(const long *)item;

	*(long *)result = x * x;
	return 0;
}

static void look_on(size_t item, const void *result, void *unused)
{
	(void)item;
	(void)result;
	(void)unused;
}

/* A map of the first so many numbers. How many have no result. */
static size_t map_numbers(struct mp_pool *pool, int way, size_t count)
{
	return run_map(pool,
		       &(struct mp_map){ .task = square,
					 .items = numbers,
					 .count = count,
					 .item_size = sizeof(numbers[0]),
					 MP_RESULTS(squares[way]),
					 .chunk = way == DEFAULT ? 0 : 1,
					 .done = way == MESSAGES ? look_on
								 : NULL });
}

static bool are_squares(int way)
{
	int right = 0;

	for (long i = 0; i < counts[way]; i++)
		right += squares[way][i] == i * i;
	return right == counts[way];
}

/* region: chunks */
/* Maps so many items, and looks up what the pool made of them. */
static bool cut(size_t items, size_t workers)
{
	struct mp_pool pool = { .workers = workers };
	size_t size = items / (4 * workers), rest = items % (4 * workers);
	size_t chunk_size, chunks;

	check(mp_pool_open(&pool));
	map_numbers(&pool, DEFAULT, items);
	chunk_size = job_of(&pool.memory)->chunk_size;
	chunks = job_of(&pool.memory)->chunks;
	mp_pool_terminate(&pool);
	show("  %5zu  %7zu  %5zu x %zu", items, workers, chunks, chunk_size);

	size += rest > 0; /* Python: divmod(items, 4 * workers) */
	return chunk_size == size && chunks == (items + size - 1) / size;
}

static struct mp_pool pool; /* of those that are measured */
static size_t missing;	    /* results, of all their runs */

static void map_many(int way)
{
	progress("chunks: a map of %d items", counts[way]);
	missing += map_numbers(&pool, way, counts[way]);
}

void play_chunks(void)
{
	static const size_t cuts[][2] = {
		{ 10, 2 }, { 17, 4 }, { 100, 4 }, { 1000, 8 }
	};
	double least[WAYS], until = monotonic_now() + TOO_LONG;
	bool all_there = true;
	int right = 0;

	for (long i = 0; i < MANY; i++)
		numbers[i] = i;
	show("  items  workers  chunks x items");
	for (int i = 0; i < 4; i++)
		right += cut(cuts[i][0], cuts[i][1]);
	conclude(right == 4, "4 chunks a worker: items / (4 * workers), "
			     "rounded up");

	pool = (struct mp_pool){ .workers = 4 };
	check(mp_pool_open(&pool));
	missing = 0;
	memset(squares, -1, sizeof(squares));
	/* A busy machine may have left no quiet moment for one of them. */
	do
		fastest(map_many, WAYS, least);
	while (least[ONE_BY_ONE] < 3 * least[DEFAULT] &&
	       monotonic_now() < until);
	mp_pool_terminate(&pool);
	for (int way = 0; way < WAYS; way++) {
		least[way] *= 1e9 / counts[way];
		all_there &= are_squares(way);
	}
	show("  chunk 1                         %7.1f ns an item",
	     least[ONE_BY_ONE]);
	show("  the default                     %7.1f ns an item",
	     least[DEFAULT]);
	show("  chunk 1, and a message for each %7.1f ns an item",
	     least[MESSAGES]);
	conclude(all_there && missing == 0 &&
			 least[ONE_BY_ONE] >= 3 * least[DEFAULT],
		 "an item in a chunk costs %.1f times less than one alone",
		 least[ONE_BY_ONE] / least[DEFAULT]);
}
/* endregion */
