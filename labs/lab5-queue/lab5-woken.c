/*
 * lab5-woken.c - killed with a wake-up in its hands
 *
 * The scene `woken` of lab 5. Two children sleep in get. The lab holds the
 * first by ptrace(2), which stops it where its system call returns. The lab
 * puts a message; that wakes the first sleeper, and the lab kills it before it
 * does anything. If the wake-up was for one alone, it is gone now.
 */
#include "lab5.h"

#include "process.h"
#include "stage.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENOUGH 5 /* seconds for who was woken to show it */

static struct mp_queue queue;

static int get_number(const void *args, size_t size)
{
	uint64_t number;

	(void)args;
	(void)size;
	return mp_queue_get(&queue, &number, sizeof(number), PATIENCE) !=
	       sizeof(number);
}

/* region: held */
/* A sleeper in get, which stops when its system call returns. -1: not here. */
static pid_t start_held_sleeper(void)
{
	double until = monotonic_now() + PATIENCE;
	pid_t lab = getpid(), pid = check(fork());
	int status = 0;

	if (pid == 0) {
		alarm(PATIENCE);
		let_lead(lab);
		_exit(get_number(NULL, 0));
	}
	check(waitpid(pid, &status, 0));
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
	while (WIFSTOPPED(status) && monotonic_now() < until) {
		/* From one stop, at a call or at its return, to the next. */
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0)
			break;
		while (waitpid(pid, &status, WNOHANG) == 0)
			if (is_asleep(pid))
				return pid; /* within its call */
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0); /* unless it was reaped above */
	return -1;
}
/* endregion */

/* region: woken */
void play_woken(void)
{
	struct mp_process other = { .target = get_number };
	uint64_t number = 1;
	pid_t held;
	bool asleep, woken, got;
	int status;

	check(mp_queue_open(&queue, 4096));
	held = start_held_sleeper();
	if (held < 0) {
		show("No process can be held by ptrace(2) here.");
		mp_queue_close(&queue);
		return;
	}
	check(mp_process_start(&other));
	asleep = falls_asleep(other.pid);
	say("two sleep in get; I put one message");
	check(mp_queue_put(&queue, &number, sizeof(number), PATIENCE));
	check(waitpid(held, &status, 0)); /* its sleep has returned */
	woken = WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
	check(kill(held, SIGKILL));
	check(waitpid(held, NULL, 0));
	say("the first %s, and is killed before it does anything",
	    woken ? "wakes" : "did not wake");

	got = mp_process_join(&other, ENOUGH) == 0 &&
	      mp_process_exitcode(&other) == 0;
	say("the second %s", got ? "got the message" : "sleeps on");
	conclude(asleep && woken && got,
		 "each put wakes all: no wake-up dies with who was woken");
	if (!got) {
		check(mp_process_kill(&other));
		check(mp_process_join(&other, PATIENCE));
	}
	mp_queue_close(&queue);
}
/* endregion */
