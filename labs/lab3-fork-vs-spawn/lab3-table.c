/*
 * lab3-table.c - fork, spawn and forkserver, all of it on one screen
 *
 * The scene `table` of lab 3. One child by each method looks at itself and
 * reports; every cell is what it saw, or was measured in this run.
 */
#include "lab3.h"

#include "cpus.h"
#include "forkserver.h"
#include "stage.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LABEL	 17 /* columns of the first column */
#define COLUMNS	 80 /* of the screen */
#define CELL	 40 /* bytes of a cell, more than are shown */
#define MIB	 (1 << 20)
#define LEFT_AT	 77 /* the offset of a file that no child is handed */
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
		/* Its number may be another file's here. */
		.other_open = lseek(it->other, 0, SEEK_CUR) == LEFT_AT,
		.has_stream = stream != NULL,
		.pending = stream == NULL ? 0 : __fpending(stream),
		.threads = count_threads(),
	};

	(void)size;
	span_begin("looks around");
	check(lseek(it->handed, MOVED_TO, SEEK_SET));
	read_argv(saw.argv, sizeof(saw.argv));
	span_end();
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

static struct mp_forkserver server;

static int start_by_server(struct mp_process *process)
{
	return mp_forkserver_start(&server, process);
}

static const struct {
	const char *name;
	enum mp_method method;
	int (*start)(struct mp_process *process);
	int (*join)(struct mp_process *process, double timeout);
} methods[] = {
	{ "fork", MP_FORK, mp_process_start, mp_process_join },
	{ "spawn", MP_SPAWN, mp_process_start, mp_process_join },
	{ "forkserver", MP_FORK, start_by_server, mp_forkserver_join },
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

static void start_and_join(int which)
{
	struct mp_process p = { .target = end_at_once,
				.method = methods[which].method };

	check(methods[which].start(&p));
	check(methods[which].join(&p, -1));
}

/* One column: all that is known of a method. */
struct column {
	struct answer saw;
	off_t offset;	     /* of the handed file, in the parent afterwards */
	double small, large; /* seconds to start and join */
};

static void look(struct column *column, size_t which)
{
	int handed = check(memfd_create("handed", MFD_CLOEXEC));
	int other = check(memfd_create("other", MFD_CLOEXEC));
	struct gate answers;

	check(lseek(other, LEFT_AT, SEEK_SET));
	gate_make(&answers);

	struct question question = { answers.out, handed, other };
	struct mp_process p = { .target = look_around,
				MP_ARGS(question),
				.method = methods[which].method,
				MP_KEEP(answers.out, handed) };

	span_begin(methods[which].name);
	check(methods[which].start(&p));
	arrow_start(p.pid);
	span_end();
	close(answers.out); /* or we would wait for ever for a dead child */
	hear(answers.in, &column->saw, sizeof(column->saw));
	span_begin("join");
	check(methods[which].join(&p, -1));
	arrow_join(p.pid);
	span_end();
	column->offset = check(lseek(handed, 0, SEEK_CUR));
	close(answers.in);
	close(handed);
	close(other);
}

/* The methods take turns, in a small parent and then in a large one. */
static void measure(struct column columns[METHODS], size_t large)
{
	double least[METHODS];
	void *memory;

	fastest(start_and_join, METHODS, least);
	for (size_t i = 0; i < METHODS; i++)
		columns[i].small = least[i];
	memory = touch_memory(large);
	fastest(start_and_join, METHODS, least);
	for (size_t i = 0; i < METHODS; i++)
		columns[i].large = least[i];
	free_memory(memory, large);
}

/* --- what is shown ----------------------------------------------------- */

static void show_row(const char *label, char cell[METHODS][CELL])
{
	int width = (COLUMNS - LABEL) / (int)METHODS;
	char line[COLUMNS + 1];
	int at = snprintf(line, sizeof(line), "%-*s", LABEL, label);

	for (size_t i = 0; i < METHODS; i++) {
		if (strlen(cell[i]) >= (size_t)width) /* is to be cut */
			strcpy(cell[i] + width - 3, "..");
		at += snprintf(line + at, sizeof(line) - at, "%-*s", width,
			       cell[i]);
	}
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

static void show_table(const struct column columns[METHODS], int threads,
		       size_t large)
{
	char label[LABEL + 16];

	ROW("", "%s", methods[i].name);
	ROW("pid, its parent", "%d, %s", saw->pid,
	    saw->parent == getpid()		? "this lab"
	    : saw->parent == server.process.pid ? "the server"
						: "another");
	ROW("main() ran in", "%s",
	    saw->main_ran_in == getpid()	     ? "this lab, copied"
	    : saw->main_ran_in == saw->pid	     ? "the child: new"
	    : saw->main_ran_in == server.process.pid ? "the server, copied"
						     : "another");
	ROW("argv", "%.30s", saw->argv);
	ROW("address of main", "%s%p",
	    saw->main_address == (void *)main ? "same " : "",
	    saw->main_address);
	ROW("guard variables", "%d above, %d below", saw->above, saw->below);
	ROW("file handed over", "open, offset %s",
	    it->offset == MOVED_TO ? "shared" : "its own");
	ROW("another file", "%s", saw->other_open ? "open" : "closed");
	ROW("text in a FILE", "%s",
	    !saw->has_stream	? "no such FILE"
	    : saw->pending == 0 ? "none: flushed before"
				: "a copy of it");
	snprintf(label, sizeof(label), "threads, here %d", threads);
	ROW(label, "%d", saw->threads);
	ROW("start, small", "%.2f ms", it->small * 1000);
	if (large == 0)
		return;
	snprintf(label, sizeof(label), "start, %zu MiB", large / MIB);
	ROW(label, "%.2f ms", it->large * 1000);
}

static void *wait_to_be_told(void *end_of_pipe)
{
	char byte;

	speak_as("thread");
	hear(*(int *)end_of_pipe, &byte, 1);
	return NULL;
}

static double growth(const struct column *it)
{
	return it->large - it->small;
}

/* region: table */
/* threads: of this process, when the children were started. */
static void conclude_from(const struct column columns[METHODS], int threads,
			  size_t large)
{
	const struct column *fork = &columns[0], *spawn = &columns[1],
			    *served = &columns[2];

	conclude(fork->saw.main_ran_in == getpid() && fork->saw.below == 42 &&
			 fork->saw.other_open && threads == 2 &&
			 fork->saw.threads == 1,
		 "a forked child is a copy of the parent, but for its threads");
	conclude(spawn->saw.main_ran_in == spawn->saw.pid &&
			 spawn->saw.below == 0 && !spawn->saw.other_open &&
			 spawn->offset == MOVED_TO,
		 "a spawned one has what it runs again, and what it is handed");
	conclude(served->saw.main_ran_in == server.process.pid &&
			 served->saw.parent == server.process.pid &&
			 served->saw.below == 0 && !served->saw.other_open &&
			 served->offset == MOVED_TO && served->saw.threads == 1,
		 "a forkserver's child is a copy of the server, not of us");
	if (is_large(large))
		conclude(growth(fork) > fork->small &&
				 growth(fork) >= 3 * growth(spawn) &&
				 growth(fork) >= 3 * growth(served),
			 "fork follows the parent's size, the others do not");
	else
		show("%zu MiB are too few to tell the rest: --max-rss, memory",
		     large / MIB);
}

void play_table(void)
{
	struct column columns[METHODS];
	struct gate gate;
	pthread_t thread;
	size_t large = affordable(max_rss);
	int threads, file = check(memfd_create("text", MFD_CLOEXEC));
	struct record record = record_start();
	cpu_set_t cpus = stay_on_one_cpu(); /* the server, too */

	check(mp_forkserver_open(&server)); /* early: no thread, no memory */
	stream = fdopen(file, "w");
	fputs("text that waits in a buffer", stream);
	gate_make(&gate);
	check_pthread(pthread_create(&thread, NULL, wait_to_be_told, &gate.in));
	threads = count_threads();
	for (size_t i = 0; i < METHODS; i++)
		look(&columns[i], i);
	record_stop(&record); /* what is measured would fill the picture */
	keep_picture(&record);
	measure(columns, large);
	use_cpus(&cpus);
	show_table(columns, threads, large);
	conclude_from(columns, threads, large);
	gate_open(&gate);
	pthread_join(thread, NULL);
	gate_close(&gate);
	check(mp_forkserver_close(&server, -1));
	fclose(stream);
	stream = NULL;
}
/* endregion */
