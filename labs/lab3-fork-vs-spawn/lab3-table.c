/*
 * lab3-table.c - fork and spawn, all of it on one screen
 *
 * The scene `table` of lab 3. One child by each method looks at itself and
 * reports; every cell is what it saw, or was measured in this run.
 */
#include "lab3.h"

#include "stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LABEL	 18 /* columns of the first column */
#define COLUMNS	 80 /* of the screen */
#define CELL	 40 /* bytes of a cell, more than are shown */
#define MIB	 (1 << 20)
#define MOVED_TO 100

/* What a child is handed. */
struct question {
	int answers; /* descriptor to report to */
	int handed;  /* an open file that it is handed */
	int other;   /* one that it is not */
};

/* What it saw of itself. */
struct answer {
	pid_t pid, parent, main_ran_in;
	void *main_address;
	int above, below;
	bool other_open, has_stream;
	size_t pending; /* bytes in the parent's FILE */
	int threads;
	char argv[64];
};

/* A FILE with text in it, and a thread: things that one process has. */
static FILE *stream;

static int count_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int count = 0;

	while (tasks != NULL && readdir(tasks) != NULL)
		count++;
	if (tasks != NULL)
		closedir(tasks);
	return count - 2; /* "." and ".." */
}

/* The words of this process's command line, without the program's folder. */
static void read_argv(char *text, size_t room)
{
	char line[512] = "";
	int fd = check(open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC));
	ssize_t size = check(read(fd, line, sizeof(line) - 1));
	char *first = strrchr(line, '/');

	close(fd);
	first = first == NULL ? line : first + 1;
	for (char *c = first; c + 1 < line + size; c++)
		if (*c == '\0')
			*c = ' ';
	snprintf(text, room, "%.*s", (int)room - 1, first);
}

/* region: look-around */
int look_around(const void *args, size_t size)
{
	const struct question *it = args;
	struct answer saw = {
		.pid = getpid(),
		.parent = getppid(),
		.main_ran_in = main_ran_in,
		.main_address = (void *)main,
		.above = above_the_guard,
		.below = below_the_guard,
		.other_open = fcntl(it->other, F_GETFD) >= 0,
		.has_stream = stream != NULL,
		.pending = stream == NULL ? 0 : __fpending(stream),
		.threads = count_threads(),
	};

	(void)size;
	check(lseek(it->handed, MOVED_TO, SEEK_SET));
	read_argv(saw.argv, sizeof(saw.argv));
	report(it->answers, &saw, sizeof(saw));
	return 0;
}
/* endregion */

/* --- what is measured -------------------------------------------------- */

static int do_nothing(const void *args, size_t size);

int end_at_once(const void *args, size_t size)
{
	return do_nothing(args, size);
}

static int do_nothing(const void *args, size_t size)
{
	(void)args;
	return (int)size;
}

static void start_and_join(enum mp_method method)
{
	struct mp_process p = { .target = end_at_once, .method = method };

	check(mp_process_start(&p));
	check(mp_process_join(&p, -1));
}

static void by_fork(void)
{
	start_and_join(MP_FORK);
}

static void by_spawn(void)
{
	start_and_join(MP_SPAWN);
}

static const struct {
	const char *name;
	enum mp_method method;
	void (*start_and_join)(void);
} methods[] = { { "fork", MP_FORK, by_fork }, { "spawn", MP_SPAWN, by_spawn } };

#define METHODS (sizeof(methods) / sizeof(methods[0]))

/* One column: all that is known of a method. */
struct column {
	struct answer saw;
	off_t offset;	     /* of the handed file, in the parent afterwards */
	double small, large; /* seconds to start and join */
};

static void fill(struct column *column, int which, size_t large)
{
	int handed = check(memfd_create("handed", MFD_CLOEXEC));
	int other = check(memfd_create("other", MFD_CLOEXEC));
	struct question question = { -1, handed, other };
	void *memory;

	ask(methods[which].method, look_around, &question, sizeof(question),
	    handed, &column->saw, sizeof(column->saw));
	column->offset = check(lseek(handed, 0, SEEK_CUR));
	close(handed);
	close(other);

	column->small = fastest(methods[which].start_and_join);
	memory = touch_memory(large);
	column->large = fastest(methods[which].start_and_join);
	free_memory(memory, large);
}

/* --- what is shown ----------------------------------------------------- */

static void show_row(const char *label, char cell[METHODS][CELL])
{
	int width = (COLUMNS - LABEL) / (int)METHODS;
	char line[COLUMNS + 1];
	int at = snprintf(line, sizeof(line), "%-*s", LABEL, label);

	for (size_t i = 0; i < METHODS; i++)
		at += snprintf(line + at, sizeof(line) - at, "%-*.*s", width,
			       width - 1, cell[i]);
	while (at > 0 && line[at - 1] == ' ')
		at--;
	show("%.*s", at, line);
}

/* One row: a label, and a format with its values for each column. */
#define ROW(label, ...)                                        \
	do {                                                   \
		char cell[METHODS][CELL];                      \
                                                               \
		for (size_t i = 0; i < METHODS; i++) {         \
			const struct column *it = &columns[i]; \
			const struct answer *saw = &it->saw;   \
                                                               \
			(void)saw;                             \
			snprintf(cell[i], CELL, __VA_ARGS__);  \
		}                                              \
		show_row(label, cell);                         \
	} while (0)

static void show_table(const struct column columns[METHODS], size_t large)
{
	char label[LABEL + 8];

	ROW("", "%s", methods[i].name);
	ROW("pid, its parent", "%d, %s", saw->pid,
	    saw->parent == getpid() ? "this lab" : "another");
	ROW("main() ran in", "%s",
	    saw->main_ran_in == getpid()   ? "this lab: a copy of it"
	    : saw->main_ran_in == saw->pid ? "the child: a new image"
					   : "another");
	ROW("argv", "%.30s", saw->argv);
	ROW("address of main", "%p%s", saw->main_address,
	    saw->main_address == (void *)main ? ", as here" : "");
	ROW("guard variables", "%d above, %d below", saw->above, saw->below);
	ROW("file handed over", "open; offset %s",
	    it->offset == MOVED_TO ? "moved here too" : "not moved here");
	ROW("another file", "%s", saw->other_open ? "open" : "closed");
	ROW("text in a FILE", "%s",
	    !saw->has_stream	? "no such FILE"
	    : saw->pending == 0 ? "none: flushed before"
				: "a copy of it");
	snprintf(label, sizeof(label), "threads, here %d", count_threads());
	ROW(label, "%d", saw->threads);
	ROW("start, small", "%.2f ms", it->small * 1000);
	snprintf(label, sizeof(label), "start, %zu MiB", large / MIB);
	ROW(label, "%.2f ms", it->large * 1000);
}

static void *wait_to_be_told(void *end_of_pipe)
{
	char byte;

	hear(*(int *)end_of_pipe, &byte, 1);
	return NULL;
}

/* region: table */
void play_table(void)
{
	struct column columns[METHODS], *fork = &columns[0],
					*spawn = &columns[1];
	struct gate gate;
	pthread_t thread;
	size_t large = affordable(max_rss);
	int file = check(memfd_create("text", MFD_CLOEXEC));

	stream = fdopen(file, "w");
	fputs("text that waits in a buffer", stream);
	gate_make(&gate);
	pthread_create(&thread, NULL, wait_to_be_told, &gate.in);
	for (size_t i = 0; i < METHODS; i++)
		fill(&columns[i], i, large);
	show_table(columns, large);

	conclude(fork->saw.main_ran_in == getpid() && fork->saw.below == 42 &&
			 fork->saw.other_open && fork->saw.threads == 1,
		 "a forked child is a copy of the parent, but for its threads");
	conclude(spawn->saw.main_ran_in == spawn->saw.pid &&
			 spawn->saw.below == 0 && !spawn->saw.other_open &&
			 spawn->offset == MOVED_TO,
		 "a spawned one has what it runs again, and what it is handed");
	if (is_large(large))
		conclude(fork->large >= 3 * spawn->large,
			 "fork follows the parent's size, spawn does not");
	gate_open(&gate);
	pthread_join(thread, NULL);
	gate_close(&gate);
	fclose(stream);
	stream = NULL;
}
/* endregion */
