/*
 * lab4-ends.c - the other side of a pipe is gone, or is not
 *
 * The scenes `end-of-file` and `broken-pipe` of lab 4. A side is gone when the
 * last copy of its end is closed, whoever has it.
 */
#include "lab4.h"

#include "connection.h"
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- end-of-file ------------------------------------------------------- */

/* region: list-holders */
/* Runs build/holders for a descriptor of ours. Its output's read end. */
static int start_holders(int fd, pid_t *pid)
{
	const char *path = program_beside("holders");
	char process[16], number[16];
	int end[2];

	check(access(path, X_OK));
	snprintf(process, sizeof(process), "%d", getpid());
	snprintf(number, sizeof(number), "%d", fd);
	show("$ build/holders %s %s", process, number);
	check(pipe2(end, O_CLOEXEC));
	switch (*pid = check(fork())) {
	case 0:
		check(dup2(end[1], STDOUT_FILENO));
		/* On stderr it tells what it may not see: ours it may. */
		check(dup2(open("/dev/null", O_WRONLY), STDERR_FILENO));
		execl(path, "holders", process, number, (char *)NULL);
		_exit(127);
	}
	close(end[1]); /* or its output would never come to an end */
	return end[0];
}

/* How many have the pipe's write end open; the last one's pid into writer. */
static int list_writers(int fd, pid_t *writer)
{
	char line[128], end[16];
	int count = 0, status;
	pid_t holders, pid;
	FILE *output = fdopen(start_holders(fd, &holders), "r");

	check(output == NULL ? -1 : 0);
	while (fgets(line, sizeof(line), output) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		show("%s", line);
		if (sscanf(line, "%d %*d %15s", &pid, end) == 2 &&
		    strcmp(end, "write") == 0) {
			*writer = pid;
			count++;
		}
	}
	fclose(output);
	check(waitpid(holders, &status, 0));
	return status == 0 ? count : -1;
}
/* endregion */

/* region: end-of-file */
static int write_and_end(const void *args, size_t size)
{
	(void)size;
	say("I write \"last words\", and end");
	check(write(*(const int *)args, "last words", 10));
	return 0;
}

/* The sibling has nothing to do with the pipe. But it was forked. */
static int hold_a_copy(const void *args, size_t size)
{
	struct player me = *(const struct player *)args;

	(void)size;
	prctl(PR_SET_NAME, "sibling"); /* the command that a list shows */
	span_begin("has a copy");
	answer(&me, 0);
	await_step(&me);
	say("I close my copy of the write end");
	span_end();
	answer(&me, close(*(const int *)me.scene));
	return 0;
}

static void play_held_open(int out, int in)
{
	struct mp_process writer = { .target = write_and_end,
				     MP_ARGS(in),
				     .name = "writer" };
	struct player sibling;
	struct pollfd readable = { .fd = out, .events = POLLIN };
	struct record record = record_start();
	char text[64] = "";
	long before, after;
	pid_t holder = 0;
	int writers;

	start_player(&sibling, "sibling", hold_a_copy, &in);
	hear_answer(&sibling); /* it is there */
	check(start_process(&writer));
	check(join_process(&writer, PATIENCE));
	close(in); /* or we would be a writer, too */
	check(read(out, text, sizeof(text) - 1));
	before = try_read(out, text + 16, 1);
	say("read: \"%s\"; the next read: %s", text, outcome(before));
	writers = list_writers(out, &holder);
	check(step(&sibling));
	poll(&readable, 1, PATIENCE * 1000);
	after = try_read(out, text, 1);
	span_begin("end of file");
	say("the next read: %s", outcome(after));
	span_end();
	dismiss(&sibling);
	record_stop(&record);
	keep_picture(&record);
	conclude(before == -EAGAIN,
		 "the writer has ended, the file has not: EAGAIN, not 0");
	conclude(writers == 1 && holder == sibling.process.pid,
		 "the list names who has the write end open: the sibling");
	conclude(before == -EAGAIN && after == 0,
		 "the end came when the last copy was closed, not before");
}

void play_end_of_file(void)
{
	int end[2];

	check(pipe2(end, O_CLOEXEC | O_NONBLOCK)); /* a read never waits */
	play_held_open(end[0], end[1]);
	close(end[0]);
}
/* endregion */

/* --- broken-pipe ------------------------------------------------------- */

/* region: broken-pipe */
static void treat_sigpipe(void (*action)(int))
{
	sigset_t none;

	signal(SIGPIPE, action);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A child writes to a pipe nobody reads from, with SIGPIPE set like this. The
 * status word of its end. */
static int status_of_writer(int in, void (*action)(int))
{
	pid_t pid = check(fork());
	int status;

	if (pid == 0) {
		treat_sigpipe(action);
		_exit(-try_write(in, "hello", 5));
	}
	check(waitpid(pid, &status, 0));
	return status;
}

/* The same by mp. The lab itself ignores SIGPIPE; this child does not. */
static int status_of_sender(void)
{
	struct mp_connection from, to;
	pid_t pid = check(fork());
	int status;

	if (pid == 0) {
		treat_sigpipe(SIG_DFL);
		check(mp_pipe(&from, &to, false));
		mp_connection_close(&from);
		mp_connection_send_bytes(&to, "hello", 5, PATIENCE);
		_exit(errno);
	}
	check(waitpid(pid, &status, 0));
	return status;
}

void play_broken_pipe(void)
{
	int end[2], copy, by_default, ignored, by_mp;
	long while_read;

	check(pipe2(end, O_CLOEXEC));
	copy = check(dup(end[0]));
	close(end[0]);
	while_read = try_write(end[1], "hello", 5);
	say("one of two read ends is closed: write: %s", outcome(while_read));
	close(copy);
	by_default = status_of_writer(end[1], SIG_DFL);
	ignored = status_of_writer(end[1], SIG_IGN);
	close(end[1]);
	say("both are: write ends a child, by signal %d (%s)",
	    WTERMSIG(by_default), strsignal(WTERMSIG(by_default)));
	say("both are, SIGPIPE ignored: write: %s",
	    outcome(-WEXITSTATUS(ignored)));

	by_mp = status_of_sender();
	say("mp_connection_send_bytes: %s",
	    WIFSIGNALED(by_mp) ? strsignal(WTERMSIG(by_mp))
			       : outcome(-WEXITSTATUS(by_mp)));

	conclude(while_read == 5,
		 "while one reader is left a write succeeds, read or not");
	conclude(WIFSIGNALED(by_default) && WTERMSIG(by_default) == SIGPIPE,
		 "the last reader gone: SIGPIPE, which ends a writer");
	conclude(WIFEXITED(ignored) && WEXITSTATUS(ignored) == EPIPE &&
			 WIFEXITED(by_mp) && WEXITSTATUS(by_mp) == EPIPE,
		 "and EPIPE where it is ignored, as mp_pipe() does");
}
/* endregion */
