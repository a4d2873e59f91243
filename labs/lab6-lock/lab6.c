/*
 * lab6.c - a lock: who gets in, who waits, who is told of a death
 *
 * Usage: build/lab6 [OPTION]... [SCENE]...     (--help names them)
 *
 * The lab starts children that want one lock, or wants it itself while a child
 * has it. Doors (see lab6.h) and gates (see gate.h) force the order of things,
 * so that nobody is late by chance. The scenes are grouped by what they ask:
 *
 *	lab6.c		what a lock is
 *	lab6-join.c	what a lock does, and what join does without it
 *	lab6-holder.c	what is due to the holder alone
 *	lab6-wait.c	what those who wait may hope for
 */
#include "lab6.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 3

double hold = 0.05;

/* --- program ----------------------------------------------------------- */

/* region: f */
struct greeting {
	struct mp_lock *lock;
	int number;
};

int f(const void *args, size_t size)
{
	const struct greeting *it = args;

	(void)size;
	check(mp_lock_acquire(it->lock, -1));
	span_begin("in the critical section");
	printf("hello world %d\n", it->number);
	sleep_for(hold);
	span_end();
	check(mp_lock_release(it->lock));
	return 0;
}
/* endregion */

/* region: loop */
static void play_program(void)
{
	struct mp_lock lock;
	struct greeting it = { .lock = &lock };

	check(mp_lock_open(&lock));

	for (int num = 0; num < 3; num++) {
		struct mp_process p = {
			.target = f,
			MP_ARGS(it),
		};

		it.number = num;
		check(mp_process_start(&p));
		check(mp_process_join(&p, -1));
		if (p.status != 0)
			exit(1); /* told why */
	}
	mp_lock_close(&lock);
}
/* endregion */

/* --- by-hand ----------------------------------------------------------- */

static void lose_token(const struct gate *told);

/* region: by-hand */
static int token[2]; /* a pipe: whoever reads its one byte, has the lock */

static void acquire(void)
{
	char byte;

	check(read(token[0], &byte, 1)); /* waits until there is one */
}

static void release(void)
{
	check(write(token[1], "", 1));
}

static _Noreturn void use_token(const struct gate *told, bool dies)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive the lab */
	speak_as("child");
	gate_open(told); /* about to ask */
	acquire();
	span_begin("has the token");
	if (dies) {
		gate_open(told);
		pause();
	}
	sleep_for(hold);
	span_end();
	release();
	_exit(0);
}

static void play_by_hand(void)
{
	struct record record = record_start();
	struct gate told;
	char byte[CHILDREN];
	int done = 0, status;

	check(pipe2(token, O_CLOEXEC));
	gate_make(&told);
	for (int i = 0; i < CHILDREN; i++)
		if (check(fork()) == 0)
			use_token(&told, false);
	hear(told.in, byte, CHILDREN); /* so all of them want it */
	release();
	while (wait(&status) > 0)
		done += status == 0;
	record_stop(&record);
	show_chart(&record);
	conclude(done == CHILDREN &&
			 most_at_once(&record, "has the token") == 1,
		 "%d children, one token: one at a time", done);
	lose_token(&told);
	close(told.in);
	close(token[0]);
	close(token[1]);
}
/* endregion */

/* region: lose-token */
static void lose_token(const struct gate *told)
{
	struct pollfd next = { token[0], POLLIN, 0 };
	char byte[2];
	pid_t holder;

	holder = check(fork());
	if (holder == 0)
		use_token(told, true);
	close(told->out); /* or its early end would not be heard */
	hear(told->in, byte, sizeof(byte));
	check(kill(holder, SIGKILL));
	check(waitpid(holder, NULL, 0));
	say("its holder is killed; poll(token) for %g s: %s", hold,
	    check(poll(&next, 1, hold * 1000)) == 0 ? "nothing" : "a byte");
	conclude(next.revents == 0,
		 "the token is gone with its holder: the next waits for ever");
}
/* endregion */

static const struct scene scenes[] = {
	{ "program", "what do the C program and the Python program print?",
	  play_program },
	{ "by-hand",
	  "one byte in a pipe: is that a lock? And if its holder dies?",
	  play_by_hand },
	{ "what-serializes",
	  "one at a time: is that the lock's doing, or join's?",
	  play_what_serializes },
	{ "barging",
	  "released and taken again at once: does the waiter get it?",
	  play_barging },
	{ "timeout", "how long does acquire wait while another has the lock?",
	  play_timeout },
	{ "non-owner", "may a process release a lock that another one holds?",
	  play_non_owner },
	{ "killed", "the holder is killed: who gets the lock then, if anybody?",
	  play_killed },
	{ "deadlock", "A has lock 0 and wants 1, B has 1 and wants 0: and now?",
	  play_deadlock },
	{ 0 }
};

static const struct option_row options[] = {
	{ "hold", OPTION_SECONDS, &hold, 0, 5,
	  .help = "how long a lock is held; the notes have 3" },
	{ 0 }
};

int main(int argc, char *argv[])
{
	mp_guard(argc, argv);
	return stage_main(argc, argv,
			  &(struct lab){ __FILE__, "the lock", scenes,
					 options });
}
