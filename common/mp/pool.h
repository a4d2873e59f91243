/*
 * pool.h - many items, worked on by a few processes
 *
 * Python: multiprocessing.Pool, its map() and map_async(). Built on process.h
 * and on shared memory (shared.h): items and results lie in it, and workers
 * take chunks of them there, one compare-and-swap each. A worker's channel, a
 * socketpair of its own, carries no more than "go" and "done".
 *
 *	int square(const void *item, void *result) { ... return 0; }
 *
 *	struct mp_pool pool = { .workers = 5 };
 *	struct mp_map map = { .task = square, MP_ITEMS(numbers),
 *			      MP_RESULTS(squares) };
 *
 *	mp_pool_open(&pool);
 *	mp_pool_map(&pool, &map);
 *	mp_pool_terminate(&pool);
 *
 * A worker that is killed holds nothing that others need. The item it was at is
 * lost and told, nothing else; a new worker takes its place. In CPython's Pool
 * the map never returns then (cpython#66587).
 *
 * One map at a time, by the process that opened the pool, which alone uses it.
 */
#ifndef MP_POOL_H
#define MP_POOL_H

#include "process.h"
#include "shared.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MP_LOST 16 /* lost items that a map tells of one by one */

/* What is done with an item. Another answer than 0 is an error of its own, and
 * the item has no result then; -1 and errno are a good choice for whoever calls
 * the system. */
typedef int mp_task(const void *item, void *result);

/* An array of items; of results, as many as there are items. */
#define MP_ITEMS(array)                                                \
	.items = (array), .count = sizeof(array) / sizeof((array)[0]), \
	.item_size = sizeof((array)[0])
#define MP_RESULTS(array) .results = (array), .result_size = sizeof((array)[0])

struct mp_map {
	/* The caller's part; the rest is 0. */
	mp_task *task;	    /* in a pool of spawned workers: exported */
	const void *items;  /* count of them, item_size bytes each: */
	size_t count;	    /* they are copied to the workers */
	size_t item_size;   /* as they are, so no pointers */
	void *results;	    /* count of them; NULL: they are not wanted */
	size_t result_size; /* bytes of one: what the task may write, wanted
			     * or not */
	size_t chunk;	    /* items taken at once; 0: mp_pool_chunksize() */
	/* Called for each result as its chunk is done, in the process that
	 * waits for the map. It must not end the pool, nor wait for the map.
	 * Python: imap_unordered(). NULL: not called. */
	void (*done)(size_t item, const void *result, void *context);
	void *context; /* for done */

	/* What the map fills in. */
	size_t failed;	    /* items whose task answered with an error */
	int error;	    /* the error that came first, */
	size_t failed_item; /* and its item */
	size_t lost_count;  /* items lost with a worker; the first of them: */
	struct mp_lost {
		size_t item;
		int exitcode; /* of that worker: -9 is signal 9 */
	} lost[MP_LOST];
};

struct mp_pool {
	/* The caller's part; the rest is 0. */
	size_t workers;	       /* 0: as many as CPUs this process may use */
	enum mp_method method; /* MP_FORK or MP_SPAWN */

	/* What mp_pool_open() fills in. */
	enum {
		POOL_ENDED,
		POOL_RUNNING,
		POOL_CLOSED /* no further maps */
	} state;
	pid_t owner;		  /* who opened it */
	struct mp_worker *worker; /* workers of them, see workers.h */
	struct mp_shared memory;  /* the map's, kept from map to map */
	struct mp_map *map;	  /* in work, or NULL */
	bool *told;		  /* chunks whose results went to done */
};

/* Python's: so many items that each worker gets four chunks, rounded up. At
 * least 1. */
size_t mp_pool_chunksize(size_t items, size_t workers);

/*
 * Starts the workers, and waits until each of them is ready.
 * -1: ECHILD  a worker died before it was ready
 *     EAGAIN, ENOMEM, EMFILE, ENFILE, EPERM ...  as for mp_process_start()
 * Nothing is left behind then.
 */
int mp_pool_open(struct mp_pool *pool);

/*
 * Works on all items, and waits for that. Python: map(), but for what it makes
 * of errors: there the call raises the first.
 * How many items have no result: 0 if all do. Those failed and those lost, as
 * the map tells; all others have theirs. Or -1, as for the two calls below.
 */
ssize_t mp_pool_map(struct mp_pool *pool, struct mp_map *map);

/*
 * Gives the work to the workers, and returns. Python: map_async(). The map
 * must stay where it is until mp_pool_wait() or mp_pool_join() answers; the
 * items may change at once.
 * -1: ESHUTDOWN the pool is not open, or closed (Python: "Pool not running")
 *     EBUSY   a map is in work
 *     EINVAL  no task; count over 2^31 - 1
 *     ENXIO   the workers are spawned, and task has no exported name, or one
 *             of 256 bytes or more
 *     ENOMEM, EFBIG  no memory for items and results
 *     ECHILD  the caller did not open the pool
 */
int mp_pool_map_async(struct mp_pool *pool, struct mp_map *map);

/*
 * Waits for the map in work, at most timeout seconds (negative: for ever).
 * Python: AsyncResult.wait(). Answers as mp_pool_map(), or -1:
 *     ETIMEDOUT it goes on
 *     EINVAL    there is none in work
 *     EINTR     a worker died of SIGINT, as by Ctrl-C: the pool is terminated
 *     ECHILD    a new worker died before it was ready: likewise
 *     EAGAIN ... no worker is left, and none could be started: likewise
 */
ssize_t mp_pool_wait(struct mp_pool *pool, double timeout);

/* No further maps. Python: close(). */
void mp_pool_close(struct mp_pool *pool);

/*
 * Lets the map in work come to its end, then the workers. Python: join().
 * 0, or -1: EBUSY the pool was not closed ("Pool is still running"); what
 * mp_pool_wait() says.
 */
int mp_pool_join(struct mp_pool *pool);

/* Ends the workers at once, whatever they are at: SIGTERM, and SIGKILL for who
 * is there after half a second. Python: terminate(), and the end of `with`. */
void mp_pool_terminate(struct mp_pool *pool);

/* How many workers are there now, ready for work. */
size_t mp_pool_alive(const struct mp_pool *pool);

#endif
