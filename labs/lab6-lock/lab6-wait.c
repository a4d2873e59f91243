/*
 * lab6-wait.c - what those who wait may hope for
 *
 * The scenes `barging` and `deadlock` of lab 6. Whoever waits for a lock sleeps
 * in futex(2); a release wakes him, and promises him nothing.
 */
#include "lab6.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* --- barging ----------------------------------------------------------- */

#define RELEASES 100

struct barge {
	struct mp_lock lock;
	_Atomic int asked, got; /* by the waiter */
	_Atomic bool enough;
};

/* The waiter: asks for the lock whenever it has not got it. */
static int ask_again_and_again(const void *args, size_t size)
{
	struct barge *it = (struct barge *)args;

	(void)size;
	/* Woken, it does not take the processor from the one who woke it. */
	sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
	while (!it->enough) {
		it->asked++;
		check(mp_lock_acquire(&it->lock, PATIENCE));
		it->got++;
		check(mp_lock_release(&it->lock));
	}
	return 0;
}

/* The state letter in /proc/PID/stat, behind the name in brackets. */
static char state_of(pid_t pid)
{
	char path[64], line[512] = "", *behind_name;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file == NULL || fgets(line, sizeof(line), file) == NULL)
		die(path);
	fclose(file);
	behind_name = strrchr(line, ')');
	return behind_name == NULL ? '?' : behind_name[2];
}

/* Between asking and getting the waiter sleeps for the lock, for nothing else. */
static void wait_until_it_waits(const struct barge *it, pid_t waiter)
{
	double deadline = deadline_after(PATIENCE);

	while (it->asked == it->got || state_of(waiter) != 'S') {
		if (time_left(deadline) == 0) {
			errno = ETIMEDOUT;
			die("the waiter does not wait");
		}
		sleep_for(0.0001);
	}
}

/* region: barging */
void play_barging(void)
{
	struct barge *it = shared_memory(sizeof(*it));
	struct mp_process waiter = { .target = ask_again_and_again,
				     .args = it,
				     .size = sizeof(*it),
				     .name = "waiter" };
	int again = 0, before;

	check(mp_lock_open(&it->lock));
	check(mp_lock_acquire(&it->lock, 0));
	check(mp_process_start(&waiter));
	for (int i = 0; i < RELEASES; i++) {
		wait_until_it_waits(it, waiter.pid);
		before = it->got;
		check(mp_lock_release(&it->lock)); /* wakes the waiter */
		check(mp_lock_acquire(&it->lock, PATIENCE));
		again += it->got == before; /* nobody had it in between */
	}
	wait_until_it_waits(it, waiter.pid);
	before = it->got;
	it->enough = true;
	check(mp_lock_release(&it->lock));
	check(mp_process_join(&waiter, PATIENCE));

	say("%d releases over a sleeper: I had it in %d of them", RELEASES,
	    again);
	conclude(again > 0,
		 "a release hands nothing over: whoever is quick has it");
	conclude(it->got == before + 1,
		 "a release that nobody barged in on: the waiter had it");
	mp_lock_close(&it->lock);
	free_memory(it, sizeof(*it));
}
/* endregion */

/* --- deadlock ---------------------------------------------------------- */

#define LOCKS 2

struct table {
	struct mp_lock lock[LOCKS];
	struct door first, second; /* to whichever lock that is */
};

struct taker {
	struct table *table;
	int first, second; /* which lock */
	double patience;   /* with the second */
};

enum { HAD_BOTH, GAVE_UP }; /* exit status */

/* region: take-both */
static int take_both(const void *args, size_t size)
{
	const struct taker *me = args;
	struct table *table = me->table;
	int got;

	(void)size;
	check(take(&table->lock[me->first], &table->first, PATIENCE));
	wait_for_all(&table->first); /* so the other has one, or waits for it */
	got = take(&table->lock[me->second], &table->second, me->patience);
	if (got == 0) {
		span_begin("has both");
		sleep_for(hold);
		span_end();
		check(mp_lock_release(&table->lock[me->second]));
	}
	check(mp_lock_release(&table->lock[me->first]));
	return got == 0 ? HAD_BOTH : GAVE_UP;
}
/* endregion */

/* region: deadlock */
struct ends {
	int a, b; /* exit codes */
};

/* A takes lock 0 and then 1, B as it is told. */
static struct ends let_two_take_both(struct record *record, int first,
				     int second)
{
	struct table *table = shared_memory(sizeof(*table));
	struct taker taker[] = { { table, 0, 1, PATIENCE },
				 { table, first, second, hold } };
	struct mp_process a = { .target = take_both,
				MP_ARGS(taker[0]),
				.name = "A" };
	struct mp_process b = { .target = take_both,
				MP_ARGS(taker[1]),
				.name = "B" };

	for (int i = 0; i < LOCKS; i++)
		check(mp_lock_open(&table->lock[i]));
	table->first.expected = table->second.expected = 2;
	*record = record_start();
	check(start_process(&a));
	check(start_process(&b));
	check(join_process(&a, PATIENCE));
	check(join_process(&b, PATIENCE));
	record_stop(record);
	for (int i = 0; i < LOCKS; i++)
		mp_lock_close(&table->lock[i]);
	free_memory(table, sizeof(*table));
	return (struct ends){ mp_process_exitcode(&a),
			      mp_process_exitcode(&b) };
}

/* One process alone can do it, too. Does it hang, or is it told? */
static bool told_at_once(double timeout)
{
	struct mp_lock lock;
	bool told;

	check(mp_lock_open(&lock));
	check(mp_lock_acquire(&lock, 0));
	told = try_acquire(&lock, timeout) < 0 && errno == EDEADLK;
	mp_lock_close(&lock);
	return told;
}

void play_deadlock(void)
{
	static const char *const label[] = { "opposite order", "one order" };
	struct record record[2];
	struct ends opposite = let_two_take_both(&record[0], 1, 0);
	struct ends same = let_two_take_both(&record[1], 0, 1);

	show_charts(record, label, 2);
	conclude(most_at_once(&record[0], "waits") == 2 &&
			 opposite.a == HAD_BOTH && opposite.b == GAVE_UP,
		 "opposite order: each waited for the other, until B gave up");
	conclude(most_at_once(&record[1], "waits") == 1 && same.a == HAD_BOTH &&
			 same.b == HAD_BOTH,
		 "one order: one waited for the first lock, and both had both");
	conclude(told_at_once(0) && told_at_once(-1),
		 "who has a lock and asks for it again is told: EDEADLK");
}
/* endregion */
