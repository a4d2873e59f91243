/*
 * pool.c - the map of a pool, in the parent; see pool.h
 *
 * It writes the job, tells the workers to go, and listens until all are idle.
 * If one of them dies, it looks up in the job what that one was at.
 */
#include "pool.h"

#include "cpus.h"
#include "deadline.h"
#include "mp_spawn.h"
#include "workers.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALIGNMENT 64 /* of items and results in the memory, bytes */
#define MOST	  (((size_t)1 << 31) - 1)

size_t mp_pool_chunksize(size_t items, size_t workers)
{
	size_t chunks = 4 * (workers > 0 ? workers : 1);

	return items == 0 ? 1 : (items + chunks - 1) / chunks;
}

size_t mp_pool_alive(const struct mp_pool *pool)
{
	size_t alive = 0;

	for (size_t i = 0; pool->state != POOL_ENDED && i < pool->workers; i++)
		alive += pool->worker[i].process.pid != 0 &&
			 pool->worker[i].ready;
	return alive;
}

/* --- chunks, and what became of them ------------------------------------- */

/* region: hand-on */
/* The results of a chunk go to the caller's function, once. */
static void hand_on(struct mp_pool *pool, uint32_t chunk)
{
	struct job *job = job_of(&pool->memory);
	const char *trouble = job_at(job, job->trouble_at);
	const char *results = job_at(job, job->results_at);
	size_t first = (size_t)chunk * job->chunk_size;

	if (pool->map->done == NULL || pool->told[chunk])
		return;
	pool->told[chunk] = true;
	for (size_t i = first; i < first + items_in(job, chunk); i++)
		if (trouble[i] == NO_TROUBLE)
			pool->map->done(i, results + i * job->result_size,
					pool->map->context);
}
/* endregion */

static bool is_done(struct job *job, uint32_t chunk)
{
	return job->chunk[chunk].progress == 2 * items_in(job, chunk);
}

/* region: lose */
/* An item is lost with its worker. */
static void lose(struct mp_map *map, struct job *job, size_t item, int exitcode)
{
	char *trouble = job_at(job, job->trouble_at);
	char *results = job_at(job, job->results_at);

	if (map->lost_count < MP_LOST)
		map->lost[map->lost_count] = (struct mp_lost){ item, exitcode };
	map->lost_count++;
	trouble[item] = LOST;
	memset(results + item * job->result_size, 0, job->result_size);
}

/* What a dead worker had: a chunk that it did not finish is free again, without
 * the item that it was at. */
static void take_back(struct mp_pool *pool, size_t worker, int exitcode)
{
	struct job *job = job_of(&pool->memory);
	const char *trouble = job_at(job, job->trouble_at);

	for (uint32_t n = 0; n < job->chunks; n++) {
		struct chunk *chunk = &job->chunk[n];

		if (chunk->owner != worker + 1)
			continue;
		if (chunk->progress % 2 == 1) {
			size_t item = (size_t)n * job->chunk_size +
				      chunk->progress / 2;

			if (trouble[item] == NO_TROUBLE)
				lose(pool->map, job, item, exitcode);
			chunk->progress++;
		}
		if (is_done(job, n))
			hand_on(pool, n);
		else
			chunk->owner = 0;
	}
}
/* endregion */

/* --- what the workers say ------------------------------------------------ */

/* region: heard */
/* Any worker may write to its channel what it likes: EBADMSG is a lie. */
static int heard(struct mp_pool *pool, size_t i, const struct note *note)
{
	struct mp_worker *worker = &pool->worker[i];
	struct job *job = job_of(&pool->memory);
	bool is_true = false;

	switch (note->what) {
	case READY:
		is_true = !worker->ready;
		worker->ready = true;
		if (pool->map != NULL)
			worker_go(pool, i);
		break;
	case CHUNK_DONE:
		is_true = pool->map != NULL && note->chunk < job->chunks &&
			  job->chunk[note->chunk].owner == i + 1 &&
			  is_done(job, note->chunk);
		if (is_true)
			hand_on(pool, note->chunk);
		break;
	case IDLE:
		is_true = worker->busy;
		worker->busy = false;
		break;
	}
	errno = EBADMSG;
	return is_true ? 0 : -1;
}
/* endregion */

/* region: died */
/* A worker has ended, or cannot be trusted any more. A new one takes its place;
 * if that dies before it is ready, so would the next: the pool has failed. */
static int died(struct mp_pool *pool, size_t i)
{
	bool was_ready = pool->worker[i].ready;
	int exitcode = worker_end(pool, i);

	if (pool->map != NULL)
		take_back(pool, i, exitcode);
	if (exitcode == -SIGINT || !was_ready) {
		errno = was_ready ? EINTR : ECHILD;
		return -1;
	}
	if (worker_start(pool, i) < 0 && mp_pool_alive(pool) == 0)
		return -1; /* nobody is left to go on */
	return 0;
}
/* endregion */

/* --- opening and ending -------------------------------------------------- */

/* Nothing of the pool is left; errno stays as it is. */
static void release(struct mp_pool *pool)
{
	int error = errno;

	mp_shared_close(&pool->memory);
	free(pool->worker);
	free(pool->told);
	pool->worker = NULL;
	pool->told = NULL;
	pool->map = NULL;
	pool->state = POOL_ENDED;
	errno = error;
}

static bool is_owner(const struct mp_pool *pool)
{
	return pool->state != POOL_ENDED && pool->owner == getpid();
}

void mp_pool_terminate(struct mp_pool *pool)
{
	int error = errno;

	if (!is_owner(pool))
		return;
	workers_terminate(pool);
	errno = error;
	release(pool);
}

/* A worker for each place that has none, until one cannot be started. */
static int fill_places(struct mp_pool *pool)
{
	for (size_t i = 0; i < pool->workers; i++)
		if (pool->worker[i].process.pid == 0 &&
		    worker_start(pool, i) < 0)
			return -1;
	return 0;
}

/* region: open */
int mp_pool_open(struct mp_pool *pool)
{
	if (pool->workers == 0)
		pool->workers = usable_cpus();
	if (mp_shared_open(&pool->memory, sizeof(struct job)) < 0)
		return -1;
	pool->worker = calloc(pool->workers, sizeof(*pool->worker));
	if (pool->worker == NULL) {
		release(pool);
		return -1;
	}
	for (size_t i = 0; i < pool->workers; i++)
		pool->worker[i] = NO_WORKER;
	pool->state = POOL_RUNNING;
	pool->owner = getpid();
	pool->map = NULL;
	while (fill_places(pool) == 0 && mp_pool_alive(pool) < pool->workers)
		if (workers_listen(pool, -1, heard, died) < 0)
			break;
	if (mp_pool_alive(pool) == pool->workers)
		return 0;
	mp_pool_terminate(pool);
	return -1;
}
/* endregion */

void mp_pool_close(struct mp_pool *pool)
{
	if (pool->state == POOL_RUNNING)
		pool->state = POOL_CLOSED;
}

int mp_pool_join(struct mp_pool *pool)
{
	if (pool->state == POOL_RUNNING) {
		errno = EBUSY;
		return -1;
	}
	if (!is_owner(pool))
		return 0;
	if (pool->map != NULL && mp_pool_wait(pool, -1) < 0)
		return -1;
	workers_dismiss(pool);
	release(pool);
	return 0;
}

/* --- the map ------------------------------------------------------------- */

/* So many bytes behind an offset, and the next offset. */
static size_t lay_out(size_t *end, size_t count, size_t size)
{
	size_t at = (*end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

	if (__builtin_mul_overflow(count, size, &size) ||
	    __builtin_add_overflow(at, size, end))
		*end = SIZE_MAX / 2; /* which nobody has */
	return at;
}

/* region: write-job */
static int write_job(struct mp_pool *pool, const struct mp_map *map)
{
	struct job head = { .count = map->count,
			    .item_size = map->item_size,
			    .result_size = map->result_size,
			    .tell = map->done != NULL,
			    .task = map->task };
	size_t chunk = map->chunk > 0
			       ? map->chunk
			       : mp_pool_chunksize(map->count, pool->workers);
	size_t chunk_bytes, end = sizeof(head);
	struct job *job;

	if (pool->method == MP_SPAWN) {
		const char *name = mp_spawn_name((void *)map->task);

		if (name == NULL)
			return -1;
		if (strlen(name) >= sizeof(head.name)) {
			errno = ENXIO;
			return -1;
		}
		strcpy(head.name, name);
	}
	head.chunk_size = chunk < map->count ? chunk : map->count;
	head.chunks = map->count == 0 ? 0 : (map->count - 1) / chunk + 1;
	chunk_bytes = head.chunks * sizeof(struct chunk);
	end += chunk_bytes;
	head.trouble_at = lay_out(&end, map->count, 1);
	head.items_at = lay_out(&end, map->count, map->item_size);
	head.results_at = lay_out(&end, map->count, head.result_size);
	if (end > pool->memory.size && mp_shared_resize(&pool->memory, end) < 0)
		return -1;

	job = job_of(&pool->memory);
	memcpy(job, &head, sizeof(head));
	memset(job->chunk, 0, chunk_bytes);
	memset(job_at(job, head.trouble_at), NO_TROUBLE, map->count);
	if (map->count > 0 && map->item_size > 0)
		memcpy(job_at(job, head.items_at), map->items,
		       map->count * map->item_size);
	return 0;
}
/* endregion */

static int check_map(struct mp_pool *pool, const struct mp_map *map)
{
	if (pool->state == POOL_RUNNING && pool->owner != getpid())
		errno = ECHILD;
	else if (pool->state != POOL_RUNNING)
		errno = ESHUTDOWN;
	else if (pool->map != NULL)
		errno = EBUSY;
	else if (map->task == NULL || map->count > MOST)
		errno = EINVAL;
	else
		return 0;
	return -1;
}

/* region: map-async */
int mp_pool_map_async(struct mp_pool *pool, struct mp_map *map)
{
	if (check_map(pool, map) < 0)
		return -1;
	/* Who died while there was no work, is replaced now. */
	while (workers_listen(pool, 0, heard, died) > 0)
		;
	fill_places(pool);
	if (write_job(pool, map) < 0)
		return -1;
	free(pool->told);
	pool->told = map->done == NULL
			     ? NULL
			     : calloc(job_of(&pool->memory)->chunks + 1, 1);
	if (map->done != NULL && pool->told == NULL)
		return -1;
	map->failed = map->lost_count = 0;
	map->error = 0;
	pool->map = map;
	for (size_t i = 0; i < pool->workers; i++)
		if (pool->worker[i].ready)
			worker_go(pool, i);
	return 0;
}
/* endregion */

/* Is anybody at work, or about to be? */
static bool is_busy(const struct mp_pool *pool)
{
	for (size_t i = 0; i < pool->workers; i++)
		if (pool->worker[i].process.pid != 0 &&
		    (pool->worker[i].busy || !pool->worker[i].ready))
			return true;
	return false;
}

/* region: look-over */
/*
 * All are idle: is all done? A chunk that is free again waits for somebody; one
 * that has an idle owner was left by a worker that lied.
 */
static int look_over(struct mp_pool *pool)
{
	struct job *job = job_of(&pool->memory);
	bool is_free = false;
	int error;

	for (uint32_t n = 0; n < job->chunks; n++) {
		uint32_t owner = job->chunk[n].owner;

		if (is_done(job, n))
			continue;
		if (owner != 0 && died(pool, owner - 1) < 0)
			return -1;
		is_free = true;
	}
	if (!is_free)
		return 1;
	fill_places(pool);
	error = errno; /* if nobody could be started */
	for (size_t i = 0; i < pool->workers; i++)
		if (pool->worker[i].ready && !pool->worker[i].busy)
			worker_go(pool, i);
	errno = error;
	return is_busy(pool) ? 0 : -1;
}
/* endregion */

static size_t count_failed(const char *trouble, size_t items)
{
	size_t failed = 0;

	for (size_t i = 0; i < items; i++)
		failed += trouble[i] == FAILED;
	return failed;
}

/* region: finish */
/* Hands the results and what went wrong to the caller. */
static ssize_t finish(struct mp_pool *pool)
{
	struct job *job = job_of(&pool->memory);
	struct mp_map *map = pool->map;
	const char *trouble = job_at(job, job->trouble_at);
	size_t size = job->result_size;

	pool->map = NULL;
	if (job->first != 0)
		map->failed = count_failed(trouble, map->count);
	if (map->failed > 0) {
		map->error = (int)(uint32_t)job->first;
		map->failed_item = job->first >> 32;
	}
	if (map->results != NULL && size > 0) {
		const char *results = job_at(job, job->results_at);
		const char *from = trouble, *end = trouble + map->count;

		while (from < end) { /* stretches without trouble */
			const char *to = memchr(from, LOST, end - from);
			size_t first = from - trouble;

			to = to == NULL ? end : to;
			memcpy((char *)map->results + first * size,
			       results + first * size, (to - from) * size);
			from = to + 1;
		}
	}
	return map->failed + map->lost_count;
}
/* endregion */

/* region: wait */
ssize_t mp_pool_wait(struct mp_pool *pool, double timeout)
{
	double deadline = deadline_after(timeout);
	int answer;

	if (!is_owner(pool) || pool->map == NULL) {
		errno = EINVAL;
		return -1;
	}
	do {
		answer = 1;
		if (is_busy(pool))
			answer = workers_listen(pool, time_left(deadline),
						heard, died);
		else if ((answer = look_over(pool)) > 0)
			return finish(pool);
		if (answer >= 0 && is_busy(pool) && time_left(deadline) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
	} while (answer >= 0);
	mp_pool_terminate(pool);
	return -1;
}
/* endregion */

ssize_t mp_pool_map(struct mp_pool *pool, struct mp_map *map)
{
	if (mp_pool_map_async(pool, map) < 0)
		return -1;
	return mp_pool_wait(pool, -1);
}
