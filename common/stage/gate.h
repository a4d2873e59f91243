/*
 * gate.h - how a scene forces the order of things, and hears of its children
 *
 * Both are pipes: a gate carries bytes that mean nothing but "go on", a report
 * a struct of the scene's own. Close-on-exec, so a spawned child must keep the
 * end that it uses (MP_KEEP). Whatever fails, ends the process (see check.h).
 * Each message is an arrow in the timeline.
 */
#ifndef STAGE_GATE_H
#define STAGE_GATE_H

#include <stddef.h>

#define PATIENCE 30 /* seconds that a scene waits: just a defect takes longer */

/* The timeout for a wait that may last while a conclusion is read: PATIENCE; or
 * -1, for ever, with --step, where a person says when it goes on. */
double step_patience(void);

struct gate {
	int in;	 /* wait at this end */
	int out; /* open it from this one */
};

/* Makes a gate, closed. */
void gate_make(struct gate *gate);

/* Lets one waiter through, now or when it comes. */
void gate_open(const struct gate *gate);

/*
 * Waits until the gate is opened. It gives up after step_patience(), or when
 * nobody is left who could open it: a scene that broke off leaves no process
 * behind.
 * It closes this process's own out end for that.
 */
void gate_wait(struct gate *gate);

/* Closes both ends in this process. */
void gate_close(struct gate *gate);

/* Sends size bytes down the pipe's end. */
void report(int fd, const void *data, size_t size);

/* Waits for size bytes, at most step_patience(); fewer are an end (EPROTO). */
void hear(int fd, void *data, size_t size);

#endif
