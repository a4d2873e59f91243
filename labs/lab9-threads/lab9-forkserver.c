/*
 * lab9-forkserver.c - who forks, if not we
 *
 * The scene `forkserver` of lab 9. Three processes: the lab, which gets a thread
 * and much memory; a helper, forked before that, which forks when it is asked
 * to; its children. Beside it the same by mp/forkserver, whose server is this
 * program once more instead of a fork, and runs whatever it is told the name of.
 */
#include "lab9.h"

#include "cpus.h"
#include "forkserver.h"
#include "io.h"
#include "process.h"
#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1 << 20)

/* What a child sees of itself. */
struct sight {
	pid_t parent;
	int threads;
	int mutex; /* as take() */
};

/* What every child runs: reports to a descriptor, or to -1 nothing. */
int look_around(const void *args, size_t size)
{
	int answers = *(const int *)args;
	struct sight saw = { .parent = getppid() };

	(void)size;
	if (answers < 0)
		return 0;
	alarm(PATIENCE); /* the end of it, should it hang */
	saw.threads = count_threads();
	saw.mutex = take(&mutex, 0);
	report(answers, &saw, sizeof(saw));
	return 0;
}

static void by_fork(int answers)
{
	pid_t pid = check(fork());

	if (pid == 0)
		_exit(look_around(&answers, sizeof(answers)));
	check(waitpid(pid, NULL, 0));
}

/* region: helper */
/* The helper: forks for each request, and sends the status back. */
static _Noreturn void help(int socket)
{
	int answers, status;
	pid_t pid;

	while (read_full(socket, &answers, sizeof(answers)) ==
	       sizeof(answers)) {
		switch (pid = check(fork())) {
		case 0:
			_exit(look_around(&answers, sizeof(answers)));
		}
		check(waitpid(pid, &status, 0));
		check(write_full(socket, &status, sizeof(status)));
	}
	_exit(0); /* nobody is left who could ask */
}

static int helper; /* our end of the socket */

static pid_t start_helper(void)
{
	struct timeval patience = { .tv_sec = PATIENCE };
	int end[2];
	pid_t pid;

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end));
	switch (pid = check(fork())) {
	case 0:
		close(end[0]); /* or it would never see our end */
		help(end[1]);
	}
	close(end[1]); /* or we would never see its end */
	helper = end[0];
	check(setsockopt(helper, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience)));
	return pid;
}

static void by_helper(int answers)
{
	int status;

	check(write_full(helper, &answers, sizeof(answers)));
	if (check(read_full(helper, &status, sizeof(status))) == 0)
		die("the helper has ended");
}
/* endregion */

/* region: by-module */
static struct mp_forkserver server;

static void by_server(int answers)
{
	struct mp_process p = { .target = look_around,
				MP_ARGS(answers),
				MP_KEEP(answers) };

	p.keep_count = answers >= 0;
	check(mp_forkserver_start(&server, &p));
	check(mp_forkserver_join(&p, PATIENCE));
}
/* endregion */

/* --- what is measured and shown ---------------------------------------- */

enum { FORK, HELPER, SERVER, WAYS };

static const struct {
	const char *name;
	void (*start_and_join)(int answers);
} ways[WAYS] = {
	[FORK] = { "fork here", by_fork },
	[HELPER] = { "helper, by hand", by_helper },
	[SERVER] = { "mp_forkserver", by_server },
};

static void start_and_join(int way)
{
	ways[way].start_and_join(-1);
}

struct column {
	struct sight saw;
	double small, large; /* seconds */
};

static void measure(struct column column[WAYS], size_t large)
{
	double least[WAYS];
	void *memory;

	fastest(start_and_join, WAYS, least);
	for (int way = 0; way < WAYS; way++)
		column[way].small = least[way];
	memory = touch_memory(large);
	fastest(start_and_join, WAYS, least);
	for (int way = 0; way < WAYS; way++)
		column[way].large = least[way];
	free_memory(memory, large);
}

static const char *relation(pid_t pid, const pid_t parent[WAYS])
{
	static const char *const names[] = { "this lab", "the helper",
					     "the server" };

	for (int way = 0; way < WAYS; way++)
		if (pid == parent[way])
			return names[way];
	return "another";
}

#define ROW(label, format, ...)                                              \
	do {                                                                 \
		char cell[WAYS][24];                                         \
                                                                             \
		for (int i = 0; i < WAYS; i++) {                             \
			const struct column *it = &column[i];                \
                                                                             \
			snprintf(cell[i], sizeof(cell[i]), format,           \
				 __VA_ARGS__);                               \
		}                                                            \
		show("%-20s%-20s%-20s%s", label, cell[0], cell[1], cell[2]); \
	} while (0)

static void show_table(const struct column column[WAYS],
		       const pid_t parent[WAYS], size_t large)
{
	char label[32];

	show("%-20s%-20s%-20s%s", "a child by", ways[FORK].name,
	     ways[HELPER].name, ways[SERVER].name);
	ROW("its parent", "%s", relation(it->saw.parent, parent));
	snprintf(label, sizeof(label), "threads, here %d", count_threads());
	ROW(label, "%d", it->saw.threads);
	ROW("the mutex", "%s", word(it->saw.mutex));
	ROW("start, small", "%.2f ms", it->small * 1000);
	snprintf(label, sizeof(label), "start, %zu MiB", large / MIB);
	ROW(label, "%.2f ms", it->large * 1000);
}

static double growth(const struct column *it)
{
	return it->large - it->small;
}

/* region: forkserver */
static bool is_clean(const struct sight *saw, pid_t parent)
{
	return saw->parent == parent && saw->threads == 1 && saw->mutex == 0;
}

void play_forkserver(void)
{
	struct column column[WAYS];
	size_t large = affordable(max_rss);
	struct holder holder;
	struct gate answers;
	pid_t parent[WAYS] = { [FORK] = getpid() };
	cpu_set_t cpus = stay_on_one_cpu(); /* the servers, too */

	gate_make(&answers);
	parent[HELPER] = start_helper(); /* early: no thread, no memory */
	check(mp_forkserver_open(&server));
	parent[SERVER] = server.process.pid;
	holder_start(&holder); /* from now on we have both */
	for (int way = 0; way < WAYS; way++) {
		ways[way].start_and_join(answers.out);
		hear(answers.in, &column[way].saw, sizeof(column[way].saw));
	}
	measure(column, large);
	use_cpus(&cpus);
	show_table(column, parent, large);
	holder_end(&holder);
	close(helper); /* so it ends */
	check(waitpid(parent[HELPER], NULL, 0));
	check(mp_forkserver_close(&server, PATIENCE));
	gate_close(&answers);

	conclude(column[FORK].saw.mutex == ETIMEDOUT &&
			 is_clean(&column[HELPER].saw, parent[HELPER]),
		 "the helper's child: one thread, a free mutex");
	conclude(is_clean(&column[SERVER].saw, parent[SERVER]),
		 "mp_forkserver's, too, and it is told its function's name");
	if (is_large(large))
		conclude(growth(&column[FORK]) > column[FORK].small &&
				 growth(&column[FORK]) >=
					 3 * growth(&column[HELPER]) &&
				 growth(&column[FORK]) >=
					 3 * growth(&column[SERVER]),
			 "fork's cost follows our size, theirs does not");
	else
		show("%zu MiB are too few to tell the rest: --max-rss, memory",
		     large / MIB);
}
/* endregion */
