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

/* Seconds as the struct that system calls take; below 0 counts as 0. */
struct timespec timespec_of(double seconds);

/* Sleeps that long, signals or not: never shorter. */
void sleep_for(double seconds);

#endif
