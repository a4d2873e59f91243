/*
 * timeline.h - who did what when, in all processes of a run
 *
 * Any process of the run records: the lab, what it forks or spawns, their
 * children, a program that was exec'd by hand. An event is one struct in the
 * memory that the run shares (see run.h); to append it takes one atomic addition
 * and no lock, so a process that is killed at any instruction holds up nobody,
 * and its half-written event is passed over. What was begun and not ended stays
 * open, until its process was joined. When the memory is full, further events are
 * counted and dropped.
 *
 * A thread that records counts as a process here: the main one has its process's
 * pid and name, another one its own thread id, see gettid(2), and a name if it
 * calls speak_as().
 *
 * The pictures are made from this (chart.h, svg.h, trace.h), and so are the
 * conclusions: by what overlapped, not by the clock.
 */
#ifndef STAGE_TIMELINE_H
#define STAGE_TIMELINE_H

#include "process.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TIMELINE_NAME 40 /* bytes of a name, its final 0 included */

/* --- recording ----------------------------------------------------------- */

/* This thread begins something, and ends what it began last. May nest. */
void span_begin(const char *name);
void span_end(void);

/* A moment worth a mark. */
void mark(const char *name);

/* An arrow from this moment of ours to the first event of the process pid, and
 * one from the last event of the process pid to this moment of ours. */
void arrow_start(pid_t pid);
void arrow_join(pid_t pid);

/* An arrow for a message: from the n-th send on a channel to its n-th receive.
 * The channel is any number both know; gates use their pipe's inode. */
void arrow_send(uint64_t channel);
void arrow_receive(uint64_t channel);

/* mp_process_start() and _join(), with a span and an arrow. Answers as they. */
int start_process(struct mp_process *process);
int join_process(struct mp_process *process, double timeout);

/* This thread has a new name: its next event tells it. */
void timeline_introduce(void);

/* --- looking it up ------------------------------------------------------- */

enum event_kind {
	EVENT_NONE, /* reserved, and never finished */
	EVENT_NAME, /* of the process, or of a thread of `other` */
	EVENT_BEGIN,
	EVENT_END,
	EVENT_MARK,
	EVENT_START, /* of the process `other` */
	EVENT_JOIN,
	EVENT_SEND, /* on the channel `other` */
	EVENT_RECEIVE
};

struct event {
	_Atomic uint32_t kind; /* written last */
	int32_t pid;  /* or the id of a thread that is not the main one */
	int64_t time; /* nanoseconds, CLOCK_MONOTONIC */
	uint64_t other;
	char name[TIMELINE_NAME];
};

/* A stretch of the record: what was recorded from one point to another. */
struct record {
	size_t first, end; /* indices of events */
};

/* All from now on, until record_stop(). */
struct record record_start(void);
void record_stop(struct record *record);

/* The same, its end a number: now, if it has not been stopped. */
struct record record_bounded(const struct record *record);

struct span {
	pid_t pid;
	int depth;	    /* 0, or how many of its process it is in */
	int64_t begin, end; /* of an open one: that of the record, */
	bool open;	    /* never ended: killed, or still at it; */
	bool joined;	    /* or the join of its process: it is over */
	const char *name;
};

/* All spans of a record, by the time they began, in memory that the caller
 * frees; their number into count. */
struct span *record_spans(const struct record *record, size_t *count);

/* The events themselves: NULL for one that is not whole. */
const struct event *record_event(size_t index);

/* How many spans of that name were open at one moment at most. One that ends
 * just when another begins was not open at the same time. */
int most_at_once(const struct record *record, const char *name);

/* Did every span called earlier end before any called later began? False where
 * there is none of either. */
bool ended_before(const struct record *record, const char *earlier,
		  const char *later);

/* The length of all spans of that name together, in seconds. */
double total_length(const struct record *record, const char *name);

/* Events that did not fit, in the whole run. */
size_t timeline_dropped(void);

#endif
