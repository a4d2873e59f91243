/*
 * lab8-count.c - several processes change one number
 *
 * The scenes `lost-update` and `increments` of lab 8. The first one forces the
 * order of things: two children go on by a step only when the lab opens their
 * gate. The second one lets go of four, and counts.
 */
#include "lab8.h"

#include "lock.h"
#include "process.h"
#include "stage.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int increments = 1000000;

/* The number and its lock, in memory that the children share. */
struct counter {
	pthread_mutex_t mutex;
	_Atomic int64_t value;
};

static struct counter *open_counter(struct mp_shared *memory)
{
	struct counter *counter;
	struct mp_lock lock;

	check(mp_shared_open(memory, sizeof(*counter)));
	counter = memory->address;
	mp_lock_place(&lock, &counter->mutex);
	return counter;
}

/*
 * An increment, in two parts that no compiler makes one of. Relaxed: nothing but
 * the number itself is at stake.
 */
static int64_t load(struct counter *counter)
{
	return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

static void store(struct counter *counter, int64_t value)
{
	atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

/* --- lost-update ------------------------------------------------------- */

#define IN_BETWEEN "load to store" /* a span */

enum locking { NO_LOCK, EACH_ACCESS, LOAD_TO_STORE };

struct steps {
	struct gate go, done; /* the lab opens the first, the child the other */
	enum locking locking;
	struct counter *counter;
};

/* region: in-steps */
/* Is it held by another? Here nobody can come between: the lab sees to it. */
static bool is_taken(struct mp_lock *lock)
{
	if (mp_lock_acquire(lock, 0) < 0)
		return true;
	check(mp_lock_release(lock));
	return false;
}

static int64_t load_step(const struct steps *it, struct mp_lock *lock)
{
	bool locks = it->locking != NO_LOCK;
	bool unlocks = it->locking == EACH_ACCESS;
	int64_t loaded;

	if (locks)
		check(mp_lock_acquire(lock, PATIENCE));
	loaded = load(it->counter);
	span_begin(IN_BETWEEN);
	if (unlocks)
		check(mp_lock_release(lock));
	say("%sloads %" PRId64 "%s", locks ? "locks, " : "", loaded,
	    unlocks ? ", unlocks" : "");
	return loaded;
}

static void store_step(const struct steps *it, struct mp_lock *lock,
		       int64_t value)
{
	bool locks = it->locking == EACH_ACCESS;
	bool unlocks = it->locking != NO_LOCK;

	if (locks)
		check(mp_lock_acquire(lock, PATIENCE));
	store(it->counter, value);
	span_end();
	if (unlocks)
		check(mp_lock_release(lock));
	say("%sstores %" PRId64 "%s", locks ? "locks, " : "", value,
	    unlocks ? ", unlocks" : "");
}

/* A child: increments in two steps, and takes each when the lab lets it. */
static int increment_in_steps(const void *args, size_t size)
{
	struct steps it = *(const struct steps *)args;
	struct mp_lock lock = { .mutex = &it.counter->mutex };
	int64_t loaded = 0;
	bool waits;

	(void)size;
	gate_wait(&it.go);
	waits = it.locking == LOAD_TO_STORE && is_taken(&lock);
	if (waits)
		say("finds it locked, and loads nothing");
	else
		loaded = load_step(&it, &lock);
	gate_open(&it.done);

	gate_wait(&it.go);
	if (waits)
		loaded = load_step(&it, &lock);
	store_step(&it, &lock, loaded + 1);
	gate_open(&it.done);
	return 0;
}
/* endregion */

/* region: conduct */
static void take_step(struct steps *it)
{
	gate_open(&it->go);
	gate_wait(&it->done);
}

static struct mp_process start_stepper(struct steps *it, const char *name)
{
	struct mp_process p = { .target = increment_in_steps, MP_ARGS(*it) };

	gate_make(&it->go);
	gate_make(&it->done);
	snprintf(p.name, sizeof(p.name), "%s", name);
	check(start_process(&p));
	close(it->go.in);
	close(it->done.out); /* or we would wait for ever for a dead child */
	it->done.out = -1;
	return p;
}

/* A loads, B loads, A stores, B stores: what two increments come to. */
static int64_t conduct(enum locking locking, struct record *record)
{
	struct mp_shared memory;
	struct steps a = { .locking = locking,
			   .counter = open_counter(&memory) };
	struct steps b = a;
	struct mp_process child_a, child_b;
	int64_t counted;

	*record = record_start();
	child_a = start_stepper(&a, "A");
	child_b = start_stepper(&b, "B");
	take_step(&a);
	take_step(&b);
	take_step(&a);
	take_step(&b);
	check(join_process(&child_a, PATIENCE));
	check(join_process(&child_b, PATIENCE));
	record_stop(record);
	counted = load(a.counter);
	mp_shared_close(&memory);
	close(a.go.out);
	close(a.done.in);
	close(b.go.out);
	close(b.done.in);
	return counted;
}

void play_lost_update(void)
{
	struct record record;
	int64_t counted;

	counted = conduct(NO_LOCK, &record);
	conclude(counted == 1 && most_at_once(&record, IN_BETWEEN) == 2,
		 "no lock: two increments, %" PRId64 " counted", counted);
	counted = conduct(EACH_ACCESS, &record);
	conclude(counted == 1 && most_at_once(&record, IN_BETWEEN) == 2,
		 "a lock around each access: %" PRId64 " counted, no better",
		 counted);
	counted = conduct(LOAD_TO_STORE, &record);
	conclude(counted == 2 && most_at_once(&record, IN_BETWEEN) == 1,
		 "one lock from load to store: %" PRId64 " counted", counted);
}
/* endregion */

/* --- increments -------------------------------------------------------- */

#define PROCESSES 4

enum way { APART, LOCKED, ATOMIC, WAYS };

struct counting {
	struct gate start;
	enum way way;
	struct counter *counter;
};

/* region: count-up */
/* A child: so many increments, in one of three ways. */
static int count_up(const void *args, size_t size)
{
	struct counting it = *(const struct counting *)args;
	struct counter *counter = it.counter;
	struct mp_lock lock = { .mutex = &counter->mutex };

	(void)size;
	gate_wait(&it.start);
	span_begin("counts");
	for (int i = 0; i < increments; i++)
		switch (it.way) {
		case LOCKED:
			check(mp_lock_acquire(&lock, PATIENCE));
			store(counter, load(counter) + 1);
			check(mp_lock_release(&lock));
			break;
		case ATOMIC:
			atomic_fetch_add(&counter->value, 1);
			break;
		default:
			store(counter, load(counter) + 1);
		}
	span_end();
	return 0;
}
/* endregion */

/* Four at once; what they counted, and the seconds that it took. */
static int64_t count_by(enum way way, double *took)
{
	struct mp_shared memory;
	struct counting it = { .way = way, .counter = open_counter(&memory) };
	struct mp_process child[PROCESSES];
	int64_t counted;

	gate_make(&it.start);
	for (int i = 0; i < PROCESSES; i++) {
		child[i] =
			(struct mp_process){ .target = count_up, MP_ARGS(it) };
		check(start_process(&child[i]));
	}
	*took = monotonic_now();
	for (int i = 0; i < PROCESSES; i++)
		gate_open(&it.start);
	for (int i = 0; i < PROCESSES; i++)
		check(join_process(&child[i], PATIENCE));
	*took = monotonic_now() - *took;
	gate_close(&it.start);
	counted = load(it.counter);
	mp_shared_close(&memory);
	return counted;
}

/* region: increments */
void play_increments(void)
{
	static const char *const names[WAYS] = { "load and store",
						 "with a lock", "atomic" };
	int64_t all = (int64_t)PROCESSES * increments, counted[WAYS];
	double took;

	show("  %d processes, %d increments each:", PROCESSES, increments);
	for (enum way way = 0; way < WAYS; way++) {
		counted[way] = count_by(way, &took);
		show("  %-16s%9" PRId64
		     " counted, %4.1f %% lost, %7.1f ms, %6.1f ns each",
		     names[way], counted[way],
		     100.0 * (all - counted[way]) / all, took * 1e3,
		     took * 1e9 / all);
	}
	show("  What load and store lose is luck: none, or nearly all.");
	conclude(counted[LOCKED] == all, "with a lock: %" PRId64 " lost",
		 all - counted[LOCKED]);
	conclude(counted[ATOMIC] == all,
		 "atomic, nobody comes between: %" PRId64 " lost",
		 all - counted[ATOMIC]);
}
/* endregion */
