/*
 * lab5.c - a queue: many put, many get, each message once
 *
 * Usage: build/lab5 [OPTION]... [SCENE]...     (--help names them)
 *
 * The lab makes the queue and starts who puts and who gets. Where the order of
 * things matters it waits until a child has come to a gate, or sleeps in a
 * call.
 *
 *	lab5.c		what a queue is, and how Python makes one
 *	lab5-many.c	many at work
 *	lab5-flow.c	full and empty; who ends with messages of his in it
 *	lab5-killed.c	killed at chosen moments, and lab5-storm.c: at any
 *	lab5-steps.c	killed after each instruction
 *	lab5-woken.c	killed with a wake-up in its hands
 *	lab5-message.c	what these share
 */
#include "lab5.h"

#include "process.h"
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int items = 100000, kills = 200;     /* --items, --kills */
double timeout = 0.05, pace = 0.015; /* --timeout, --pace */

/* --- program ----------------------------------------------------------- */

/* In the chapter these are half as wide as the page. */
/* clang-format off */
/* region: produce */
int produce(const void *args, size_t size)
{
	struct mp_queue q;

	memcpy(&q, args, size);
	for (int i = 1; i <= 3; i++)
		check(mp_queue_put(&q, &i,
		    sizeof(i), PATIENCE));
	return 0;
}
/* endregion */

/* region: program */
static void play_program(void)
{
	struct mp_queue q;
	int number;

	check(mp_queue_open(&q, 65536));
	struct mp_process p = {
		.target = produce,
		MP_ARGS(q),
	};

	check(mp_process_start(&p));
	for (int i = 0; i < 3; i++) {
		check(mp_queue_get(&q, &number,
		    sizeof(number), PATIENCE));
		printf("%d\n", number);
	}
	check(mp_process_join(&p, -1));
	mp_queue_close(&q);
	if (p.status != 0)
		exit(1); /* told why */
}
/* endregion */
/* clang-format on */

/* --- by-hand ----------------------------------------------------------- */

#define SIDES 2	  /* producers, and consumers */
#define WORDS 500 /* that each producer puts */
#define WORD  32  /* bytes of one at most */

/* region: by-hand */
/* A queue as Python makes it: a pipe, and a lock for either end of it. A lock
 * is a token in a pipe of its own: who has read it, holds the lock. */
static int queue[2], put_lock[2], get_lock[2];

static void acquire(const int lock[2])
{
	char token;

	check(read(lock[0], &token, 1));
}

static void release(const int lock[2])
{
	check(write(lock[1], "", 1));
}

static void put(const char *word)
{
	uint32_t length = strlen(word);

	acquire(put_lock); /* or another's bytes come between the two writes */
	check(write(queue[1], &length, sizeof(length)));
	check(write(queue[1], word, length));
	release(put_lock);
}

/* False at the end: nobody is left who could put. */
static bool get(char word[WORD])
{
	uint32_t length;
	ssize_t size;

	acquire(get_lock); /* or another reads the word that belongs to ours */
	size = check(read(queue[0], &length, sizeof(length)));
	if (size > 0 && length < WORD)
		word[check(read(queue[0], word, length))] = '\0';
	release(get_lock);
	return size > 0;
}
/* endregion */

/* region: by-hand-players */
static _Noreturn void put_words(int first)
{
	char word[WORD];

	for (int i = first; i < first + WORDS; i++) {
		sprintf(word, "word %d", i);
		put(word);
	}
	_exit(0);
}

static _Noreturn void get_words(_Atomic int *times_got)
{
	char word[WORD];
	int count = 0;

	close(queue[1]); /* or it would wait for a put of its own */
	for (; get(word); count++)
		times_got[atoi(word + strlen("word ")) % (SIDES * WORDS)]++;
	speak_as("consumer");
	say("I got %.1f %% of the words, and then the end",
	    100.0 * count / (SIDES * WORDS));
	_exit(0);
}

static void play_by_hand(void)
{
	size_t size = SIDES * WORDS * sizeof(int);
	_Atomic int *times_got = shared_memory(size);
	int once = 0;

	check(pipe(queue));
	check(pipe(put_lock));
	check(pipe(get_lock));
	release(put_lock); /* the tokens */
	release(get_lock);
	for (int side = 0; side < SIDES; side++) {
		if (check(fork()) == 0)
			put_words(side * WORDS);
		if (check(fork()) == 0)
			get_words(times_got);
	}
	close(queue[1]); /* or the end would never come */
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < SIDES * WORDS; i++)
		once += times_got[i] == 1;
	conclude(once == SIDES * WORDS,
		 "%d of %d words were got once; by whom, is luck", once,
		 SIDES * WORDS);
	/* endregion */
	close(queue[0]);
	for (int end = 0; end < 2; end++) {
		close(put_lock[end]);
		close(get_lock[end]);
	}
	free_memory(times_got, size);
}

static const struct scene scenes[] = {
	{ "program", "what do the C program and the Python program print?",
	  play_program },
	{ "by-hand", "a pipe and two locks: does each word come to just one?",
	  play_by_hand },
	{ "many", "4 put and 4 get: is anything lost, doubled, out of order?",
	  play_many },
	{ "bounded", "producers are faster than the consumer: what happens?",
	  play_bounded },
	{ "join-before-drain", "a child ends: what of the messages it has put?",
	  play_join_before_drain },
	{ "killed", "a process is killed in put or get: what is lost?",
	  play_killed },
	{ "every-instruction",
	  "put is killed after its 1st, 2nd, ... instruction: is it in?",
	  play_every_instruction },
	{ "woken", "a sleeper is woken, and killed at once: is its wake lost?",
	  play_woken },
	{ 0 }
};

static const struct option_row options[] = {
	{ "items", OPTION_NUMBER, &items, 4, 1000000,
	  .help = "that the four producers of `many` put" },
	{ "pace", OPTION_SECONDS, &pace, 0.001, 1,
	  .help = "of the consumer in `bounded`, for a message" },
	{ "timeout", OPTION_SECONDS, &timeout, 0.001, 5,
	  .help = "of what is to give up, in two scenes" },
	{ "kills", OPTION_NUMBER, &kills, 1, 10000,
	  .help = "in the storm of `killed`" },
	{ 0 }
};

int main(int argc, char *argv[])
{
	mp_guard(argc, argv);
	return stage_main(argc, argv,
			  &(struct lab){ __FILE__, "queues", scenes, options });
}
