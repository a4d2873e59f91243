/*
 * lab1.c - many items, worked on by a pool of processes
 *
 * Usage: build/lab1 [OPTION]... [SCENE]...     (--help names them)
 *
 * The lab is the parent of several pools, one after the other. What their tasks
 * do, and in which order, is forced by gates: the pools are forked, so a task
 * finds gates and shared memory in the globals of its file.
 *
 *	lab1.c		what a pool is
 *	lab1-chunks.c	what it costs
 *	lab1-speedup.c	what it gains
 *	lab1-end.c	how it ends, and what it makes of errors
 *	lab1-killed.c	what it survives
 */
#include "lab1.h"

#include "stage.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

size_t wait_for_map(struct mp_pool *pool)
{
	return check(mp_pool_wait(pool, PATIENCE));
}

size_t run_map(struct mp_pool *pool, struct mp_map *map)
{
	check(mp_pool_map_async(pool, map));
	return wait_for_map(pool);
}

int speak_as_worker(void)
{
	static char name[16];
	int number = atoi(strrchr(mp_current_process()->name, '-') + 1);

	if (name[0] == '\0') {
		snprintf(name, sizeof(name), "worker %d", number);
		speak_as(name);
	}
	return number;
}

int count_squares(const int *results, int count)
{
	int right = 0;

	for (int i = 0; i < count; i++)
		right += results[i] == i * i;
	return right;
}

/* --- program ----------------------------------------------------------- */

/* Half a page wide: in the chapter these stand beside the Python. */
/* clang-format off */
/* region: f */
int f(const void *item, void *result)
{
	int x = *(const int *)item;

	*(int *)result = x * x;
	return 0; /* no error */
}
/* endregion */

/* region: program */
static void play_program(void)
{
	int x[] = { 1, 2, 3 }, y[3];
	struct mp_map map = {
		.task = f,
		MP_ITEMS(x),
		MP_RESULTS(y),
	};
	struct mp_pool p = { .workers = 5 };

	check(mp_pool_open(&p));
	if (check(mp_pool_map(&p, &map)) > 0)
		errx(1, "a worker was killed");
	printf("[%d, %d, %d]\n",
		y[0], y[1], y[2]);
	mp_pool_terminate(&p);
}
/* endregion */
/* clang-format on */

/* --- by-hand ----------------------------------------------------------- */

#define NUMBERS 6
#define WORKERS 3

/* region: by-hand */
struct answer {
	int number, square;
	pid_t from;
};

/* A worker: takes numbers from one pipe, answers on the other. */
static _Noreturn void work(int numbers, int answers)
{
	struct answer it = { .from = getpid() };

	while (read(numbers, &it.number, sizeof(it.number)) > 0) {
		it.square = it.number * it.number;
		sleep_for(0.001); /* hard work */
		check(write(answers, &it, sizeof(it)));
	}
	_exit(0);
}

static void play_by_hand(void)
{
	struct answer answer, all[NUMBERS + 1] = { 0 };
	int numbers[2], answers[2], right = 0, count = 0;

	check(pipe(numbers));
	check(pipe(answers));
	for (int i = 0; i < WORKERS; i++)
		switch (check(fork())) {
		case 0:
			close(numbers[1]); /* or no worker sees their end */
			work(numbers[0], answers[1]);
		}
	close(answers[1]); /* or we do not see the end of the answers */
	close(numbers[0]);
	for (int i = 1; i <= NUMBERS; i++)
		check(write(numbers[1], &i, sizeof(i)));
	close(numbers[1]); /* no more work: the workers read 0 bytes */

	for (; read(answers[0], &answer, sizeof(answer)) > 0; count++)
		all[answer.number] = answer;
	close(answers[0]);
	while (wait(NULL) > 0)
		;
	for (int i = 1; i <= NUMBERS; i++) {
		struct answer *it = &all[i];

		show("  %d * %d = %2d  from %d", i, i, it->square, it->from);
		right += it->square == i * i;
	}
	show("Which process did which is luck.");
	conclude(count == NUMBERS && right == NUMBERS,
		 "each number was answered once, and by its square");
}
/* endregion */

/* --- order ------------------------------------------------------------- */

/* region: order */
#define ITEMS 4

static struct gate may_end[ITEMS]; /* of each item but the last */

struct order {
	int count;
	size_t arrived[ITEMS]; /* items, in the order of their arrival */
};

/* In a worker: stays in its item until the parent opens the gate. */
static int square_when_allowed(const void *item, void *result)
{
	int x = *(const int *)item;

	speak_as_worker();
	span_begin("item");
	if (x < ITEMS - 1) {
		span_begin("held back");
		gate_wait(&may_end[x]);
		span_end();
	}
	sleep_for(0.005);
	span_end();
	return f(item, result);
}

/* In the parent, for each result that arrives: lets the item before it go. */
static void take(size_t item, const void *result, void *context)
{
	struct order *order = context;

	say("item %zu is done, its result: %d", item, *(const int *)result);
	order->arrived[order->count++] = item;
	if (item > 0)
		gate_open(&may_end[item - 1]);
}

static void play_order(void)
{
	int x[ITEMS] = { 0, 1, 2, 3 }, y[ITEMS] = { 0 };
	struct order order = { 0 };
	struct mp_pool pool = { .workers = ITEMS };
	struct record record = record_start();
	bool backwards;

	for (int i = 0; i < ITEMS; i++)
		gate_make(&may_end[i]);
	check(mp_pool_open(&pool));
	span_begin("map");
	run_map(&pool, &(struct mp_map){ .task = square_when_allowed,
					 MP_ITEMS(x),
					 MP_RESULTS(y),
					 .chunk = 1,
					 .done = take,
					 .context = &order });
	span_end();
	mp_pool_terminate(&pool);
	record_stop(&record);
	show_chart(&record);
	say("the map's results: %d, %d, %d, %d", y[0], y[1], y[2], y[3]);

	backwards = order.count == ITEMS;
	for (int i = 0; i < ITEMS; i++) {
		backwards &= order.arrived[i] == (size_t)(ITEMS - 1 - i);
		gate_close(&may_end[i]);
	}
	conclude(backwards, "item 1 was complete before item 0, "
			    "and all came in backwards");
	conclude(count_squares(y, ITEMS) == ITEMS,
		 "each result stands where its item stood");
}
/* endregion */

static const struct scene scenes[] = {
	{ "program", "what do the C program and the Python program print?",
	  play_program },
	{ "by-hand", "two pipes and three forks: is that a pool?",
	  play_by_hand },
	{ "order", "the last item is done first: where is its result?",
	  play_order },
	{ "chunks", "how many items at a time? What does it cost one by one?",
	  play_chunks },
	{ "speedup", "twice the workers: half the time?", play_speedup },
	{ "exit", "work is queued, and we leave the pool: is it done?",
	  play_exit },
	{ "failure", "two items fail: which error does the caller get?",
	  play_failure },
	{ "killed", "a worker is killed in the middle of a map: what then?",
	  play_killed },
	{ 0 }
};

static const struct option_row options[] = {
	{ "workers", OPTION_NUMBER, &most_workers, 1, 64,
	  .help = "most in `speedup`; else as many as CPUs" },
	{ "work", OPTION_NUMBER, &million_steps, 1, 500,
	  .help = "million steps in `speedup`; else 1 a worker" },
	{ 0 }
};

int main(int argc, char *argv[])
{
	mp_guard(argc, argv);
	return stage_main(argc, argv,
			  &(struct lab){ __FILE__, "pools of processes", scenes,
					 options });
}
