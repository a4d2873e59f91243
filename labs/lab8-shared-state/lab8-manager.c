/*
 * lab8-manager.c - state that one process owns, and others ask for
 *
 * The scene `manager` of lab 8. The manager is spawned, so that it has nothing
 * but the ends that it was handed: when its clients have closed theirs, it finds
 * the end of each, and ends.
 */
#include "lab8.h"

#include "connection.h"
#include "lock.h"
#include "process.h"
#include "stage.h"
#include "wait.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS	 3 /* besides the lab itself, which has two connections */
#define ENDS	 (CLIENTS + 2)
#define REQUESTS 300 /* of each client */
#define TIMES	 5   /* what is measured, of which the least counts */
#define BATCH	 300 /* accesses in a measurement */
#define KEYS	 8

enum verb { GET, SET, ADD };

/* What a client sends. The manager answers with the number under that key. */
struct request {
	enum verb verb;
	int key;
	int64_t number;
};

/* --- the manager ------------------------------------------------------- */

/* region: serve */
/* Answers one request. False when there will be no other. */
static bool serve(struct mp_connection *client, int64_t table[KEYS])
{
	struct request it;
	ssize_t size = mp_connection_recv_bytes_into(client, &it, sizeof(it),
						     PATIENCE);

	if (size < 0 && errno == ENODATA)
		return false;
	check(size == sizeof(it) && it.key >= 0 && it.key < KEYS ? 0 : -1);
	if (it.verb == SET)
		table[it.key] = it.number;
	if (it.verb == ADD)
		table[it.key] += it.number;
	check(mp_connection_send_bytes(client, &table[it.key],
				       sizeof(table[it.key]), PATIENCE));
	return true;
}

/* Exported, for it is spawned. The table is a variable of its own. */
int manage(const void *args, size_t size)
{
	struct mp_connection client[ENDS];
	int64_t table[KEYS] = { 0 };
	int fds[ENDS], open = ENDS;
	bool ready[ENDS];

	memcpy(client, args, size);
	for (int i = 0; i < ENDS; i++) {
		check(mp_connection_attach(&client[i]));
		fds[i] = client[i].fd;
	}
	while (open > 0) {
		check(mp_wait(fds, ENDS, ready, step_patience()) > 0 ? 0 : -1);
		for (int i = 0; i < ENDS; i++)
			if (ready[i] && !serve(&client[i], table)) {
				mp_connection_close(&client[i]);
				fds[i] = -1; /* mp_wait() passes it over */
				open--;
			}
	}
	return 0;
}
/* endregion */

/* --- its clients ------------------------------------------------------- */

/* region: client */
/* A question and its answer: what Python's proxy does at each access. */
static int64_t ask(struct mp_connection *manager, enum verb verb, int key,
		   int64_t number)
{
	struct request request = { verb, key, number };
	int64_t answer = 0;

	check(mp_connection_send_bytes(manager, &request, sizeof(request),
				       PATIENCE));
	check(mp_connection_recv_bytes_into(manager, &answer, sizeof(answer),
					    PATIENCE) == sizeof(answer)
		      ? 0
		      : -1);
	return answer;
}

struct client {
	struct mp_connection *end; /* of all: it closes those of the others */
	int number;
};

static int add_many(const void *args, size_t size)
{
	struct client it = *(const struct client *)args;

	(void)size;
	for (int i = 0; i < ENDS; i++)
		if (i != it.number)
			mp_connection_close(&it.end[i]);
	span_begin("asks");
	for (int i = 0; i < REQUESTS; i++)
		ask(&it.end[it.number], ADD, 0, 1);
	span_end();
	return 0;
}
/* endregion */

/* Three processes, which all add to one number. What it is then. */
static int64_t let_clients_add(struct mp_connection end[ENDS])
{
	struct mp_process child[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		struct client it = { end, i };

		child[i] =
			(struct mp_process){ .target = add_many, MP_ARGS(it) };
		check(start_process(&child[i]));
		mp_connection_close(&end[i]); /* so that its end is the end */
	}
	for (int i = 0; i < CLIENTS; i++)
		check(join_process(&child[i], PATIENCE));
	return ask(&end[CLIENTS], GET, 0, 0);
}

/* --- what an access costs ---------------------------------------------- */

/* The same number in shared memory, for the comparison. */
struct direct {
	pthread_mutex_t mutex;
	int64_t number;
};

static double time_of_messages(struct mp_connection *manager)
{
	double began = monotonic_now();

	for (int i = 0; i < BATCH; i++)
		ask(manager, ADD, 2, 1);
	return (monotonic_now() - began) / BATCH;
}

static double time_of_memory(struct direct *direct, struct mp_lock *lock)
{
	double began = monotonic_now();

	for (int i = 0; i < BATCH; i++) {
		check(mp_lock_acquire(lock, PATIENCE));
		direct->number++;
		check(mp_lock_release(lock));
	}
	return (monotonic_now() - began) / BATCH;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

/* Both in turn; of each the least counts. Seconds for an access. */
static void measure(struct mp_connection *manager, double *message,
		    double *memory)
{
	struct mp_shared shared;
	struct mp_lock lock;

	check(mp_shared_open(&shared, sizeof(struct direct)));
	mp_lock_place(&lock, &((struct direct *)shared.address)->mutex);
	*message = *memory = INFINITY;
	for (int i = 0; i < TIMES; i++) {
		*message = least(*message, time_of_messages(manager));
		*memory = least(*memory, time_of_memory(shared.address, &lock));
	}
	mp_shared_close(&shared);
}

/* --- manager ----------------------------------------------------------- */

static struct mp_process start_manager(struct mp_connection ours[ENDS])
{
	struct mp_connection theirs[ENDS];
	int keep[2 * ENDS];
	struct mp_process p = { .target = manage,
				MP_ARGS(theirs),
				.method = MP_SPAWN,
				.name = "manager",
				.keep = keep,
				.keep_count = 2 * ENDS };

	for (int i = 0; i < ENDS; i++) {
		check(mp_pipe(&ours[i], &theirs[i], true));
		keep[2 * i] = theirs[i].fd;
		keep[2 * i + 1] = theirs[i].memory.fd;
	}
	check(start_process(&p));
	for (int i = 0; i < ENDS; i++)
		mp_connection_close(&theirs[i]); /* or its death were no end */
	return p;
}

/* region: manager */
void play_manager(void)
{
	struct mp_connection end[ENDS], *a = &end[CLIENTS], *b = a + 1;
	struct mp_process manager = start_manager(end);
	int64_t counted = let_clients_add(end), loaded_a, loaded_b, both;
	double message, memory;

	say("%d clients added %d times each: %" PRId64, CLIENTS, REQUESTS,
	    counted);
	conclude(counted == CLIENTS * REQUESTS,
		 "one owner, who serves one at a time: none lost, and no lock");

	loaded_a = ask(a, GET, 1, 0);
	loaded_b = ask(b, GET, 1, 0);
	ask(a, SET, 1, loaded_a + 1);
	ask(b, SET, 1, loaded_b + 1);
	both = ask(a, GET, 1, 0);
	say("two get %" PRId64 " and %" PRId64 ", each sets 1 more: %" PRId64,
	    loaded_a, loaded_b, both);
	conclude(both == 1, "get and set are two messages: an update is lost");

	measure(a, &message, &memory);
	show_bar("by message", message * 1e6, message * 1e6, "us");
	show_bar("memory, a lock", memory * 1e6, message * 1e6, "us");
	conclude(message >= 3 * memory,
		 "an access by message takes %.0f times as long",
		 message / memory);
	mp_connection_close(a);
	mp_connection_close(b);
	check(join_process(&manager, PATIENCE));
	conclude(mp_process_exitcode(&manager) == 0,
		 "with its last client's end closed, the manager ended");
}
/* endregion */
