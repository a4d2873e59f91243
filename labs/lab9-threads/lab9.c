/*
 * lab9.c - threads, which no child has, and the locks they leave behind
 *
 * Usage: build/lab9 [OPTION]... [SCENE]...     (--help names them)
 *
 * The lab is a process with threads, and starts children in every way. Which
 * thread holds what at the moment of a fork is forced by semaphores, and every
 * wait gives up after a while: a lock that is never free is a conclusion here,
 * not a hang.
 *
 *	lab9.c			how many threads a child has
 *	lab9-locked.c		the lock that stays locked
 *	lab9-atfork.c		a cure that is none
 *	lab9-order.c		in which order it goes well
 *	lab9-forkserver.c	who forks, if not we
 */
#include "lab9.h"

#include "process.h"
#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* --- threads and locks -------------------------------------------------- */

void await(sem_t *semaphore)
{
	struct timespec until = realtime_after(PATIENCE);

	while (sem_timedwait(semaphore, &until) < 0)
		if (errno != EINTR)
			die("another thread does not answer");
}

int take(pthread_mutex_t *mutex, double seconds)
{
	struct timespec until = realtime_after(seconds);

	return pthread_mutex_timedlock(mutex, &until);
}

const char *word(int error)
{
	switch (error) {
	case 0:
		return "taken";
	case ETIMEDOUT:
		return "ETIMEDOUT";
	case EPERM:
		return "EPERM";
	default:
		return strerror(error);
	}
}

static void *hold(void *arg)
{
	struct holder *it = arg;

	pthread_mutex_lock(&mutex);
	sem_post(&it->held);
	while (sem_wait(&it->let_go) < 0)
		; /* EINTR */
	pthread_mutex_unlock(&mutex);
	return NULL;
}

void holder_start(struct holder *holder)
{
	sem_init(&holder->held, 0, 0);
	sem_init(&holder->let_go, 0, 0);
	check_pthread(pthread_create(&holder->thread, NULL, hold, holder));
	await(&holder->held);
}

void holder_end(struct holder *holder)
{
	sem_post(&holder->let_go);
	pthread_join(holder->thread, NULL);
	sem_destroy(&holder->held);
	sem_destroy(&holder->let_go);
}

/* --- program ----------------------------------------------------------- */

/* region: tell */
int tell_threads(const void *args, size_t size)
{
	(void)args;
	(void)size;
	printf("%d\n", count_threads());
	return 0;
}
/* endregion */

/* In the chapter it stands beside the Python, and is half a page wide. */
/* clang-format off */
/* region: program */
static sem_t done;

static void *stay(void *unused)
{
	await(&done);
	return unused;
}

static void ask(enum mp_method method)
{
	struct mp_process p = {
		.target = tell_threads,
		.method = method,
	};

	check(mp_process_start(&p));
	check(mp_process_join(&p, PATIENCE));
	if (p.status != 0)
		exit(1); /* told why */
}

static void play_program(void)
{
	pthread_t t[2];

	sem_init(&done, 0, 0);
	for (int i = 0; i < 2; i++)
		check_pthread(
			pthread_create(&t[i],
			NULL, stay, NULL));
	ask(MP_FORK);
	ask(MP_SPAWN);
	for (int i = 0; i < 2; i++)
		sem_post(&done);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}
/* endregion */
/* clang-format on */

/* --- by-hand ----------------------------------------------------------- */

/* region: by-hand */
static _Thread_local bool called_fork; /* each thread has its own */

static void *wait_for_the_end(void *pipe)
{
	char byte;

	if (read(*(int *)pipe, &byte, 1) < 0) /* 0: its other end is closed */
		die("read");
	return NULL;
}

static void play_by_hand(void)
{
	pthread_t thread[2];
	int end[2], here, status;
	pid_t pid;

	check(pipe(end));
	for (int i = 0; i < 2; i++)
		check_pthread(pthread_create(&thread[i], NULL, wait_for_the_end,
					     end));

	called_fork = true;
	switch (pid = check(fork())) {
	case 0:
		alarm(PATIENCE); /* the end of it, should it hang */
		speak_as("child");
		say("entries in /proc/self/task: %d; it called fork(): %s",
		    count_threads(), called_fork ? "yes" : "no");
		_exit(called_fork ? count_threads() : 0);
	}
	check(waitpid(pid, &status, 0));
	here = count_threads();
	say("entries in /proc/self/task: %d", here);
	close(end[1]);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	close(end[0]);
	conclude(here == 3, "two were created beside main: the parent has 3");
	conclude(WIFEXITED(status) && WEXITSTATUS(status) == 1,
		 "the child has 1: that which called fork(), no other");
}
/* endregion */

static const struct scene scenes[] = {
	{ "program", "what do the C program and the Python program print?",
	  play_program },
	{ "by-hand", "a process has 3 threads: how many has its forked child?",
	  play_by_hand },
	{ "locked-for-ever",
	  "a thread holds a lock at the fork: who unlocks it?",
	  play_locked_for_ever },
	{ "atfork", "handlers around every fork: does that cure it?",
	  play_atfork },
	{ "order-matters", "threads and processes: in which order is it safe?",
	  play_order_matters },
	{ "forkserver", "somebody else forks for us: what has his child?",
	  play_forkserver },
	{ 0 }
};

size_t max_rss = 256ul << 20;
int rounds = 100;

static const struct option_row options[] = {
	{ "max-rss", OPTION_SIZE, &max_rss, 1 << 20, 64.0 * (1 << 30),
	  .help = "the largest parent in `forkserver`" },
	{ "rounds", OPTION_NUMBER, &rounds, 1, 1000,
	  .help = "how often in `order-matters`" },
	{ 0 }
};

int main(int argc, char *argv[])
{
	mp_guard(argc, argv);
	return stage_main(argc, argv,
			  &(struct lab){ __FILE__, "threads and forks", scenes,
					 options });
}
