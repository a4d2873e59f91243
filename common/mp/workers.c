/*
 * workers.c - the processes of a pool; see workers.h
 *
 * First the worker's side, then the parent's: start, watch, end.
 */
#include "workers.h"

#include "deadline.h"
#include "mp_spawn.h"
#include "wait.h"
#include "watch.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define GRACE  0.5  /* seconds from SIGTERM to SIGKILL */
#define GLANCE 0.05 /* seconds between two looks where there is no pidfd */
#define NOTES  16   /* of a worker that are heard at once */

/* --- in a worker --------------------------------------------------------- */

/* What a worker is handed. */
struct hired {
	int channel;
	pid_t parent;
	uint32_t number; /* from 1 */
	struct mp_shared memory;
	const struct mp_pool *pool; /* of a forked one: the parent's, a copy */
};

static void send_note(const struct hired *me, int what, uint32_t chunk)
{
	struct note note = { what, chunk };

	while (send(me->channel, &note, sizeof(note), MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			_exit(1); /* the parent is gone: so are we */
}

/* region: record-error */
/* The first error to come is the one that is told. */
static void record_error(struct job *job, size_t item, int error)
{
	uint64_t none = 0;

	atomic_compare_exchange_strong(&job->first, &none,
				       (uint64_t)item << 32 | (uint32_t)error);
	((char *)job_at(job, job->trouble_at))[item] = FAILED;
}
/* endregion */

/* region: run-chunk */
/* From the first item that was not begun: a dead worker may have done some. */
static void run_chunk(struct job *job, mp_task *task, uint32_t number)
{
	_Atomic uint32_t *progress = &job->chunk[number].progress;
	size_t first = (size_t)number * job->chunk_size;
	const char *items = job_at(job, job->items_at);
	char *results = job_at(job, job->results_at);
	uint32_t size = items_in(job, number);

	for (uint32_t i = *progress / 2; i < size; i++) {
		size_t item = first + i;
		int error;

		atomic_store_explicit(progress, 2 * i + 1,
				      memory_order_relaxed);
		error = task(items + item * job->item_size,
			     results + item * job->result_size);
		if (error != 0)
			record_error(job, item, error);
		atomic_store_explicit(progress, 2 * i + 2,
				      memory_order_release);
	}
}

static bool claim(struct job *job, uint32_t number, uint32_t me)
{
	uint32_t nobody = 0;

	return job->chunk[number].owner == 0 &&
	       atomic_compare_exchange_strong(&job->chunk[number].owner,
					      &nobody, me);
}
/* endregion */

/* region: work */
static void work_on(const struct hired *me, struct job *job, mp_task *task,
		    uint32_t number)
{
	if (!claim(job, number, me->number))
		return;
	run_chunk(job, task, number);
	if (job->tell)
		send_note(me, CHUNK_DONE, number);
}

/* Takes chunks while there are any. `next` spares a search, but a worker may
 * die between the number and the claim: so at the end, all are looked over. */
static void work(const struct hired *me, struct job *job, mp_task *task)
{
	uint32_t n;

	while ((n = atomic_fetch_add(&job->next, 1)) < job->chunks)
		work_on(me, job, task, n);
	for (n = 0; n < job->chunks; n++)
		work_on(me, job, task, n);
}
/* endregion */

static mp_task *task_of(const struct job *job)
{
	if (job->name[0] == '\0')
		return job->task;
	return (mp_task *)dlsym(RTLD_DEFAULT, job->name);
}

/* A forked worker closes what its parent holds of it and of the others: who
 * held another's channel would keep it open beyond that one's death. */
static void close_others(const struct mp_pool *pool)
{
	for (size_t i = 0; i < pool->workers; i++) {
		if (pool->worker[i].channel >= 0)
			close(pool->worker[i].channel);
		if (pool->worker[i].watch >= 0)
			close(pool->worker[i].watch);
	}
}

/* Ctrl-C and terminate end it, whatever handler it has a copy of. */
static void default_signal(int number)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) == 0 &&
	    action.sa_handler != SIG_IGN)
		signal(number, SIG_DFL);
}

/* Waits for work. False: there will be none. */
static bool hear_go(int channel, struct go *go)
{
	ssize_t size;

	do
		size = recv(channel, go, sizeof(*go), 0);
	while (size < 0 && errno == EINTR);
	return size == sizeof(*go);
}

/* region: worker */
int mp_pool_worker(const void *args, size_t size)
{
	struct hired me = *(const struct hired *)args;
	struct go go;

	(void)size;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* not to outlive the parent */
	if (getppid() != me.parent || mp_shared_attach(&me.memory) < 0)
		return 1;
	default_signal(SIGINT);
	default_signal(SIGTERM);
	if (me.pool != NULL)
		close_others(me.pool);
	send_note(&me, READY, 0);
	while (hear_go(me.channel, &go)) {
		mp_task *task;

		if (mp_shared_resize(&me.memory, go.memory_size) < 0)
			return 1;
		task = task_of(job_of(&me.memory));
		if (task == NULL)
			return 1;
		work(&me, job_of(&me.memory), task);
		send_note(&me, IDLE, 0);
	}
	return 0;
}
/* endregion */

/* --- in the parent ------------------------------------------------------- */

/* region: worker-start */
int worker_start(struct mp_pool *pool, size_t i)
{
	struct mp_worker *it = &pool->worker[i];
	bool forked = pool->method == MP_FORK;
	struct hired hired = { .parent = getpid(),
			       .number = i + 1,
			       .memory = pool->memory,
			       .pool = forked ? pool : NULL };
	int end[2], error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, end) < 0)
		return -1;
	it->channel = end[0];
	hired.channel = end[1];
	struct mp_process process = { .target = mp_pool_worker,
				      MP_ARGS(hired),
				      .method = pool->method,
				      .daemon = true,
				      MP_KEEP(end[1], pool->memory.fd) };
	snprintf(process.name, sizeof(process.name), "%sPoolWorker-%zu",
		 forked ? "Fork" : "Spawn", i + 1);
	if (mp_process_start(&process) < 0) {
		error = errno;
		close(end[0]);
		close(end[1]);
		*it = NO_WORKER;
		errno = error;
		return -1;
	}
	close(end[1]); /* or its death would not be the end of the channel */
	process.args = process.keep = NULL; /* they were this block's */
	it->process = process;
	it->watch = watch_open(process.pid);
	return 0;
}
/* endregion */

int worker_end(struct mp_pool *pool, size_t i)
{
	struct mp_worker *it = &pool->worker[i];
	int exitcode;

	mp_process_kill(&it->process); /* if it only closed its channel */
	mp_process_join(&it->process, -1);
	exitcode = mp_process_exitcode(&it->process);
	close(it->channel);
	if (it->watch >= 0)
		close(it->watch);
	*it = NO_WORKER;
	return exitcode;
}

void worker_go(struct mp_pool *pool, size_t i)
{
	struct go go = { .memory_size = pool->memory.size };

	pool->worker[i].busy = true;
	send(pool->worker[i].channel, &go, sizeof(go), MSG_NOSIGNAL);
}

/* --- watching ------------------------------------------------------------ */

/*
 * Hands on the notes of a worker: all, if it has ended; else just so many that
 * the others and the time get their turn.
 * 0: no more for now, 1: the channel is at its end, or was written to by
 * somebody else than us; -1: broken off.
 */
static int hear_notes(struct mp_pool *pool, size_t i, bool ended,
		      int (*heard)(struct mp_pool *, size_t,
				   const struct note *))
{
	for (int left = NOTES; ended || left > 0; left--) {
		struct note note;
		ssize_t size = recv(pool->worker[i].channel, &note,
				    sizeof(note), MSG_DONTWAIT | MSG_TRUNC);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && errno == EAGAIN)
			return 0;
		if (size != sizeof(note) || note.what > IDLE)
			return 1;
		if (heard(pool, i, &note) < 0)
			return errno == EBADMSG ? 1 : -1;
	}
	return 0;
}

/* region: listen */
int workers_listen(struct mp_pool *pool, double timeout,
		   int (*heard)(struct mp_pool *, size_t, const struct note *),
		   int (*died)(struct mp_pool *, size_t))
{
	size_t count = 2 * pool->workers;
	int fds[count];
	bool ready[count];
	int happened;

	for (size_t i = 0; i < pool->workers; i++) {
		struct mp_worker *it = &pool->worker[i];
		bool there = it->process.pid != 0;

		fds[2 * i] = there ? it->channel : -1;
		fds[2 * i + 1] = there ? it->watch : -1;
		if (there && it->watch < 0 && (timeout < 0 || timeout > GLANCE))
			timeout = GLANCE; /* no pidfd: look ourselves */
	}
	happened = mp_wait(fds, count, ready, timeout);
	for (size_t i = 0; i < pool->workers && happened >= 0; i++) {
		struct mp_worker *it = &pool->worker[i];
		bool ended;
		int end = 0;

		if (it->process.pid == 0)
			continue;
		/* Has it ended? Asked first: then all it said is there. */
		ended = it->watch >= 0 ? ready[2 * i + 1]
				       : watch_end(it->process.pid, 0) == 0;
		if (ready[2 * i] || ended)
			end = hear_notes(pool, i, ended, heard);
		if (end < 0 || ((end > 0 || ended) && died(pool, i) < 0))
			return -1;
		if (ended)
			happened = 1;
	}
	return happened > 0 ? 1 : happened;
}
/* endregion */

/* --- the end ------------------------------------------------------------- */

/* region: terminate */
void workers_terminate(struct mp_pool *pool)
{
	double deadline = deadline_after(GRACE);

	for (size_t i = 0; i < pool->workers; i++)
		if (pool->worker[i].process.pid != 0)
			mp_process_terminate(&pool->worker[i].process);
	for (size_t i = 0; i < pool->workers; i++)
		if (pool->worker[i].process.pid != 0) {
			mp_process_join(&pool->worker[i].process,
					time_left(deadline));
			worker_end(pool, i);
		}
}
/* endregion */

void workers_dismiss(struct mp_pool *pool)
{
	for (size_t i = 0; i < pool->workers; i++)
		if (pool->worker[i].process.pid != 0)
			shutdown(pool->worker[i].channel, SHUT_RDWR);
	for (size_t i = 0; i < pool->workers; i++)
		if (pool->worker[i].process.pid != 0) {
			mp_process_join(&pool->worker[i].process, -1);
			worker_end(pool, i);
		}
}
