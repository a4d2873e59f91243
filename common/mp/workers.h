/*
 * workers.h - the processes of a pool, and what they share with it
 *
 * For pool.c (the map) and workers.c (the processes). The parent writes a job
 * into the shared memory and tells the workers to go; each takes chunks until
 * none is left, and says that it is idle. When all are, the map is done.
 */
#ifndef MP_WORKERS_H
#define MP_WORKERS_H

#include "pool.h"

#include <stdint.h>

/* region: job */
/*
 * A chunk of the items. Whoever changes owner from 0 to his number has it. An
 * item that was begun and not done is at the odd numbers of progress, so that
 * the parent knows what a dead worker was at.
 */
struct chunk {
	_Atomic uint32_t owner;	   /* 0: nobody; else which worker, from 1 */
	_Atomic uint32_t progress; /* 2 an item done, 1 more for one begun */
};

enum trouble { NO_TROUBLE, FAILED, LOST };

/* What lies at the beginning of the pool's memory. The rest of it, from these
 * offsets: chunks, a byte of trouble an item, items, results. */
struct job {
	_Atomic uint32_t next;	/* the chunk to try first */
	_Atomic uint64_t first; /* error to come: its item, and the error */
	uint32_t chunks, chunk_size;
	size_t count, item_size, result_size;
	size_t trouble_at, items_at, results_at; /* bytes from here */
	bool tell;	/* of each chunk that is done */
	mp_task *task;	/* of forked workers */
	char name[256]; /* of spawned ones: its name */
	struct chunk chunk[];
};
/* endregion */

static inline struct job *job_of(const struct mp_shared *memory)
{
	return memory->address;
}

static inline void *job_at(struct job *job, size_t offset)
{
	return (char *)job + offset;
}

/* How many items a chunk has: the last one may have fewer. */
static inline uint32_t items_in(const struct job *job, uint32_t chunk)
{
	size_t first = (size_t)chunk * job->chunk_size;

	return job->count - first < job->chunk_size ? job->count - first
						    : job->chunk_size;
}

/* --- the channel --------------------------------------------------------- */

/* To a worker: there is a job, in memory of that size. */
struct go {
	size_t memory_size;
};

/* From a worker. */
struct note {
	enum { READY, CHUNK_DONE, IDLE } what;
	uint32_t chunk;
};

/* --- workers.c ----------------------------------------------------------- */

struct mp_worker {
	struct mp_process process; /* pid 0: there is none in this place */
	int channel;		   /* our end */
	int watch;		   /* a pidfd, or -1 */
	bool ready, busy;
};

#define NO_WORKER ((struct mp_worker){ .channel = -1, .watch = -1 })

/* Starts a worker in place i. It is ready when it says so. -1: errno. */
int worker_start(struct mp_pool *pool, size_t i);

/* Ends and reaps the one in place i. Its exit code. */
int worker_end(struct mp_pool *pool, size_t i);

/* Tells it to go. Whether it lives to hear that, is seen later. */
void worker_go(struct mp_pool *pool, size_t i);

/*
 * Waits until something happens, at most timeout seconds: to `heard` goes each
 * note, to `died` each worker that has ended, closed its channel or sent what
 * is no note; it is for `died` to call worker_end(). Either answers -1 with
 * errno to break off. 1: something happened; 0: the time is over; -1: errno.
 */
int workers_listen(struct mp_pool *pool, double timeout,
		   int (*heard)(struct mp_pool *, size_t, const struct note *),
		   int (*died)(struct mp_pool *, size_t));

/* Ends them all: at once, or when they have seen that the channel is closed. */
void workers_terminate(struct mp_pool *pool);
void workers_dismiss(struct mp_pool *pool);

#endif
