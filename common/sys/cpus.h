/*
 * cpus.h - on which CPUs a process may run
 *
 * See sched_setaffinity(2); what it starts, starts with the same ones. On machines
 * of more than 1024 CPUs it stays where it is, on all of them.
 */
#ifndef SYS_CPUS_H
#define SYS_CPUS_H

#include <sched.h>

/* How many there are for this process; at least 1. Python:
 * len(os.sched_getaffinity(0)). */
int usable_cpus(void);

/* Keeps this thread, and what it starts, on the CPU that it is on. Where it could
 * run before: for use_cpus(). */
cpu_set_t stay_on_one_cpu(void);

void use_cpus(const cpu_set_t *cpus);

#endif
