/*
 * lab9.h - what the files of lab 9 share
 */
#ifndef LAB9_H
#define LAB9_H

#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>

#define A_WHILE 0.01 /* seconds to wait for a lock that is never free */

/* --- lab9.c: threads and locks of one process -------------------------- */

/* A mutex in private memory: a fork copies it as it is at that moment. */
extern pthread_mutex_t mutex;

/* Waits for another thread to post it; ends the lab when none does. */
void await(sem_t *semaphore);

/* Takes a mutex, or gives up after so many seconds: ETIMEDOUT. 0: taken. */
int take(pthread_mutex_t *mutex, double seconds);

/* What such an answer is called: "taken", "ETIMEDOUT" ... */
const char *word(int error);

/* A thread that holds the mutex from the one call to the other. */
struct holder {
	pthread_t thread;
	sem_t held, let_go;
};

void holder_start(struct holder *holder);
void holder_end(struct holder *holder);

extern size_t max_rss; /* --max-rss: the largest parent in `forkserver` */
extern int rounds;     /* --rounds: of `order-matters` */

/* --- the scenes -------------------------------------------------------- */

void play_locked_for_ever(void); /* lab9-locked.c */
void play_atfork(void);		 /* lab9-atfork.c */
void play_order_matters(void);	 /* lab9-order.c */
void play_forkserver(void);	 /* lab9-forkserver.c */

#endif
