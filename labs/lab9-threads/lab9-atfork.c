/*
 * lab9-atfork.c - handlers around a fork, a cure that is none
 *
 * The scene `atfork` of lab 9. The handlers take two mutexes before a fork and
 * let go of them after it, in the parent and in the child. A thread holds both
 * when fork() is called. Of a default mutex that is the cure; the other kind
 * knows its owner by the thread's id, and the child's thread has a new one.
 */
#include "lab9.h"

#include "stage.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* region: handlers */
enum { DEFAULT, CHECKED, TYPES };

static struct {
	pthread_mutex_t mutex[TYPES];
	int unlocked[TYPES]; /* what the child's handler got */
	bool on;	     /* handlers cannot be taken back: off otherwise */
	sem_t held;	     /* by the thread */
	sem_t begun;	     /* a fork() waits for the mutexes */
} guarded;

static void before_fork(void)
{
	if (!guarded.on)
		return;
	sem_post(&guarded.begun);
	for (int type = 0; type < TYPES; type++)
		if (take(&guarded.mutex[type], PATIENCE) != 0)
			die("nobody lets go of a mutex");
}

static void after_fork(void)
{
	for (int type = 0; guarded.on && type < TYPES; type++)
		guarded.unlocked[type] =
			pthread_mutex_unlock(&guarded.mutex[type]);
}
/* endregion */

/* Takes both, so that they are held when fork() is called. */
static void *hold_until_the_fork(void *unused)
{
	speak_as("thread");
	for (int type = 0; type < TYPES; type++)
		pthread_mutex_lock(&guarded.mutex[type]);
	span_begin("holds both");
	sem_post(&guarded.held);
	await(&guarded.begun);
	say("fork() was called, and waits for my two mutexes");
	sleep_for(A_WHILE); /* so that the picture shows it */
	span_end();
	for (int type = 0; type < TYPES; type++)
		pthread_mutex_unlock(&guarded.mutex[type]);
	return unused;
}

static void end_guarded(void)
{
	for (int type = 0; type < TYPES; type++) {
		pthread_mutex_unlock(&guarded.mutex[type]);
		pthread_mutex_destroy(&guarded.mutex[type]);
	}
	sem_destroy(&guarded.begun);
	sem_destroy(&guarded.held);
}

static void make_guarded(void)
{
	static bool registered;
	pthread_mutexattr_t checking;

	pthread_mutexattr_init(&checking);
	pthread_mutexattr_settype(&checking, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&guarded.mutex[DEFAULT], NULL);
	pthread_mutex_init(&guarded.mutex[CHECKED], &checking);
	pthread_mutexattr_destroy(&checking);
	sem_init(&guarded.begun, 0, 0);
	sem_init(&guarded.held, 0, 0);
	if (!registered &&
	    pthread_atfork(before_fork, after_fork, after_fork) != 0)
		die("pthread_atfork");
	registered = true;
}

/* What became of the mutexes in one process. */
struct fate {
	int unlocked[TYPES], taken[TYPES];
};

static struct fate try_guarded(void)
{
	struct fate fate;

	for (int type = 0; type < TYPES; type++) {
		fate.unlocked[type] = guarded.unlocked[type];
		fate.taken[type] = take(&guarded.mutex[type], A_WHILE);
	}
	return fate;
}

static void show_fate(const char *who, const struct fate *fate)
{
	static const char *const names[] = { "default", "error-checking" };

	for (int type = 0; type < TYPES; type++)
		show("  %-8s %-16s %-10s %s", who, names[type],
		     fate->unlocked[type] == 0 ? "unlocked"
					       : word(fate->unlocked[type]),
		     word(fate->taken[type]));
}

/* region: atfork */
void play_atfork(void)
{
	struct record record = record_start();
	struct fate here, there;
	struct gate answers;
	pthread_t thread;
	pid_t pid;

	make_guarded();
	gate_make(&answers);
	check_pthread(pthread_create(&thread, NULL, hold_until_the_fork, NULL));
	await(&guarded.held);
	guarded.on = true;
	span_begin("fork()");
	switch (pid = check(fork())) {
	case 0:
		alarm(PATIENCE); /* the end of it, should it hang */
		speak_as("child");
		span_begin("tries");
		there = try_guarded();
		span_end();
		report(answers.out, &there, sizeof(there));
		_exit(0);
	}
	span_end();
	close(answers.out); /* or we would wait for a child that has died */
	answers.out = -1;
	guarded.on = false;
	hear(answers.in, &there, sizeof(there));
	check(waitpid(pid, NULL, 0));
	pthread_join(thread, NULL);
	here = try_guarded();
	record_stop(&record);

	show("  %-8s %-16s %-10s %s", "", "mutex", "handler", "then");
	show_fate("parent", &here);
	show_fate("child", &there);
	show_chart(&record);
	conclude(ended_before(&record, "holds both", "tries") &&
			 there.unlocked[DEFAULT] == 0 &&
			 there.taken[DEFAULT] == 0,
		 "fork() waited for it, so the child can use a default mutex");
	conclude(there.unlocked[CHECKED] == EPERM &&
			 there.taken[CHECKED] == ETIMEDOUT &&
			 here.taken[CHECKED] == 0,
		 "error-checking: EPERM, its owner is the parent's: no cure");
	gate_close(&answers);
	end_guarded();
}
/* endregion */
