/* twin.c - the Python program that a lab mirrors; see twin.h. */
#include "twin.h"

#include "check.h"
#include "io.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_RUN 127 /* the shell's word for a program that cannot be run */

struct output {
	int status; /* exit status; NOT_RUN if there is no such program */
	size_t size;
	char text[4096];
};

/* Runs a program and keeps what it writes to stdout. */
static void run_and_keep(char *argv[], struct output *output)
{
	posix_spawn_file_actions_t actions;
	int end[2], status, error;
	pid_t pid;

	check(pipe2(end, O_CLOEXEC));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, end[1], STDOUT_FILENO);
	error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(end[1]); /* or the read below never comes to an end */
	output->size = 0;
	output->status = NOT_RUN;
	if (error == 0) {
		output->size = check(
			read_full(end[0], output->text, sizeof(output->text)));
		close(end[0]); /* or one that writes more would wait for ever */
		check(waitpid(pid, &status, 0));
		output->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	} else {
		close(end[0]);
	}
}

/*
 * Finds lab2.py beside lab2.c: a source's name is relative to the top of the
 * tree, and the program lies somewhere below it.
 */
static bool find_twin(const char *source, char *path, size_t room)
{
	char folder[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	int stem = strlen(source) - strlen(".c");

	if (length < 0)
		return false;
	folder[length] = '\0';
	for (char *slash; (slash = strrchr(folder, '/')) != NULL;) {
		*slash = '\0';
		if (snprintf(path, room, "%s/%.*s.py", folder, stem, source) <
			    (int)room &&
		    access(path, R_OK) == 0)
			return true;
	}
	return false;
}

static void show_output(const char *command, struct output *output)
{
	char *rest = output->text, *line;

	show("$ %s", command);
	output->text[output->size < sizeof(output->text)
			     ? output->size
			     : sizeof(output->text) - 1] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL)
		show("%s", line);
}

void twin_compare(const char *source)
{
	static struct output ours, theirs;
	char path[PATH_MAX], exe[PATH_MAX] = "", name[64];
	bool found, same;

	check(readlink("/proc/self/exe", exe, sizeof(exe) - 1));
	run_and_keep((char *[]){ exe, "program", NULL }, &ours);
	theirs.status = NOT_RUN;
	found = find_twin(source, path, sizeof(path));
	if (found)
		run_and_keep((char *[]){ "python3", path, NULL }, &theirs);

	same = ours.size == theirs.size && ours.status == theirs.status &&
	       memcmp(ours.text, theirs.text, ours.size) == 0;
	snprintf(name, sizeof(name), "build/%.40s program",
		 program_invocation_short_name);
	show_output(name, &ours);
	if (!found) {
		snprintf(name, sizeof(name), "%.40s", strrchr(source, '/') + 1);
		*strrchr(name, '.') = '\0';
		show("No %s.py above this program: nothing to compare with.",
		     name);
		return;
	}
	if (theirs.status == NOT_RUN) {
		show("No python3 here: nothing to compare with.");
		return;
	}
	snprintf(name, sizeof(name), "python3 %.40s", strrchr(path, '/') + 1);
	show_output(name, &theirs);
	conclude(same, "the C program and the Python program print the same");
}
