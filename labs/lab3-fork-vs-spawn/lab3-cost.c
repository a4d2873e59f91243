/*
 * lab3-cost.c - what a start costs
 *
 * The scene `cost` of lab 3: start + join, by bare system calls, in parents of
 * three sizes. A fork copies the page tables of its parent, so it takes longer
 * the more memory that has touched; posix_spawn(3) shares them until the exec.
 */
#include "lab3.h"

#include "stage.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUP	    "/sys/fs/cgroup"
#define NO_LIMIT    1e18 /* bytes */
#define MIB	    (1 << 20)
#define LEAST	    7	  /* times */
#define ENOUGH	    0.1	  /* seconds */
#define TOO_LONG    1.5	  /* seconds */
#define LARGE_PAGES 49152 /* pages: 192 MiB of 4 KiB each */

size_t max_rss = 256ul * MIB;

/* --- memory ------------------------------------------------------------ */

/* The number in a file of /proc or /sys, behind a word or alone; or none. */
static double number_in(const char *path, const char *format, double none)
{
	FILE *file = fopen(path, "re");
	char line[128];
	double number;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, format, &number) == 1)
			none = number;
	if (file != NULL)
		fclose(file);
	return none;
}

/*
 * What this process's control group may still use: a container has a limit of
 * its own. Each line of /proc/self/cgroup is "number:controllers:path"; without
 * a limit the file says "max", which is no number, or a number beyond all.
 */
static double left_in_cgroup(void)
{
	FILE *groups = fopen("/proc/self/cgroup", "re");
	char line[512], limit[640], usage[640];
	double left = NO_LIMIT;

	while (groups != NULL && fgets(line, sizeof(line), groups) != NULL) {
		char *path = strrchr(line, ':') + 1;
		double used, most;

		path[strcspn(path, "\n")] = '\0';
		if (strstr(line, ":memory:") != NULL) { /* version 1 */
			sprintf(limit, CGROUP "/memory%s/memory.limit_in_bytes",
				path);
			sprintf(usage, CGROUP "/memory%s/memory.usage_in_bytes",
				path);
		} else if (strncmp(line, "0::", 3) == 0) { /* version 2 */
			sprintf(limit, CGROUP "%s/memory.max", path);
			sprintf(usage, CGROUP "%s/memory.current", path);
		} else {
			continue;
		}
		most = number_in(limit, "%lf", NO_LIMIT);
		used = number_in(usage, "%lf", 0);
		if (most - used < left)
			left = most - used;
	}
	if (groups != NULL)
		fclose(groups);
	return left < 0 ? 0 : left;
}

size_t affordable(void)
{
	double free = number_in("/proc/meminfo", "MemAvailable: %lf", 0) * 1024;
	double left = left_in_cgroup();

	if (left < free)
		free = left;
	if (max_rss < free / 4)
		return max_rss;
	return (size_t)(free / 4) / MIB * MIB;
}

bool is_large(size_t bytes)
{
	return bytes / sysconf(_SC_PAGESIZE) >= LARGE_PAGES;
}

/* --- time -------------------------------------------------------------- */

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

/* region: fastest */
/*
 * On a busy machine most runs are disturbed, and none is ever too fast. So it
 * goes on while the latter half of the time still brought a better one.
 */
double fastest(void (*call)(void))
{
	double first = monotonic_now(), improved = first, now = first;
	double best = 0;

	for (int i = 0;
	     i < LEAST || now - first < ENOUGH ||
	     (improved - first > (now - first) / 2 && now - first < TOO_LONG);
	     i++) {
		double began = now;

		call();
		now = monotonic_now();
		if (i == 0 || now - began < 0.95 * best)
			improved = now;
		if (i == 0 || now - began < best)
			best = now - began;
	}
	return best;
}
/* endregion */

#define SIZES	3
#define METHODS 3

static const struct {
	const char *name;
	pid_t (*start)(void);
} methods[METHODS] = { { "fork", start_by_fork },
		       { "fork + execve", start_by_fork_execve },
		       { "posix_spawn", start_by_posix_spawn } };

static int method; /* which one is measured */

static void start_and_join(void)
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
	for (method = 0; method < METHODS; method++) {
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

/*
 * The minimum of each method. They take turns, so that whatever else the machine
 * does meets all of them; it goes on as long as fastest() would, for three.
 */
static void measure(size_t bytes, double took[METHODS])
{
	void *memory = touch_memory(bytes);
	double first = monotonic_now(), improved = first, now = first;

	for (int i = 0;
	     i < LEAST || now - first < METHODS * ENOUGH ||
	     (improved - first > (now - first) / 2 && now - first < TOO_LONG);
	     i++)
		for (method = 0; method < METHODS; method++) {
			double began = now;

			start_and_join();
			now = monotonic_now();
			if (i == 0 || now - began < 0.95 * took[method])
				improved = now;
			if (i == 0 || now - began < took[method])
				took[method] = now - began;
		}
	free_memory(memory, bytes);
}

static void draw(const size_t size[SIZES], double took[SIZES][METHODS])
{
	double most = 0;
	char label[40];

	for (int s = 0; s < SIZES; s++)
		for (int m = 0; m < METHODS; m++)
			if (took[s][m] > most)
				most = took[s][m];
	for (int s = 0; s < SIZES; s++)
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
		show("fork did not cost more in the large parent: no break-even");
	else if (empty[POSIX_SPAWN] < empty[FORK])
		show("posix_spawn is cheaper from the start: no break-even");
	else
		show("fork costs %.3f ms more a MiB; break-even near %.1f MiB",
		     a_mib * 1000, (empty[POSIX_SPAWN] - empty[FORK]) / a_mib);
}

/* region: cost */
void play_cost(void)
{
	size_t large = affordable();
	size_t size[SIZES] = { 0, large / 8 / MIB * MIB, large };
	double took[SIZES][METHODS];
	double *empty = took[0], *full = took[SIZES - 1];

	for (int i = 0; i < SIZES; i++)
		measure(size[i], took[i]);
	play_for_the_picture(large);
	draw(size, took);
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
