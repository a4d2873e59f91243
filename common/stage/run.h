/*
 * run.h - what all processes of a run share, so that they speak alike
 *
 * The lab keeps it in a memory file (memfd_create(2)) and puts the file's path,
 * /proc/PID/fd/N, into the environment. Whatever process speaks first opens and
 * maps it: a forked child has it already, a spawned one and a program that was
 * exec'd by hand find it by the path. The descriptor is close-on-exec, so a
 * scene that counts descriptors does not meet it.
 */
#ifndef STAGE_RUN_H
#define STAGE_RUN_H

#include <stdbool.h>

struct run {
	double start; /* of the scene, seconds on CLOCK_MONOTONIC */
	bool colour;  /* may lines carry escape sequences? */
	bool unicode; /* may they carry more than ASCII? */
};

/* The run that this process belongs to; one of its own if it has none. */
struct run *run(void);

/* Makes this process the head of a new run. -1: an errno of memfd_create(2),
 * ftruncate(2), mmap(2) or setenv(3). */
int run_begin(void);

#endif
