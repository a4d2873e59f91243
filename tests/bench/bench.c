/*
 * bench.c - mp against the bare system calls and against CPython, in one run
 *
 * Usage: build/bench [--seconds=SECONDS] [ROW]...
 *
 * For each row the three take turns, so that whatever else the machine does
 * meets all of them; the minimum of each counts. CPython runs in a process of
 * its own (bench.py), which is asked through a pipe and times itself. Without
 * python3 its column stays empty.
 */
#include "bench.h"
#include "cpus.h"
#include "deadline.h"
#include "options.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds = 2; /* a row */
static pid_t partners[32]; /* started by hand, not joined yet */
static int partner_count;
char *program;

void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

void start_partner(void (*part)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		part();
		_exit(0);
	}
	partners[partner_count++] = pid;
}

void join_partners(void)
{
	while (partner_count > 0)
		if (waitpid(partners[--partner_count], NULL, 0) < 0)
			fail("waitpid");
}

static cpu_set_t all_cpus;

void pin(void)
{
	all_cpus = stay_on_one_cpu();
}

void unpin(void)
{
	use_cpus(&all_cpus);
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

/* What one operation took CPython, in seconds; NAN without one. */
static double ask_python(const char *what)
{
	double took;

	if (to_python == NULL)
		return NAN;
	fprintf(to_python, "%s\n", what);
	if (fflush(to_python) == 0 && fscanf(from_python, "%lf", &took) == 1)
		return took;
	to_python = NULL;
	fprintf(stderr, "bench: no python3 that answers: skipped its column\n");
	return NAN;
}

/* --- the table --------------------------------------------------------- */

static const struct row *const tables[] = { process_rows,    stage_rows,
					    connection_rows, lock_rows,
					    queue_rows,	     pool_rows,
					    socket_rows };

static void keep_least(double *least, double took)
{
	if (isnan(*least) || took < *least)
		*least = took;
}

static double time_of(void (*call)(void), size_t count)
{
	double began = monotonic_now();

	call();
	return (monotonic_now() - began) / count;
}

struct result { /* seconds for one operation; NAN: not measured */
	double ours, bare, cpython;
};

/* The three in turn until the time is up, CPython for half of it at most. */
static struct result measure(const struct row *row)
{
	struct result least = { NAN, NAN, NAN };
	double began = monotonic_now(), python_time = 0;

	do {
		keep_least(&least.ours, time_of(row->ours, row->count));
		if (row->bare != NULL)
			keep_least(&least.bare, time_of(row->bare, row->count));
		if (row->cpython &&
		    python_time <= (monotonic_now() - began) / 2) {
			double asked = monotonic_now();

			keep_least(&least.cpython, ask_python(row->name));
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
		snprintf(text, 32, number < 10 ? "%.2f" : "%.1f", number);
	return text;
}

static double in_unit(const struct row *row, double seconds)
{
	return row->scale < 0 ? -row->scale / seconds : seconds * row->scale;
}

static void print_row(const struct row *row, const struct result *it, FILE *tsv)
{
	char ours[32], bare[32], python[32], ratio[32] = "", times[32] = "";

	figure(in_unit(row, it->ours), ours);
	figure(in_unit(row, it->bare), bare);
	figure(in_unit(row, it->cpython), python);
	if (!isnan(it->bare))
		snprintf(ratio, sizeof(ratio), "%.2f", it->ours / it->bare);
	if (!isnan(it->cpython))
		snprintf(times, sizeof(times), "%.0f", it->cpython / it->ours);
	printf("%-28s %-4s %10s %10s %10s %10s %12s\n", row->name, row->unit,
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
	       "timeline-event: one event of the timeline, 64 bytes, into "
	       "memory that is there.\n"
	       "connection, bare: the same frames by write and read; round "
	       "trips with both\nends pinned to one CPU, by two pipes or two "
	       "socketpairs.\n"
	       "lock, bare: a robust, process-shared mutex; contended: with "
	       "one other process.\n"
	       "increment: of one number that processes share; cpython: "
	       "Value with its lock,\na Manager's Value.\n"
	       "queue, bare: frames through a pipe; 4to4: with a mutex around "
	       "each frame's reads.\n"
	       "queue-1MiB, bare: memcpy over blocks of 64 MiB, a MiB of it; "
	       "the queue has 2 MiB.\n"
	       "pool: with 4 workers, of 64-bit integers; speedup: how many "
	       "times faster than one\nworker's loop, with 100 us of work an "
	       "item; bare: by as many forked loops.\n"
	       "socket, bare: the same frames, the same handshake, by "
	       "blocking calls; all on one CPU.\nconnect-auth: connect, "
	       "handshake, one round trip, close.\n"
	       "pass-64MiB: a descriptor, mapped there; bare: the same "
	       "64 MiB by their bytes.\n");
}

char *beside(const char *name)
{
	static char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%.*s/%s",
		 (int)(strrchr(program, '/') - program), program, name);
	return path;
}

/* Was it named, or was none? */
static bool is_wanted(const char *name, char *const wanted[])
{
	bool any = wanted[0] != NULL;

	for (; *wanted != NULL; wanted++)
		if (strcmp(name, *wanted) == 0)
			return true;
	return !any;
}

static bool is_row(const char *name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct row *it = tables[i]; it->name != NULL; it++)
			if (strcmp(it->name, name) == 0)
				return true;
	return false;
}

static void play_rows(const struct row *row, char *const wanted[], FILE *tsv)
{
	for (; row->name != NULL; row++) {
		struct result result;

		if (!is_wanted(row->name, wanted))
			continue;
		if (row->begin != NULL)
			row->begin();
		result = measure(row);
		print_row(row, &result, tsv);
		ask_python("end");
		if (row->end != NULL)
			row->end();
	}
}

static void play(char *const wanted[], FILE *tsv)
{
	fprintf(tsv, "row\tunit\tours\tbare\tcpython\n");
	printf("%-28s %-4s %10s %10s %10s %10s %12s\n", "row", "unit", "ours",
	       "bare", "cpython", "ours/bare", "cpython/ours");
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		play_rows(tables[i], wanted, tsv);
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
	int first;

	if (strcmp(argv[0], END_AT_ONCE) == 0)
		_exit(0); /* the bare spawn's child */
	mp_guard(argc, argv);
	first = options_parse(argc, argv, options, NULL);
	for (char **it = argv + first; *it != NULL; it++)
		if (!is_row(*it))
			usage_error("'%s' is no row of the table", *it);
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		fail("/proc/self/exe");
	program = path;
	signal(SIGPIPE, SIG_IGN);

	tsv = fopen(beside("bench.tsv"), "we");
	if (tsv == NULL)
		fail("bench.tsv");
	start_python();
	play(argv + first, tsv);
	if (fclose(tsv) != 0 || fflush(stdout) != 0)
		fail("writing the table");
	return 0;
}
