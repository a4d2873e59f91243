/*
 * lab2.c - starting, joining and ending processes
 *
 * Usage: build/lab2 [OPTION]... [SCENE]...     (--help names them)
 *
 * The lab is the parent. It starts children by mp_process_start() and watches
 * what the system says of them. Gates (see gate.h) force the order of things,
 * so that no scene depends on who is faster. The scenes on what becomes of a
 * child whose parent does not join it are in lab2-unjoined.c.
 */
#include "lab2.h"

#include "process.h"
#include "stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static double timeout = 0.05; /* --timeout */

/* --- program ----------------------------------------------------------- */

/* region: hello */
int hello(const void *args, size_t size)
{
	const char *name = args;

	(void)size; /* the final 0 came along */
	printf("hello %s\n", name);
	return 0;
}
/* endregion */

/* region: program */
static void play_program(void)
{
	struct mp_process p = {
		.target = hello,
		MP_ARGS("bob"),
	};

	check(mp_process_start(&p));
	check(mp_process_join(&p, -1));
	if (p.status != 0)
		exit(1); /* told why */
}
/* endregion */

/* --- by-hand ----------------------------------------------------------- */

/* region: by-hand */
static void play_by_hand(void)
{
	int end[2], heard[2]; /* from the child: fork()'s answer, its pid */
	int status = 0;
	pid_t pid, joined;

	check(pipe(end));
	switch (pid = check(fork())) { /* start: one call, two returns */
	case 0:
		speak_as("child");
		say("fork() returned %d to me; I am %d", pid, getpid());
		report(end[1], (int[]){ pid, getpid() }, sizeof(heard));
		_exit(7);
	}
	close(end[1]); /* or we would wait for ever for a dead child */
	hear(end[0], heard, sizeof(heard));
	close(end[0]);
	joined = waitpid(pid, &status, 0); /* join */

	say("fork() returned %d to me; I am %d", pid, getpid());
	say("waitpid() returned %d, status word 0x%04x", joined, status);
	conclude(heard[0] == 0 && heard[1] == pid,
		 "start is fork: it returned twice, with 0 and with a new pid");
	conclude(joined == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7,
		 "join is waitpid: it gave that pid and the exit status, 7");
}
/* endregion */

/* --- join -------------------------------------------------------------- */

struct work {
	struct gate ready, go;
};

/* region: join-child */
static int work_until_told(const void *args, size_t size)
{
	struct work work = *(const struct work *)args;

	(void)size;
	span_begin("works");
	say("working until I am told to stop");
	gate_open(&work.ready);
	gate_wait(&work.go);
	sleep_for(timeout); /* tidy up, while the parent waits */
	say("told to; ending with 3");
	span_end();
	return 3;
}
/* endregion */

/* region: join */
/* One join with its answer, as a line. Its answer as for mp_process_join(). */
static int try_join(struct mp_process *p, double seconds)
{
	double began = monotonic_now();
	int answer = join_process(p, seconds);
	int error = errno;

	say("join(%g): %s after %.3f s", seconds,
	    answer == 0		 ? "0, it has ended,"
	    : error == ETIMEDOUT ? "ETIMEDOUT"
				 : strerror(error),
	    monotonic_now() - began);
	errno = error;
	return answer;
}

static void play_join(void)
{
	struct work work;
	struct record record = record_start();
	struct mp_process p = { .target = work_until_told, MP_ARGS(work) };
	bool elapsed, patient, alive, waited;
	double began;

	gate_make(&work.ready);
	gate_make(&work.go);
	check(start_process(&p));
	gate_wait(&work.ready);

	elapsed = try_join(&p, 0) < 0 && errno == ETIMEDOUT;
	began = monotonic_now();
	elapsed = try_join(&p, timeout) < 0 && errno == ETIMEDOUT && elapsed;
	patient = monotonic_now() - began >= timeout;
	alive = mp_process_is_alive(&p) == 1;
	say("is_alive: %s", alive ? "yes" : "no");

	gate_open(&work.go);
	waited = try_join(&p, -1) == 0 && mp_process_exitcode(&p) == 3;
	span_begin("goes on");
	span_end();
	record_stop(&record);
	show_chart(&record);
	conclude(elapsed && patient && alive,
		 "a join that gave up was not early, and the child went on");
	conclude(waited && ended_before(&record, "works", "goes on"),
		 "join(-1) returned after the child's end, exitcode 3");
	conclude(try_join(&p, -1) == 0 && mp_process_exitcode(&p) == 3,
		 "joining once more is harmless, and tells the same");
	gate_close(&work.go);
	close(work.ready.in);
}
/* endregion */

/* --- exit-status ------------------------------------------------------- */

/* region: exit-status */
enum ending { RETURN_0, EXIT_7, EXIT_261, ABORT, TERMINATE, KILL, ENDINGS };

static int end_like_that(const void *args, size_t size)
{
	(void)size;
	prctl(PR_SET_DUMPABLE, 0); /* abort leaves no core file */
	switch (*(const enum ending *)args) {
	case EXIT_7:
		exit(7);
	case EXIT_261:
		exit(261);
	case ABORT:
		abort();
	case TERMINATE:
	case KILL:
		sleep(PATIENCE); /* until the parent's signal */
		return 1;
	default:
		return 0;
	}
}

static void play_exit_status(void)
{
	static const struct {
		const char *what;
		int exitcode;
	} expected[ENDINGS] = {
		[RETURN_0] = { "return 0", 0 },
		[EXIT_7] = { "exit(7)", 7 },
		[EXIT_261] = { "exit(261)", 261 & 255 },
		[ABORT] = { "abort()", -SIGABRT },
		[TERMINATE] = { "terminate: SIGTERM", -SIGTERM },
		[KILL] = { "kill: SIGKILL", -SIGKILL },
	};
	int as_expected = 0;

	show("  %-20s %s  %s", "the child's end", "status word", "exitcode");
	for (enum ending ending = 0; ending < ENDINGS; ending++) {
		struct mp_process p = { .target = end_like_that,
					MP_ARGS(ending) };

		check(mp_process_start(&p));
		if (ending == TERMINATE)
			check(mp_process_terminate(&p));
		if (ending == KILL)
			check(mp_process_kill(&p));
		check(mp_process_join(&p, PATIENCE));
		show("  %-20s      0x%04x  %8d", expected[ending].what,
		     p.status, mp_process_exitcode(&p));
		as_expected += mp_process_exitcode(&p) ==
			       expected[ending].exitcode;
	}
	conclude(as_expected == ENDINGS,
		 "%d of %d: status & 255 of an exit, -N for death by signal N",
		 as_expected, ENDINGS);
}
/* endregion */

static const struct scene scenes[] = {
	{ "program", "what do the C program and the Python program print?",
	  play_program },
	{ "by-hand", "which system calls are start and join?", play_by_hand },
	{ "join", "a join gives up after a while: what becomes of the child?",
	  play_join },
	{ "exit-status", "what does a parent learn of its child's end?",
	  play_exit_status },
	{ "zombie", "what is left of an ended child nobody has joined?",
	  play_zombie },
	{ "orphan", "a parent ends before its child: who is its parent then?",
	  play_orphan },
	{ "daemon", "a parent ends, or Ctrl-C comes: what of the children?",
	  play_daemon },
	{ 0 }
};

static const struct option_row options[] = {
	{ "timeout", OPTION_SECONDS, &timeout, 0.001, 5,
	  .help = "of the second join in `join`" },
	{ 0 }
};

int main(int argc, char *argv[])
{
	mp_guard(argc, argv);
	return stage_main(argc, argv,
			  &(struct lab){ __FILE__, "start, join and end",
					 scenes, options });
}
