/*
 * futex.h - sleep until a word in shared memory changes
 *
 * See futex(2): the kernel compares and goes to sleep in one step, so that a
 * change just before is not slept through.
 */
#ifndef SYS_FUTEX_H
#define SYS_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Sleeps while the word is as expected, until somebody wakes it or the deadline
 * (CLOCK_MONOTONIC, INFINITY for ever) is over. It may wake for no reason: look
 * again. 0, or -1: ETIMEDOUT.
 */
int futex_wait(_Atomic uint32_t *word, uint32_t expected, double deadline);

/* Wakes all that sleep on the word, in whatever process. */
void futex_wake_all(_Atomic uint32_t *word);

#endif
