/*
 * lab6.h - what the files of lab 6 share
 */
#ifndef LAB6_H
#define LAB6_H

#include "lock.h"
#include "process.h"
#include "stage.h"

extern double hold; /* --hold: how long a lock is held, or waited for */

/*
 * The door to a lock, in memory that the processes share: how a scene forces that
 * nobody is late. Those who come to it are counted, be they let in or turned
 * away; whoever waits for all goes on once so many have come as are expected.
 */
struct door {
	int expected;
	_Atomic int came, turned_away;
};

void come(struct door *door);
void wait_for_all(struct door *door);

/*
 * mp_lock_acquire() at a door. Whoever is turned away, because the lock is taken,
 * waits for it no sooner than all have come; the timeline has it as "waits".
 */
int take(struct mp_lock *lock, struct door *door, double timeout);

/* mp_lock_acquire() with its answer, as a line. */
int try_acquire(struct mp_lock *lock, double timeout);

/* The scenes of lab6-join.c, lab6-holder.c and lab6-wait.c. */
void play_what_serializes(void);
void play_timeout(void);
void play_non_owner(void);
void play_killed(void);
void play_barging(void);
void play_deadlock(void);

#endif
