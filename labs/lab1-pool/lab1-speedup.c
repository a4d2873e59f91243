/*
 * lab1-speedup.c - what a pool gains
 *
 * The scene `speedup` of lab 1: the same work by pools of 1, 2, 4 ... workers,
 * and by as many bare loops, which is all that this machine has to give. The
 * loops are forked before, as the workers are, and wait at a pipe each.
 */
#include "lab1.h"

#include "cpus.h"
#include "stage.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECES	 256 /* items of the work */
#define ROWS	 7   /* 1, 2, 4 ... 64 workers */
#define MOST	 (1 << (ROWS - 1))
#define ENOUGH	 0.8 /* of what the loops reach */
#define LEAST	 20  /* times */
#define AGAIN	 5   /* times, if it is begun anew */
#define TOO_LONG 3.0 /* seconds */
#define STEADY	 1.5 /* times as long as the best is no quiet machine's worst */

int most_workers, million_steps;

static uint64_t pieces[PIECES], from_pool[PIECES];
static uint64_t *from_loops; /* shared with them */

/* region: steps */
/* One piece of the work: each step waits for the one before. */
static int go_steps(const void *item, void *result)
{
	uint64_t x = *(const uint64_t *)item;

	for (long i = 0; i < million_steps * 1000000L / PIECES; i++)
		x = x * 6364136223846793005u + 1442695040888963407u;
	*(uint64_t *)result = x;
	return 0;
}
/* endregion */

/* --- the yardstick ----------------------------------------------------- */

/* region: bare-loops */
static struct loop {
	pid_t pid;
	int go; /* how many loops share the work; 0: the end */
} loops[MOST];
static struct gate loop_done;

/* Loop k of n does the pieces k, k + n, k + 2n ... */
static _Noreturn void loop(int k, int go, pid_t parent)
{
	int n;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* not to outlive the lab */
	while (getppid() == parent && read(go, &n, sizeof(n)) > 0 && n > 0) {
		for (int i = k; i < PIECES; i += n)
			go_steps(&pieces[i], &from_loops[i]);
		check(write(loop_done.out, "", 1));
	}
	_exit(0);
}

static void run_loops(int n)
{
	char done[n];

	for (int k = 0; k < n; k++)
		check(write(loops[k].go, &n, sizeof(n)));
	hear(loop_done.in, done, n);
}
/* endregion */

static void start_loops(int count)
{
	pid_t parent = getpid();
	int end[2];

	gate_make(&loop_done);
	for (int k = 0; k < count; k++) {
		check(pipe(end));
		loops[k] = (struct loop){ check(fork()), end[1] };
		if (loops[k].pid == 0)
			loop(k, end[0], parent);
		close(end[0]);
	}
}

static void end_loops(int count)
{
	for (int k = 0; k < count; k++) {
		check(write(loops[k].go, &(int){ 0 }, sizeof(int)));
		check(waitpid(loops[k].pid, NULL, 0));
		close(loops[k].go);
	}
	gate_close(&loop_done);
}

/* --- the measure ------------------------------------------------------- */

static struct row {
	struct mp_pool pool;
	double loops_took, pool_took; /* seconds, the best of several, */
	double loops_worst;	      /* and the worst */
} rows[ROWS];

/* region: measure */
static void keep_best(double *best, double began)
{
	double took = monotonic_now() - began;

	if (*best == 0 || took < *best)
		*best = took;
	span_end();
}

/* The work once by each, one after the other. Are the results the same? */
static bool measure(struct row *row)
{
	int n = row->pool.workers;
	char name[TIMELINE_NAME];

	/* No result of an earlier run, and what nobody did is not the same. */
	memset(from_loops, -1, sizeof(from_pool));
	memset(from_pool, 0, sizeof(from_pool));
	progress("speedup: the work by %d", n);
	snprintf(name, sizeof(name), "%d bare loops", n);
	span_begin(name);
	double began = monotonic_now();
	run_loops(n);
	if (monotonic_now() - began > row->loops_worst)
		row->loops_worst = monotonic_now() - began;
	keep_best(&row->loops_took, began);

	snprintf(name, sizeof(name), "pool of %d", n);
	span_begin(name);
	began = monotonic_now();
	run_map(&row->pool, &(struct mp_map){ .task = go_steps,
					      MP_ITEMS(pieces),
					      MP_RESULTS(from_pool) });
	keep_best(&row->pool_took, began);
	return memcmp(from_pool, from_loops, sizeof(from_pool)) == 0;
}

static double reached(const struct row *row)
{
	return row->loops_took / row->pool_took;
}

/*
 * A busy machine makes runs slower, and none faster. If it had a quiet moment
 * for the loops and none for the pool, the row from which we conclude is begun
 * anew: until both have had one, or neither. A slow pool stays slow.
 * Were the results the same each time?
 */
static bool measure_all(int count, struct row *judged)
{
	double until = monotonic_now() + TOO_LONG;
	bool same = true;

	for (int i = 0; i < LEAST && (i < 3 || monotonic_now() < until); i++)
		for (int row = 0; row < count; row++)
			same &= measure(&rows[row]);
	while (reached(judged) < ENOUGH && monotonic_now() < until) {
		judged->loops_took = judged->pool_took = 0;
		judged->loops_worst = 0;
		for (int i = 0; i < AGAIN; i++)
			same &= measure(judged);
	}
	return same;
}
/* endregion */

/* --- the scene --------------------------------------------------------- */

/* Rows of 1, 2, 4 ... workers, and at last of the most. How many rows. */
static int make_rows(int most)
{
	int count = 0;

	for (int workers = 1; workers < 2 * most; workers *= 2)
		rows[count++] = (struct row){ .pool.workers = workers < most
								      ? workers
								      : most };
	return count;
}

/* The last row that the CPUs are enough for; two processes can share one. */
static struct row *choose_row(int count, int cpus)
{
	struct row *row = &rows[count - 1];

	while (row->pool.workers > 2 && row->pool.workers > (size_t)cpus)
		row--;
	return row;
}

/* region: speedup */
void play_speedup(void)
{
	int cpus = usable_cpus(), given = million_steps;
	int most = most_workers > 0 ? most_workers : cpus < MOST ? cpus : MOST;
	int count = make_rows(most);
	struct row *judged = choose_row(count, cpus);
	bool same;

	from_loops = shared_memory(sizeof(from_pool));
	for (int i = 0; i < PIECES; i++)
		pieces[i] = i;
	if (given == 0)
		million_steps = judged->pool.workers;
	/* Forks from here on: they have all of this. */
	for (struct row *row = rows; row < rows + count; row++)
		check(mp_pool_open(&row->pool));
	start_loops(most);
	same = measure_all(count, judged);
	end_loops(most);
	million_steps = given;

	show("  processes  bare loops  speed-up        pool  speed-up");
	for (struct row *row = rows; row < rows + count; row++) {
		show("  %9zu  %7.2f ms  %8.2f  %7.2f ms  %8.2f",
		     row->pool.workers, row->loops_took * 1e3,
		     rows->loops_took / row->loops_took, row->pool_took * 1e3,
		     rows->loops_took / row->pool_took);
		mp_pool_terminate(&row->pool);
	}
	conclude(same, "the pool's results are those of the bare loops");
	if (reached(judged) < ENOUGH &&
	    judged->loops_worst > STEADY * judged->loops_took)
		show("The machine is too busy to tell: the same loops took "
		     "%.1f to %.1f ms.",
		     judged->loops_took * 1e3, judged->loops_worst * 1e3);
	else
		conclude(reached(judged) >= ENOUGH,
			 "a pool of %zu reached %.2f of what bare loops reach",
			 judged->pool.workers, reached(judged));
	free_memory(from_loops, sizeof(from_pool));
}
/* endregion */
