/*
 * measure.h - how long a call takes, in how much memory, in how many threads
 *
 * Times are compared within one run, by the minimum of several: the machine may
 * be busy. So a conclusion asks for a factor of 3. Where a busy machine leaves
 * less of it, as of fork's lead in a small parent, it asks just which is faster.
 */
#ifndef STAGE_MEASURE_H
#define STAGE_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Calls call(0) to call(count - 1), many times in turn, so that whatever else the
 * machine does meets all of them. The minimum of each, in seconds, into least.
 */
void fastest(void (*call)(int which), int count, double *least);

/* Bytes of memory that this process can touch without hurting the machine: most,
 * or less where a quarter of what is available is less. */
size_t affordable(size_t most);

/*
 * What control groups leave of their memory to a process, in bytes: a container
 * has a limit of its own. list is the process's /proc/PID/cgroup, whose lines are
 * "number:controllers:path"; root is where the groups are mounted.
 */
double left_in_cgroups(const char *list, const char *root);

/* Is a parent of so many bytes large enough to tell what a fork of it costs? */
bool is_large(size_t bytes);

/* The threads of this process, by what /proc/self/task holds. */
int count_threads(void);

#endif
