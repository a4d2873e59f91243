/*
 * deadline.h - points in time, in seconds
 *
 * Waits in this suite are told how long by a double: negative means for ever.
 * See clock_gettime(2).
 */
#ifndef SYS_DEADLINE_H
#define SYS_DEADLINE_H

#include <time.h>

/* Seconds on CLOCK_MONOTONIC: the same clock in every process. */
double monotonic_now(void);

/* The point in time so many seconds from now; of a negative number, never. */
double deadline_after(double seconds);

/* The seconds until then, for a call that waits: negative means for ever, and 0
 * that the time is over. */
double time_left(double deadline);

/* Seconds as the struct that system calls take; below 0 counts as 0. */
struct timespec timespec_of(double seconds);

/* The point in time so many seconds from now on CLOCK_REALTIME, for calls that
 * know no other clock. */
struct timespec realtime_after(double seconds);

/* Sleeps that long, signals or not: never shorter. */
void sleep_for(double seconds);

#endif
