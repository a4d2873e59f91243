/*
 * lab4.c - a pipe: its two ends, their copies, and what goes through
 *
 * Usage: build/lab4 [OPTION]... [SCENE]...     (--help names them)
 *
 * The lab makes the pipes, and is mostly the one that reads. Its children write,
 * read, or just have a copy of an end; each takes its steps when the lab lets it
 * (lab4-players.c). The scenes are grouped by what they ask:
 *
 *	lab4.c		what a pipe is, and what a copy of an end is
 *	lab4-readers.c	several readers of one end
 *	lab4-ends.c	the other side is gone, or is not
 *	lab4-room.c	how much fits, and what becomes of what does not
 *	lab4-messages.c	messages both ways, and whose copy they are
 *	holders.c	a small program: who has this pipe open?
 */
#include "lab4.h"

#include "connection.h"
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- program ----------------------------------------------------------- */

/* In the chapter these stand beside the Python, and are half a page wide. */
/* clang-format off */
/* region: greet */
int greet(const void *args, size_t size)
{
	struct mp_connection in;

	memcpy(&in, args, size);
	check(mp_connection_send_bytes(&in,
		"hello", 5, PATIENCE));
	mp_connection_close(&in);
	return 0;
}
/* endregion */

/* region: program */
static void play_program(void)
{
	struct mp_connection out, in;
	char text[16];
	ssize_t n;

	check(mp_pipe(&out, &in, false));
	struct mp_process p = {
		.target = greet,
		MP_ARGS(in),
	};

	check(mp_process_start(&p));
	mp_connection_close(&in);
	n = check(mp_connection_recv_bytes_into(
		&out, text, sizeof(text), -1));
	printf("%.*s\n", (int)n, text);
	check(mp_process_join(&p, -1));
	mp_connection_close(&out);
}
/* endregion */
/* clang-format on */

/* --- by-hand ----------------------------------------------------------- */

/* region: by-hand */
static void play_by_hand(void)
{
	static const char *const words[] = { "one ", "two ", "three" };
	int end[2]; /* [0] is to read from, [1] to write to */
	char text[64] = "";
	size_t size = 0;
	ssize_t n;
	bool one_way;

	check(pipe(end));
	switch (check(fork())) {
	case 0:
		speak_as("child");
		for (int i = 0; i < 3; i++)
			check(write(end[1], words[i], strlen(words[i])));
		say("written: \"one \", \"two \", \"three\"");
		_exit(0);
	}
	one_way = write(end[0], "x", 1) < 0 && errno == EBADF;
	one_way = read(end[1], text, 1) < 0 && errno == EBADF && one_way;
	close(end[1]); /* or the reads below would never come to an end */
	while ((n = read(end[0], text + size, sizeof(text) - 1 - size)) > 0)
		size += n;
	close(end[0]);
	check(wait(NULL));

	say("read: \"%s\", and then the end: %zd", text, n);
	conclude(strcmp(text, "one two three") == 0 && n == 0,
		 "bytes, in the order they were written, and then the end");
	conclude(one_way, "one-way: the ends cannot be exchanged, EBADF");
}
/* endregion */

/* --- copies ------------------------------------------------------------ */

/* region: copies */
struct ends {
	int out, in;	   /* the pipe's */
	int out_cp, in_cp; /* dup(2) of them */
};

/* Which pipe it is: `ls -l /proc/PID/fd` shows the same number. */
static unsigned long pipe_of(int fd)
{
	struct stat status;

	check(fstat(fd, &status));
	return status.st_ino;
}

/* Reads what was sent at one copy, and then at the other: a line of the table.
 * Did that word come, and was it gone then? */
static bool comes_once(const char *word, const char *sent_on,
		       const char *came_out_of, int here, int other)
{
	char text[16] = "", rest;
	long size = try_read(here, text, sizeof(text) - 1);
	long again = try_read(other, &rest, 1);

	show("  %-9s %-16s %-16s %s", word, sent_on, came_out_of,
	     outcome(again));
	return size > 0 && strcmp(text, word) == 0 && again == -EAGAIN;
}

/* The child did not make the pipe, and has its ends all the same. */
static int use_inherited_ends(const void *args, size_t size)
{
	struct player me = *(const struct player *)args;
	const struct ends *it = me.scene;

	(void)size;
	await_step(&me);
	answer(&me, try_write(it->in, "three", 5));
	await_step(&me);
	answer(&me, comes_once("four", "in", "the child's out", it->out,
			       it->out_cp));
	return 0;
}

/* The same pipe, and open for the same: reading, or writing. */
static bool is_same_end(int a, int b)
{
	int flags_a = check(fcntl(a, F_GETFL));
	int flags_b = check(fcntl(b, F_GETFL));

	return pipe_of(a) == pipe_of(b) &&
	       (flags_a & O_ACCMODE) == (flags_b & O_ACCMODE);
}

static void play_copies(void)
{
	int end[2];
	struct ends it;
	struct player child;
	bool by_dup, by_fork;

	check(pipe2(end, O_CLOEXEC | O_NONBLOCK)); /* a read never waits */
	it = (struct ends){ .out = end[0],
			    .in = end[1],
			    .out_cp = check(dup(end[0])),
			    .in_cp = check(dup(end[1])) };
	start_player(&child, "child", use_inherited_ends, &it);
	show("  out, out_cp: pipe:[%lu]   in, in_cp: pipe:[%lu]",
	     pipe_of(it.out), pipe_of(it.in));

	show("  %-9s %-16s %-16s %s", "what", "sent on", "came out of",
	     "once more, of the copy");
	check(write(it.in, "one", 3));
	by_dup = comes_once("one", "in", "out_cp", it.out_cp, it.out);
	check(write(it.in_cp, "two", 3));
	by_dup = comes_once("two", "in_cp", "out", it.out, it.out_cp) && by_dup;
	step(&child);
	by_fork = comes_once("three", "the child's in", "out_cp", it.out_cp,
			     it.out);
	check(write(it.in, "four", 4));
	by_fork = step(&child) && by_fork;
	dismiss(&child);

	conclude(is_same_end(it.out, it.out_cp) &&
			 is_same_end(it.in, it.in_cp) &&
			 !is_same_end(it.in, it.out),
		 "a copy is another name for the same end");
	conclude(by_dup, "no second channel: what went into in came out of "
			 "out_cp, once");
	conclude(by_fork, "the ends that a fork copied are such copies, too");
	close(it.out);
	close(it.in);
	close(it.out_cp);
	close(it.in_cp);
}
/* endregion */

static const struct scene scenes[] = {
	{ "program", "what do the C program and the Python program print?",
	  play_program },
	{ "by-hand", "three words are written: what comes out, and which way?",
	  play_by_hand },
	{ "copies", "each end is copied: is there a second bridge now?",
	  play_copies },
	{ "one-reader", "two processes read from one end: who gets what?",
	  play_one_reader },
	{ "end-of-file", "the writer has ended: why is there no end of file?",
	  play_end_of_file },
	{ "broken-pipe", "nobody is left to read: what becomes of a write?",
	  play_broken_pipe },
	{ "two-way", "both ends send at the same time: who receives what?",
	  play_two_way },
	{ "capacity", "nobody reads: how much can be written? And then?",
	  play_capacity },
	{ "torn", "two send at the same time: can their messages mix?",
	  play_torn },
	{ "data-is-copied", "sent, then changed: what does the other receive?",
	  play_data_is_copied },
	{ 0 }
};

int main(int argc, char *argv[])
{
	mp_guard(argc, argv);
	return stage_main(argc, argv,
			  &(struct lab){ __FILE__, "pipes and their ends",
					 scenes, NULL });
}
