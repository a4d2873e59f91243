/*
 * bench.c - mp against the bare system calls and against CPython, in one run
 *
 * Usage: build/bench [--seconds=SECONDS]
 *
 * For each row the three take turns, so that whatever else the machine does
 * meets all of them; the minimum of each counts. CPython runs in a process of
 * its own (bench.py), which is asked through a pipe and times itself. Without
 * python3 its column stays empty.
 *
 * bare: fork + _exit + waitpid with the same two flushes of stdio; posix_spawn
 * + waitpid of this very program, which then ends at once.
 */
#include "deadline.h"
#include "memory.h"
#include "options.h"
#include "process.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIB	    (1ul << 30)
#define EVENTS	    10000 /* recorded in one call */
#define END_AT_ONCE "end-at-once"

static double seconds = 2; /* a row */
static char *program;	   /* the path of this one */

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- ours -------------------------------------------------------------- */

int end_at_once(const void *args, size_t size)
{
	(void)args;
	return (int)size;
}

static void ours(enum mp_method method)
{
	struct mp_process p = { .target = end_at_once, .method = method };

	if (mp_process_start(&p) < 0 || mp_process_join(&p, -1) < 0)
		fail("mp_process");
}

static void ours_fork(void)
{
	ours(MP_FORK);
}

static void ours_spawn(void)
{
	ours(MP_SPAWN);
}

/* --- bare -------------------------------------------------------------- */

static void bare_fork(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		fflush(NULL);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		fail("fork");
}

static void bare_spawn(void)
{
	char *argv[] = { END_AT_ONCE, NULL };
	pid_t pid;

	errno = posix_spawn(&pid, program, NULL, NULL, argv, environ);
	if (errno != 0 || waitpid(pid, NULL, 0) < 0)
		fail("posix_spawn");
}

/* --- CPython ----------------------------------------------------------- */

static FILE *to_python, *from_python; /* NULL: there is none */

/* The script lies beside the source of this file, below the tree's top. */
static void start_python(void)
{
	char script[PATH_MAX] = "";
	int ask[2], answer[2];
	char *slash;

	snprintf(script, sizeof(script), "%s", program);
	while ((slash = strrchr(script, '/')) != NULL) {
		strcpy(slash, "/tests/bench/bench.py");
		if (access(script, R_OK) == 0)
			break;
		*slash = '\0';
	}
	if (slash == NULL)
		return;
	if (pipe2(ask, O_CLOEXEC) < 0 || pipe2(answer, O_CLOEXEC) < 0)
		fail("pipe2");
	switch (fork()) {
	case -1:
		fail("fork");
	case 0:
		dup2(ask[0], STDIN_FILENO);
		dup2(answer[1], STDOUT_FILENO);
		execlp("python3", "python3", script, (char *)NULL);
		_exit(127);
	}
	close(ask[0]);
	close(answer[1]); /* or we would wait for ever if there is no python3 */
	to_python = fdopen(ask[1], "w");
	from_python = fdopen(answer[0], "r");
}

/* What it took CPython, in seconds; NAN without one. */
static double ask_python(const char *what, size_t number)
{
	double took;

	if (to_python == NULL)
		return NAN;
	fprintf(to_python, "%s %zu\n", what, number);
	if (fflush(to_python) == 0 && fscanf(from_python, "%lf", &took) == 1)
		return took;
	to_python = NULL;
	fprintf(stderr, "bench: no python3 that answers: skipped its column\n");
	return NAN;
}

/* --- the table --------------------------------------------------------- */

/* Events of 64 bytes, one after the other, into memory that is there. */
static void record_events(void)
{
	atomic_store(&run()->asked, 0);
	for (int i = 0; i < EVENTS; i++)
		mark("event");
}

static const struct row {
	const char *name;
	void (*ours)(void);
	void (*bare)(void);  /* NULL: there is nothing to compare with */
	const char *cpython; /* what bench.py is asked, or NULL */
	size_t memory;	     /* bytes touched in the parent */
	const char *unit;
	double scale; /* what a second is in that unit, for each call */
} rows[] = {
	{ "start-join-fork", ours_fork, bare_fork, "fork", 0, "us", 1e6 },
	{ "start-join-spawn", ours_spawn, bare_spawn, "spawn", 0, "us", 1e6 },
	{ "start-join-fork-1GiB", ours_fork, bare_fork, "fork", GIB, "us",
	  1e6 },
	{ "start-join-spawn-1GiB", ours_spawn, bare_spawn, "spawn", GIB, "us",
	  1e6 },
	{ "timeline-event", record_events, NULL, NULL, 0, "ns", 1e9 / EVENTS },
};

static void keep_least(double *least, double took)
{
	if (isnan(*least) || took < *least)
		*least = took;
}

static double time_of(void (*call)(void))
{
	double began = monotonic_now();

	call();
	return monotonic_now() - began;
}

struct result {
	double ours, bare, cpython; /* seconds; NAN: not measured */
};

/* The three in turn until the time is up, CPython for half of it at most. */
static struct result measure(const struct row *row)
{
	struct result least = { NAN, NAN, NAN };
	double began = monotonic_now(), python_time = 0;

	do {
		keep_least(&least.ours, time_of(row->ours));
		if (row->bare != NULL)
			keep_least(&least.bare, time_of(row->bare));
		if (row->cpython != NULL &&
		    python_time <= (monotonic_now() - began) / 2) {
			double asked = monotonic_now();

			keep_least(&least.cpython, ask_python(row->cpython, 0));
			python_time += monotonic_now() - asked;
		}
	} while (monotonic_now() - began < seconds);
	return least;
}

/* A number with so many decimals, or nothing where it was not measured. */
static const char *figure(double number, char text[32])
{
	text[0] = '\0';
	if (!isnan(number))
		snprintf(text, 32, "%.1f", number);
	return text;
}

static void print_row(const struct row *row, const struct result *it, FILE *tsv)
{
	double scale = row->scale;
	char ours[32], bare[32], python[32], ratio[32] = "", times[32] = "";

	figure(it->ours * scale, ours);
	figure(it->bare * scale, bare);
	figure(it->cpython * scale, python);
	if (!isnan(it->bare))
		snprintf(ratio, sizeof(ratio), "%.2f", it->ours / it->bare);
	if (!isnan(it->cpython))
		snprintf(times, sizeof(times), "%.0f", it->cpython / it->ours);
	printf("%-24s %-4s %10s %10s %10s %10s %12s\n", row->name, row->unit,
	       ours, bare, python, ratio, times);
	fflush(stdout);
	if (fprintf(tsv, "%s\t%s\t%s\t%s\t%s\n", row->name, row->unit, ours,
		    bare, python) < 0)
		fail("the tsv");
}

static void print_notes(void)
{
	printf("\nThe minimum of interleaved runs.\n"
	       "bare, fork: fork + _exit + waitpid with the same two flushes "
	       "of stdio.\n"
	       "bare, spawn: posix_spawn + waitpid of a program of the same "
	       "size, which ends.\n"
	       "1GiB: the parent has touched so much, in small pages; so has "
	       "CPython's.\n"
	       "timeline-event: one event of the timeline, 64 bytes.\n");
}

/* The folder of this program. */
static char *beside(const char *name)
{
	static char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%.*s/%s",
		 (int)(strrchr(program, '/') - program), program, name);
	return path;
}

static void play(FILE *tsv)
{
	fprintf(tsv, "row\tunit\tours\tbare\tcpython\n");
	printf("%-24s %-4s %10s %10s %10s %10s %12s\n", "row", "unit", "ours",
	       "bare", "cpython", "ours/bare", "cpython/ours");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *memory = touch_memory(rows[i].memory);
		struct result result;

		ask_python("touch", rows[i].memory);
		result = measure(&rows[i]);
		print_row(&rows[i], &result, tsv);
		ask_python("touch", 0);
		free_memory(memory, rows[i].memory);
	}
	print_notes();
}

int main(int argc, char *argv[])
{
	static char path[PATH_MAX];
	const struct option_row options[] = { { "seconds", OPTION_SECONDS,
						&seconds, 0.01, 600,
						.help = "for each row" },
					      { 0 } };
	FILE *tsv;

	if (strcmp(argv[0], END_AT_ONCE) == 0)
		_exit(0); /* the bare spawn's child */
	mp_guard(argc, argv);
	if (options_parse(argc, argv, options, NULL) < argc)
		usage_error("'%s' is no option", argv[optind]);
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		fail("/proc/self/exe");
	program = path;
	signal(SIGPIPE, SIG_IGN);

	tsv = fopen(beside("bench.tsv"), "we");
	if (tsv == NULL)
		fail("bench.tsv");
	if (run_begin(EVENTS + 1) < 0)
		fail("the timeline");
	start_python();
	play(tsv);
	if (fclose(tsv) != 0 || fflush(stdout) != 0)
		fail("writing the table");
	return 0;
}
