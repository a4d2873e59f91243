/* lab5.h - the scenes of lab 5, file by file, and what they share */
#ifndef LAB5_H
#define LAB5_H

#include "queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* lab5.c: the options */
extern int items, kills;
extern double timeout, pace;

/* lab5-many.c */
void play_many(void);

/* lab5-flow.c */
void play_bounded(void);
void play_join_before_drain(void);

/* lab5-killed.c, lab5-storm.c */
void play_killed(void);
void play_storm(void); /* the second half of `killed` */

/* lab5-steps.c */
void play_every_instruction(void);

/* In a child of the lab: stops, to be led by ptrace(2) from there on. */
void let_lead(pid_t lab);

/* lab5-woken.c */
void play_woken(void);

/* lab5-message.c: a message that shows whether it is whole */

/* Fills size bytes, sizeof(uint64_t) at least, by a number. */
void fill_message(void *message, size_t size, uint64_t number);

/* Its number, if every byte of it is what that number says; else -1. */
int64_t message_number(const void *message, size_t size);

/* Waits until the process sleeps in a system call. False: it has not after a
 * while, or has ended. */
bool falls_asleep(pid_t pid);

/* Does it sleep in a system call now? */
bool is_asleep(pid_t pid);

#endif
