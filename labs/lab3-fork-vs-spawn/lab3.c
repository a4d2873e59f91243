/*
 * lab3.c - fork against spawn, which is fork + execve
 *
 * Usage: build/lab3 [OPTION]... [SCENE]...     (--help names them)
 *
 * The lab is the parent in every scene. It starts children by each method and
 * asks them what they see. The scenes are grouped by what they ask:
 *
 *	lab3.c		what the methods are
 *	lab3-guard.c	what a child runs again
 *	lab3-pickle.c	what crosses to a spawned child, and how
 *	lab3-copies.c	what a forked child has as a copy, and what it shares
 *	lab3-cost.c	what a start costs
 *	lab3-table.c	all of it on one screen
 *	lab3-again.c	this program once more, exec'd by a scene
 */
#include "lab3.h"

#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int above_the_guard;
int below_the_guard;
pid_t main_ran_in;

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
	int methods[] = { MP_FORK, MP_SPAWN };

	for (int i = 0; i < 2; i++) {
		struct mp_process p = {
			.target = hello,
			MP_ARGS("bob"),
			.method = methods[i],
		};

		check(mp_process_start(&p));
		check(mp_process_join(&p, -1));
		if (p.status != 0)
			exit(1); /* told why */
	}
}
/* endregion */

/* region: by-hand */
int variable = 1;

static void play_by_hand(void)
{
	int end[2], forked[2], execed[2]; /* pid and variable, as reported */
	char number[16];
	pid_t fork_pid, exec_pid;

	check(pipe(end));
	variable = 2;
	switch (fork_pid = check(fork())) {
	case 0:
		speak_as("forked child");
		say("fork() returned, the variable is %d: I go on", variable);
		report(end[1], (int[]){ getpid(), variable }, sizeof(forked));
		_exit(0);
	}
	close(end[1]); /* or we would wait for ever for a dead child */
	hear(end[0], forked, sizeof(forked));
	close(end[0]);
	check(waitpid(fork_pid, NULL, 0));

	check(pipe(end)); /* not close-on-exec: the new image reports too */
	snprintf(number, sizeof(number), "%d", end[1]);
	switch (exec_pid = check(fork())) {
	case 0:
		speak_as("forked child");
		say("I am %d, and call execve()", getpid());
		execve(this_program(),
		       (char *[]){ "lab3", AGAIN, "image", number, NULL },
		       environ);
		die("execve");
	}
	close(end[1]); /* as above */
	hear(end[0], execed, sizeof(execed));
	close(end[0]);
	check(waitpid(exec_pid, NULL, 0));
	say("the new image said: pid %d, variable %d", execed[0], execed[1]);

	conclude(forked[0] == fork_pid && forked[1] == 2,
		 "fork: the child went on from the fork, with our variable");
	conclude(
		execed[0] == exec_pid && execed[1] == 1,
		"fork + execve: main() began again, a new image, the same pid");
}
/* endregion */

static const struct scene scenes[] = {
	{ "program", "what do the C program and the Python program print?",
	  play_program },
	{ "by-hand", "where does a forked child go on? And an exec'd one?",
	  play_by_hand },
	{ "guard", "1 is set above the guard, 42 below: what does a child see?",
	  play_guard },
	{ "no-guard", "what happens to a program that lacks the guard?",
	  play_no_guard },
	{ "pickle", "how does a function get into another process?",
	  play_pickle },
	{ "shared-or-copied", "what the child changes, does the parent see it?",
	  play_shared_or_copied },
	{ "copy-on-write", "is memory copied at the fork, or when, if ever?",
	  play_copy_on_write },
	{ "stdio",
	  "text waits in a buffer at the fork: how often is it written?",
	  play_stdio },
	{ "descriptors", "which open files does a child find open?",
	  play_descriptors },
	{ "cost", "which method is cheapest? And in a parent of 256 MiB?",
	  play_cost },
	{ "table", "fork, spawn, forkserver: what is the same, what is not?",
	  play_table },
	{ 0 }
};

static const struct option_row options[] = {
	{ "max-rss", OPTION_SIZE, &max_rss, 1 << 20, 64.0 * (1 << 30),
	  .help = "the largest parent in `cost` and `table`" },
	{ 0 }
};

/* region: main */
int main(int argc, char *argv[])
{
	above_the_guard = 1;
	main_ran_in = getpid();
	if (argc > 1 && strcmp(argv[1], AGAIN) == 0)
		return play_again(argc, argv);

	mp_guard(argc, argv);

	below_the_guard = 42;
	return stage_main(argc, argv,
			  &(struct lab){ __FILE__, "fork against spawn", scenes,
					 options });
}
/* endregion */
