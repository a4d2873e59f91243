/*
 * holders.c - who has this pipe or socket open?
 *
 * Usage: build/holders PID FD
 *
 * A read waits for an end of the file that does not come, a write never fails
 * though nobody reads: somebody still has a copy of the other end. This finds
 * out who. The scene `end-of-file` of lab 4 runs it, and it works for any
 * process. It reads /proc/PID/fd and /proc/PID/fdinfo, see proc(5), and opens
 * nothing of what it looks at.
 */
#include "options.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINK 64 /* bytes of such a link's text */

/* region: holders */
/* What a descriptor leads to. For a pipe that is "pipe:[12345]", the same text
 * for both ends, in every process; for a socket "socket:[12345]". */
static bool read_link(int folder, const char *fd, char text[LINK])
{
	ssize_t length = readlinkat(folder, fd, text, LINK - 1);

	text[length < 0 ? 0 : length] = '\0';
	return length > 0;
}

/* What a descriptor is open for, by the flags in its fdinfo: octal, as of
 * open(2). */
static const char *end_of(const char *pid, const char *fd)
{
	static const char *const ends[] = { "read", "write", "both" };
	char path[64], line[128];
	unsigned flags = O_ACCMODE;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, fd);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	if (file != NULL)
		fclose(file);
	flags &= O_ACCMODE;
	return flags < 3 ? ends[flags] : "?";
}

/* The name of the program, or what the process calls itself. */
static const char *command_of(const char *pid, char *name, size_t room)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	snprintf(name, room, "?");
	file = fopen(path, "re");
	if (file != NULL) {
		fgets(name, room, file);
		fclose(file);
	}
	name[strcspn(name, "\n")] = '\0';
	for (char *c = name; *c != '\0'; c++)
		if (!isprint((unsigned char)*c)) /* nothing for a terminal */
			*c = '?';
	return name;
}

/* All of a process's descriptors that lead there, a line each. -1: an errno. */
static int list_process(const char *pid, const char *wanted)
{
	char path[64], command[32], text[LINK];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	folder = opendir(path);
	if (folder == NULL)
		return -1;
	while ((entry = readdir(folder)) != NULL)
		if (read_link(dirfd(folder), entry->d_name, text) &&
		    strcmp(text, wanted) == 0)
			printf("%7s  %10s  %-5s  %s\n", pid, entry->d_name,
			       end_of(pid, entry->d_name),
			       command_of(pid, command, sizeof(command)));
	closedir(folder);
	return 0;
}

/* How many processes could not be looked into. */
static int list_all(const char *wanted)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	int closed = 0;

	if (folder == NULL)
		return 0;
	printf("%7s  %10s  %-5s  %s\n", "process", "descriptor", "end",
	       "command");
	while ((entry = readdir(folder)) != NULL)
		if (isdigit(entry->d_name[0]) &&
		    list_process(entry->d_name, wanted) < 0)
			closed += errno == EACCES; /* else it has ended */
	closedir(folder);
	return closed;
}
/* endregion */

static bool want_help;

static const struct option_row options[] = {
	{ "help", OPTION_FLAG, &want_help, .help = "this text" }, { 0 }
};

static int help(void)
{
	printf("Usage: holders PID FD\n"
	       "Lists every process that has the pipe or socket open which is "
	       "descriptor FD\n"
	       "of process PID: a line for each descriptor, and whether it is "
	       "to read or to\n"
	       "write. Of a pipe these are both ends; of a pair of sockets, "
	       "one.\n\n"
	       "`ls -l /proc/PID/fd` shows the descriptors of a process.\n\n"
	       "Options:\n");
	options_help(options);
	printf("\nExit status: 0 listed, 1 there is no such descriptor or it "
	       "cannot be seen,\n2 the command line was wrong.\n");
	return 0;
}

/* A number as it is in /proc: digits alone, and none too many. */
static void check_number(const char *text, const char *what)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || text[digits] != '\0' ||
	    strtoll(text, NULL, 10) > INT_MAX)
		usage_error("'%s' is no %s", text, what);
}

/* Says in one line what is wrong. */
static int fail(const char *pid, const char *fd, const char *why)
{
	fprintf(stderr, "holders: descriptor %s of process %s: %s\n", fd, pid,
		why);
	return 1;
}

static int list(const char *pid, const char *fd)
{
	char path[64], wanted[LINK];
	int closed;

	snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, fd);
	if (!read_link(AT_FDCWD, path, wanted))
		return fail(pid, fd,
			    errno == ENOENT ? "no such process or descriptor"
					    : strerror(errno));
	if (strncmp(wanted, "pipe:", 5) != 0 &&
	    strncmp(wanted, "socket:", 7) != 0)
		return fail(pid, fd, "is no pipe and no socket");
	closed = list_all(wanted);
	if (closed > 0)
		fprintf(stderr,
			"holders: may not look into %d of the processes\n",
			closed);
	return 0;
}

int main(int argc, char *argv[])
{
	int first = options_parse(argc, argv, options, NULL), answer;

	if (want_help) {
		answer = help();
	} else {
		if (argc - first != 2)
			usage_error("needs PID and FD; --help tells more");
		check_number(argv[first], "process id");
		check_number(argv[first + 1], "descriptor");
		answer = list(argv[first], argv[first + 1]);
	}
	if (fflush(stdout) == 0 && !ferror(stdout))
		return answer;
	fprintf(stderr, "holders: stdout: %s\n", strerror(errno));
	return 1;
}
