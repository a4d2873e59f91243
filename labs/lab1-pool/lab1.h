/*
 * lab1.h - what the files of lab 1 share
 */
#ifndef LAB1_H
#define LAB1_H

#include "pool.h"

/* --- lab1.c ----------------------------------------------------------- */

/* mp_pool_wait(), but not for ever, and no other -1 is expected: how many items
 * have no result. */
size_t wait_for_map(struct mp_pool *pool);

/* mp_pool_map() likewise. */
size_t run_map(struct mp_pool *pool, struct mp_map *map);

/* For a task: this worker goes by a shorter name in lines and charts, as
 * "worker 1" for ForkPoolWorker-1. Its number. */
int speak_as_worker(void);

/* How many of the results are as they should be, the squares of 0, 1, 2 ... */
int count_squares(const int *results, int count);

/* --- lab1-speedup.c: options ------------------------------------------ */

extern int most_workers;  /* --workers; 0: as many as CPUs */
extern int million_steps; /* --work; 0: one a worker */

/* --- the scenes ------------------------------------------------------- */

void play_chunks(void);	 /* lab1-chunks.c */
void play_speedup(void); /* lab1-speedup.c */
void play_exit(void);	 /* lab1-end.c */
void play_failure(void); /* lab1-end.c */
void play_killed(void);	 /* lab1-killed.c */

#endif
