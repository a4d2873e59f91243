/*
 * lab3-guard.c - what a child runs again
 *
 * The scenes `guard` and `no-guard` of lab 3. A spawned child runs main() from
 * the top; the guard is where it leaves main() for its target.
 */
#include "lab3.h"

#include "deadline.h"
#include "stage.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* region: guard */
struct variables {
	int above, below;
};

int tell_variables(const void *args, size_t size)
{
	struct variables seen = { above_the_guard, below_the_guard };

	(void)size;
	mark("target runs");
	say("above the guard: %d, below: %d", seen.above, seen.below);
	report(*(const int *)args, &seen, sizeof(seen));
	return 0;
}

void play_guard(void)
{
	struct variables forked, spawned;
	struct record record = record_start();
	int fd;

	say("above the guard: %d, below: %d", above_the_guard, below_the_guard);
	ask(MP_FORK, tell_variables, &fd, sizeof(fd), -1, &forked,
	    sizeof(forked));
	ask(MP_SPAWN, tell_variables, &fd, sizeof(fd), -1, &spawned,
	    sizeof(spawned));
	record_stop(&record);
	show_chart(&record);
	conclude(forked.above == 1 && forked.below == 42,
		 "fork: the child has both, they were copied");
	conclude(spawned.above == 1,
		 "spawn: it has the 1, because main() ran again");
	conclude(spawned.below == 0,
		 "spawn: it has not the 42, the guard ended its main()");
}
/* endregion */

#define MOST_LINES 12 /* of the program without a guard */
#define MOST_MAINS 5  /* a storm is cut off here */
#define TOO_LONG   10 /* seconds */

struct sibling {
	int mains;     /* lines that say that main() runs */
	bool refused;  /* a line names the guard */
	bool exit_one; /* the parent saw the child's exitcode 1 */
	bool ended;    /* by itself, before the limits */
};

/* Starts the program in a process group of its own. Its output's read end. */
static int start_sibling(const char *path, pid_t *pid)
{
	int end[2];

	check(pipe2(end, O_CLOEXEC));
	switch (*pid = check(fork())) {
	case 0:
		check(setpgid(0, 0)); /* the lab can end all of it at once */
		check(dup2(end[1], STDOUT_FILENO));
		check(dup2(end[1], STDERR_FILENO));
		execl(path, strrchr(path, '/') + 1, (char *)NULL);
		die(path);
	}
	close(end[1]); /* or its output never comes to an end */
	return end[0];
}

static void note_line(struct sibling *it, const char *line)
{
	show("%s", line);
	it->mains += strncmp(line, "main() runs", 11) == 0;
	it->refused |= strstr(line, "mp_guard") != NULL;
	it->exit_one |= strcmp(line, "the child's exitcode: 1") == 0;
}

/* Reads its lines until it has ended, or has done too much. */
static void watch_sibling(FILE *output, struct sibling *it)
{
	double until = monotonic_now() + TOO_LONG;
	char line[256];

	for (int lines = 0; lines < MOST_LINES && it->mains < MOST_MAINS;
	     lines++) {
		struct pollfd end = { .fd = fileno(output), .events = POLLIN };

		if (monotonic_now() > until ||
		    poll(&end, 1, TOO_LONG * 1000) < 1)
			return;
		if (fgets(line, sizeof(line), output) == NULL) {
			it->ended = true;
			return;
		}
		line[strcspn(line, "\n")] = '\0';
		note_line(it, line);
	}
}

/* region: no-guard */
void play_no_guard(void)
{
	struct sibling it = { 0 };
	struct record record;
	pid_t pid, storm;
	FILE *output;

	show("$ build/no_guard");
	output = fdopen(start_sibling(program_beside("no_guard"), &pid), "r");
	setvbuf(output, NULL, _IONBF, 0); /* poll must see what is left */
	watch_sibling(output, &it);
	kill(-pid, SIGKILL); /* whatever is left: nothing, we shall see */
	fclose(output);
	check(waitpid(pid, NULL, 0));

	record = record_start();
	storm = check(fork());
	if (storm == 0)
		exec_again("storm", 1);
	check(waitpid(storm, NULL, 0));
	conclude(it.refused && it.exit_one,
		 "the child's start was refused, with the cure; it exited 1");
	conclude(it.ended && it.mains == 2,
		 "main() ran in 2 processes: one child was made, no storm");
	conclude(most_at_once(&record, "main() again") == STORM_LIMIT,
		 "plain execve refused nothing: %d at once, by our limit of %d",
		 most_at_once(&record, "main() again"), STORM_LIMIT);
}
/* endregion */
