/*
 * lab5-steps.c - killed after each instruction
 *
 * The scene `every-instruction` of lab 5. A victim calls put, and the lab leads
 * it by ptrace(2), an instruction a step. After so many of them it kills it,
 * and looks whether the message is in the queue. Then comes a new victim, which
 * may do more of them. All the while a sleeper waits in get for that message:
 * would it be woken? Then the same for get, with a sleeper in put.
 */
#include "lab5.h"

#include "process.h"
#include "stage.h"
#include "terminal.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAPACITY 4096 /* bytes: the smallest queue */
#define MESSAGE	 (CAPACITY / 4 - MP_QUEUE_COST)
#define FIT	 4     /* of them are in it then */
#define COLUMNS	 60    /* points at which it is killed, a column each */
#define FEWEST	 10    /* where time is short */
#define LONGEST	 50000 /* instructions that a call may have */
#define BUDGET	 0.5   /* seconds for a strip, if it can be had */

static struct walk {
	struct mp_queue queue;
	bool puts;	   /* the victim; the sleeper does the other thing */
	_Atomic bool in;   /* the victim is in the call, */
	_Atomic bool done; /* and has come out */
	_Atomic int moved; /* messages that the sleeper has got, or put */
	_Atomic int torn;
} * walk;

/* --- one victim --------------------------------------------------------- */

/* region: victim */
void let_lead(pid_t lab)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* not to stay stopped without it */
	if (getppid() != lab || ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(1);
	raise(SIGSTOP);
}

static _Noreturn void be_led(pid_t lab)
{
	char message[MESSAGE];

	fill_message(message, MESSAGE, 1);
	alarm(PATIENCE);
	let_lead(lab); /* from here on, by the lab's steps */
	walk->in = true;
	if (walk->puts)
		mp_queue_put(&walk->queue, message, MESSAGE, -1);
	else
		mp_queue_get(&walk->queue, message, MESSAGE, -1);
	walk->done = true;
	_exit(0);
}

/* One instruction, or one system call. False: it has come to something else. */
static bool step(pid_t pid)
{
	int status;

	return ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 &&
	       waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
	       WSTOPSIG(status) == SIGTRAP;
}

/* Leads a victim through so many instructions of the call, and kills it. How
 * many it did; -1: it cannot be led. */
static int lead(int instructions)
{
	int did = 0, before = 0, status;
	pid_t lab = getpid(), pid;

	walk->in = walk->done = false;
	pid = check(fork());
	if (pid == 0)
		be_led(lab);
	check(waitpid(pid, &status, 0));
	if (!WIFSTOPPED(status))
		return -1;
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
	while (!walk->in && before < LONGEST && step(pid))
		before++;
	while (walk->in && !walk->done && did < instructions && step(pid))
		did++;
	kill(pid, SIGKILL);
	check(waitpid(pid, NULL, 0));
	return walk->in ? did : -1;
}
/* endregion */

/* --- the sleeper --------------------------------------------------------- */

static bool do_the_other(void)
{
	char message[MESSAGE];

	if (walk->puts) {
		if (mp_queue_get(&walk->queue, message, MESSAGE, PATIENCE) < 0)
			return false;
		walk->torn += message_number(message, MESSAGE) != 1;
		return true;
	}
	fill_message(message, MESSAGE, walk->moved);
	return mp_queue_put(&walk->queue, message, MESSAGE, PATIENCE) == 0;
}

static int sleep_in_the_other(const void *args, size_t size)
{
	(void)args;
	(void)size;
	while (do_the_other())
		walk->moved++;
	return 1; /* nobody came; the lab has killed us otherwise */
}

/* region: settles */
/*
 * Waits until the sleeper sleeps again and there is nothing that it could do.
 * False: it could, and has slept on for a second; nobody has woken it.
 */
static bool settles(pid_t sleeper)
{
	size_t idle = walk->puts ? 0 : FIT;
	double now = monotonic_now(), awake = now, until = now + PATIENCE;

	while (mp_queue_count(&walk->queue) != idle || !is_asleep(sleeper)) {
		now = monotonic_now();
		if (!is_asleep(sleeper))
			awake = now;
		if (now > awake + 1 || now > until)
			return false;
		sleep_for(0.0001);
	}
	return true;
}
/* endregion */

/* --- a strip ------------------------------------------------------------- */

struct strip {
	int instructions; /* of the whole call */
	char cells[COLUMNS + 1];
	int last_not, first_in; /* instructions after which it was, or not */
	bool woken;		/* the sleeper, each time */
};

/* region: strip */
/* Kills a victim after so many instructions, and notes what has come of it. */
static char try(struct strip *strip, pid_t sleeper, int instructions)
{
	int moved = walk->moved;

	lead(instructions);
	if (!settles(sleeper)) {
		strip->woken = false;
		show("killed after %d: the sleeper %s!", instructions,
		     is_asleep(sleeper) ? "sleeps on" : "found no message");
		return '!';
	}
	if (walk->moved == moved) {
		if (instructions > strip->last_not)
			strip->last_not = instructions;
		return '.';
	}
	if (instructions < strip->first_in)
		strip->first_in = instructions;
	return '#';
}

/* Points from the first to the last instruction, and then the two between which
 * it happens. False: nobody can be led here. */
static bool make_strip(struct strip *strip, pid_t sleeper)
{
	double began, took;
	int columns;

	strip->woken = settles(sleeper);
	began = monotonic_now();
	strip->instructions = lead(LONGEST);
	if (strip->instructions < 0 || !walk->done)
		return false;
	strip->woken = settles(sleeper) && strip->woken;
	took = monotonic_now() - began;
	columns = took * COLUMNS / 2 < BUDGET ? COLUMNS : 2 * BUDGET / took;
	if (columns < FEWEST)
		columns = FEWEST;
	for (int i = 0; i < columns && strip->woken; i++)
		strip->cells[i] = try(strip, sleeper,
				      i * strip->instructions / (columns - 1));
	while (strip->woken && strip->first_in - strip->last_not > 1)
		try(strip, sleeper, (strip->first_in + strip->last_not) / 2);
	return true;
}
/* endregion */

/* What is left: after puts nothing; after gets what the sleeper put last. */
static bool all_whole(void)
{
	char message[MESSAGE];
	int left = mp_queue_count(&walk->queue);

	if (walk->puts)
		return left == 0 && walk->torn == 0;
	for (int i = walk->moved - left; i < walk->moved; i++)
		if (mp_queue_get(&walk->queue, message, MESSAGE, 0) !=
			    MESSAGE ||
		    message_number(message, MESSAGE) != i)
			return false;
	return left == FIT;
}

/* The strip as a line; plain ASCII where the locale is not UTF-8. */
static void show_strip(const struct strip *strip)
{
	bool utf8 = speaks_utf8();
	char line[COLUMNS * sizeof("█")] = "", *end = line;

	for (const char *cell = strip->cells; *cell != '\0'; cell++)
		if (utf8 && *cell == '#')
			end = stpcpy(end, "█");
		else if (utf8 && *cell == '.')
			end = stpcpy(end, "·");
		else
			*end++ = *cell;
	*end = '\0';
	show("  %s  %s %s", line, utf8 ? "█" : "#",
	     walk->puts ? "it is in" : "it is out");
}

static bool walk_through(bool puts, bool *whole, bool *woken)
{
	struct mp_process sleeper = { .target = sleep_in_the_other };
	struct strip strip = { .last_not = -1, .first_in = LONGEST };
	const char *name = puts ? "put" : "get";
	bool led;

	walk->puts = puts;
	walk->moved = 0;
	check(mp_process_start(&sleeper));
	led = make_strip(&strip, sleeper.pid);
	check(mp_process_kill(&sleeper));
	check(mp_process_join(&sleeper, PATIENCE));
	if (!led)
		return false;
	*woken = strip.woken;
	*whole &= strip.woken && all_whole();
	show("%s, %d instructions, a sleeper in %s:", name, strip.instructions,
	     puts ? "get" : "put");
	show_strip(&strip);
	if (strip.woken)
		conclude(strip.first_in == strip.last_not + 1,
			 "%s: killed after %d nothing is done, after %d all is",
			 name, strip.last_not, strip.first_in);
	return true;
}

void play_every_instruction(void)
{
	bool whole = true, woken = true, led;

	walk = shared_memory(sizeof(*walk));
	check(mp_queue_open(&walk->queue, CAPACITY));
	led = walk_through(true, &whole, &woken) &&
	      (!woken || walk_through(false, &whole, &woken));
	if (led) {
		if (woken)
			conclude(whole, "no message was torn, at any of them");
		conclude(woken, "and the sleeper was woken whenever it had to");
	} else {
		show("No process can be led by ptrace(2) here.");
	}
	mp_queue_close(&walk->queue);
	free_memory(walk, sizeof(*walk));
}
