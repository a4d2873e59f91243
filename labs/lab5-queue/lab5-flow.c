/*
 * lab5-flow.c - a queue that is full, or empty, or left behind
 *
 * The scenes `bounded` and `join-before-drain` of lab 5. Who puts and who gets
 * are children of the lab, which speaks for them.
 */
#include "lab5.h"

#include "process.h"
#include "stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- bounded ----------------------------------------------------------- */

#define CAPACITY 4096 /* bytes: the smallest queue */
#define MESSAGE	 (CAPACITY / 4 - MP_QUEUE_COST)
#define FIT	 4 /* messages, by that */
#define FAST	 2 /* producers */
#define EACH	 4 /* messages a producer */
#define PUTS	 (FAST * EACH)
#define MOST	 20 /* events of a kind */

/* region: bounded-players */
static int put_fast(const void *args, size_t size)
{
	struct mp_queue queue = *(const struct mp_queue *)args;
	char message[MESSAGE] = "";

	(void)size;
	span_begin("puts");
	for (int i = 0; i < EACH; i++) {
		check(mp_queue_put(&queue, message, MESSAGE, PATIENCE));
		mark("it is in");
	}
	span_end();
	return 0;
}

static int get_slowly(const void *args, size_t size)
{
	struct mp_queue queue = *(const struct mp_queue *)args;
	char message[MESSAGE];

	(void)size;
	span_begin("gets, works");
	for (int i = 0; i < FIT + PUTS; i++) {
		check(mp_queue_get(&queue, message, MESSAGE, PATIENCE));
		mark("got it");
		sleep_for(pace);
	}
	span_end();
	return 0;
}
/* endregion */

static int by_time(const void *a, const void *b)
{
	const int64_t *first = a, *second = b;

	return (*first > *second) - (*first < *second);
}

/* Adds the times of such events, in order. How many times there are now. */
static int add_times(const struct record *record, enum event_kind kind,
		     const char *name, int64_t times[MOST], int count)
{
	for (size_t i = record->first; i < record->end; i++) {
		const struct event *event = record_event(i);

		if (event != NULL && event->kind == kind && count < MOST &&
		    strcmp(event->name, name) == 0)
			times[count++] = event->time;
	}
	qsort(times, count, sizeof(*times), by_time);
	return count;
}

/* region: waited */
/*
 * The queue was full. How many puts ended when as many gets had begun? The
 * first get begins when the consumer does, each other one after the one before.
 */
static int puts_that_waited(const struct record *record)
{
	int64_t ended[MOST], began[MOST];
	int puts = add_times(record, EVENT_MARK, "it is in", ended, 0);
	int gets = add_times(record, EVENT_BEGIN, "gets, works", began, 0);
	int waited = 0;

	gets = add_times(record, EVENT_MARK, "got it", began, gets);
	for (int i = 0; i < puts && i < gets; i++)
		waited += ended[i] > began[i];
	return waited;
}
/* endregion */

static void fill_up(struct mp_queue *queue)
{
	char message[MESSAGE] = "";

	while (mp_queue_put(queue, message, MESSAGE, 0) == 0)
		; /* until it is full */
}

/* A put or a get that hopes for nothing. Did it wait its time? */
static bool in_vain(const char *what, long answer, double began)
{
	bool elapsed = answer < 0 && errno == ETIMEDOUT;
	double took = monotonic_now() - began;

	say("%s: %s after %.3f s", what, elapsed ? "ETIMEDOUT" : "another end",
	    took);
	return elapsed && took >= timeout;
}

static bool put_and_get_in_vain(struct mp_queue *queue)
{
	char message[MESSAGE];
	double began;
	bool get, put;

	began = monotonic_now();
	get = in_vain("get, from the empty queue",
		      mp_queue_get(queue, message, MESSAGE, timeout), began);
	fill_up(queue);
	began = monotonic_now();
	put = in_vain("put, into the full queue",
		      mp_queue_put(queue, message, MESSAGE, timeout), began);
	return get && put;
}

/* region: bounded */
void play_bounded(void)
{
	struct mp_queue queue;
	struct record record = record_start();
	struct mp_process players[FAST + 1] = {
		{ .target = put_fast, .name = "producer 1" },
		{ .target = put_fast, .name = "producer 2" },
		{ .target = get_slowly, .name = "consumer" },
	};
	int waited;

	check(mp_queue_open(&queue, CAPACITY));
	fill_up(&queue);
	span_begin("starts, joins");
	for (int i = 0; i < FAST + 1; i++) {
		players[i].args = &queue;
		players[i].size = sizeof(queue);
		check(mp_process_start(&players[i]));
		arrow_start(players[i].pid);
		if (i < FAST)
			falls_asleep(players[i].pid); /* in its first put */
	}
	for (int i = 0; i < FAST + 1; i++) {
		check(mp_process_join(&players[i], PATIENCE));
		arrow_join(players[i].pid);
	}
	span_end();
	record_stop(&record);
	show_chart(&record);
	waited = puts_that_waited(&record);
	conclude(waited == PUTS,
		 "%d of %d puts waited: each ended after one more get began",
		 waited, PUTS);
	conclude(put_and_get_in_vain(&queue),
		 "empty or full: ETIMEDOUT, and not before the time");
	mp_queue_close(&queue);
}
/* endregion */

/* --- join-before-drain -------------------------------------------------- */

#define BYTES	 1000 /* of a message, here */
#define FITS	 50   /* messages that 64 KiB have room for */
#define TOO_MANY 100  /* and that they have not */

struct filler {
	struct mp_queue queue;
	int count;	  /* messages to put */
	volatile int *in; /* how many it has put */
};

/* region: filler */
static int fill_and_end(const void *args, size_t size)
{
	struct filler filler = *(const struct filler *)args;
	char message[BYTES];

	(void)size;
	span_begin("puts");
	for (int i = 0; i < filler.count; i++) {
		fill_message(message, BYTES, i);
		check(mp_queue_put(&filler.queue, message, BYTES,
				   step_patience()));
		*filler.in = i + 1;
	}
	span_end();
	return 0;
}

/* endregion */

/* How many came, whole and in order. */
static int get_all(struct mp_queue *queue, int count)
{
	char message[BYTES];
	int got = 0;

	span_begin("gets");
	while (got < count &&
	       mp_queue_get(queue, message, BYTES, PATIENCE) == BYTES &&
	       message_number(message, BYTES) == got)
		got++;
	span_end();
	return got;
}

static void join_what_fits(struct filler *filler)
{
	struct mp_process p = { .target = fill_and_end,
				.args = filler,
				.size = sizeof(*filler) };
	size_t left;
	int got;

	filler->count = FITS;
	check(mp_process_start(&p));
	check(mp_process_join(&p, PATIENCE));
	left = mp_queue_count(&filler->queue);
	say("%d messages: joined, exitcode %d; %zu in the queue", FITS,
	    mp_process_exitcode(&p), left);
	got = get_all(&filler->queue, FITS);
	conclude(left == FITS && got == FITS,
		 "they fit: the child is gone, its %d messages are all there",
		 got);
}

/* region: join-before-drain */
static void join_what_does_not_fit(struct filler *filler)
{
	struct mp_process p = { .target = fill_and_end,
				.args = filler,
				.size = sizeof(*filler) };
	bool gave_up, asleep;
	int in, got, answer;

	filler->count = TOO_MANY;
	check(start_process(&p));
	gave_up = join_process(&p, timeout) < 0 && errno == ETIMEDOUT;
	asleep = falls_asleep(p.pid);
	in = *filler->in;
	say("%d messages: join gave up; %d are in, the child %s", TOO_MANY, in,
	    asleep ? "sleeps" : "does not sleep");
	conclude(gave_up && asleep && in < TOO_MANY &&
			 mp_queue_count(&filler->queue) == (size_t)in,
		 "they do not fit: it waits in its put number %d, we for it",
		 in + 1);

	got = get_all(&filler->queue, TOO_MANY);
	answer = join_process(&p, PATIENCE);
	conclude(got == TOO_MANY && answer == 0 && p.status == 0,
		 "drained, it ends: all %d came, in order", got);
}
/* endregion */

void play_join_before_drain(void)
{
	struct filler filler = { .in = shared_memory(sizeof(int)) };

	check(mp_queue_open(&filler.queue, 65536));
	join_what_fits(&filler);
	*filler.in = 0;
	join_what_does_not_fit(&filler);
	mp_queue_close(&filler.queue);
	free_memory((void *)filler.in, sizeof(int));
}
