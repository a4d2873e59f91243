/*
 * lab3-cost.c - what a start costs
 *
 * The scene `cost` of lab 3: start + join, by bare system calls, in parents of
 * three sizes. A fork copies the page tables of its parent, so it takes longer
 * the more memory that has touched; posix_spawn(3) shares them until the exec.
 */
#include "lab3.h"

#include "cpus.h"
#include "stage.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1 << 20)

size_t max_rss = 256ul * MIB;

/* region: start-and-join */
/* What the children do: end, or for the picture set a mark before. */
static const char *part = "end";

static pid_t start_by_fork(void)
{
	pid_t pid = check(fork());

	if (pid == 0) {
		if (strcmp(part, "mark") == 0) {
			speak_as("forked child");
			mark("fork() returned");
		}
		_exit(0);
	}
	return pid;
}

static pid_t start_by_fork_execve(void)
{
	pid_t pid = check(fork());

	if (pid == 0)
		exec_again(part, 0);
	return pid;
}

static pid_t start_by_posix_spawn(void)
{
	char *argv[] = { "lab3", AGAIN, (char *)part, "0", NULL };
	pid_t pid;

	if (posix_spawn(&pid, this_program(), NULL, NULL, argv, environ) != 0)
		die("posix_spawn");
	return pid;
}
/* endregion */

#define SIZES	3
#define LEAST	(8 * MIB) /* of a large parent: an eighth of it is the middle */
#define METHODS 3

static const struct {
	const char *name;
	pid_t (*start)(void);
} methods[METHODS] = { { "fork", start_by_fork },
		       { "fork + execve", start_by_fork_execve },
		       { "posix_spawn", start_by_posix_spawn } };

static void start_and_join(int method)
{
	check(waitpid(methods[method].start(), NULL, 0));
}

enum { FORK, FORK_EXECVE, POSIX_SPAWN };

/*
 * Each method once, for the picture: with the record's calls in between, which
 * cost time, and so apart from what is measured.
 */
static void play_for_the_picture(size_t bytes)
{
	void *memory = touch_memory(bytes);
	struct record record = record_start();

	part = "mark";
	for (int method = 0; method < METHODS; method++) {
		pid_t pid;

		span_begin(methods[method].name);
		pid = methods[method].start();
		arrow_start(pid);
		span_end();
		span_begin("join");
		check(waitpid(pid, NULL, 0));
		arrow_join(pid);
		span_end();
	}
	part = "end";
	keep_picture(&record);
	free_memory(memory, bytes);
}

static void measure(size_t bytes, double took[METHODS])
{
	void *memory = touch_memory(bytes);

	fastest(start_and_join, METHODS, took);
	free_memory(memory, bytes);
}

static void draw(int sizes, const size_t size[], double took[][METHODS])
{
	double most = 0;
	char label[40];

	for (int s = 0; s < sizes; s++)
		for (int m = 0; m < METHODS; m++)
			if (took[s][m] > most)
				most = took[s][m];
	for (int s = 0; s < sizes; s++)
		for (int m = 0; m < METHODS; m++) {
			snprintf(label, sizeof(label), "%5zu MiB  %s",
				 size[s] / MIB, methods[m].name);
			show_bar(label, took[s][m] * 1000, most * 1000, "ms");
		}
}

/* Where the line of fork's cost crosses posix_spawn's level. */
static void show_break_even(size_t large, const double empty[METHODS],
			    const double full[METHODS])
{
	double a_mib = (full[FORK] - empty[FORK]) / ((double)large / MIB);

	if (a_mib <= 0)
		show("fork costs no more in the large parent: no break-even");
	else if (empty[POSIX_SPAWN] < empty[FORK])
		show("posix_spawn is cheaper from the start: no break-even");
	else
		show("fork costs %.3f ms more a MiB; break-even near %.1f MiB",
		     a_mib * 1000, (empty[POSIX_SPAWN] - empty[FORK]) / a_mib);
}

/* region: cost */
void play_cost(void)
{
	size_t large = affordable(max_rss);
	size_t size[SIZES] = { 0, large / 8 / MIB * MIB, large };
	int sizes = large < LEAST ? 1 : SIZES;
	double took[SIZES][METHODS];
	double *empty = took[0], *full = took[SIZES - 1];
	cpu_set_t cpus = stay_on_one_cpu();

	for (int i = 0; i < sizes; i++)
		measure(size[i], took[i]);
	use_cpus(&cpus);
	play_for_the_picture(large);
	draw(sizes, size, took);
	if (sizes == SIZES)
		show_break_even(large, empty, full);

	conclude(empty[FORK] < empty[FORK_EXECVE] &&
			 empty[FORK] < empty[POSIX_SPAWN],
		 "in a small parent fork is the cheapest");
	if (is_large(large))
		conclude(full[FORK] >= 3 * full[POSIX_SPAWN],
			 "with %zu MiB posix_spawn is cheaper, %.1f times",
			 large / MIB, full[FORK] / full[POSIX_SPAWN]);
	else
		show("%zu MiB are too few to tell the rest: --max-rss, memory",
		     large / MIB);
}
/* endregion */
