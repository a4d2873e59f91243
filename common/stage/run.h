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

#include "timeline.h"

#include <stdbool.h>

#define RUN_EVENTS 65536 /* the timeline's: 4 MiB, if all are used */

#define RUN_MAGIC "lab-run" /* begins the file */

struct run {
	char magic[8];		/* RUN_MAGIC: it is one */
	double start;		/* of the scene, seconds on CLOCK_MONOTONIC */
	double began;		/* of the run */
	bool quiet;		/* no lines at all */
	bool colour;		/* may lines carry escape sequences? */
	bool unicode;		/* may they carry more than ASCII? */
	bool stepping;		/* does a conclusion wait for Enter? */
	size_t capacity;	/* events that fit */
	_Atomic uint64_t asked; /* events that were to be recorded */
	struct event event[];
};

/* The run that this process belongs to; one of its own if it has none. */
struct run *run(void);

/* Makes this process the head of a new run, with room for so many events. -1: an
 * errno of memfd_create(2), ftruncate(2), mmap(2), fcntl(2) or setenv(3). */
int run_begin(size_t events);

#endif
