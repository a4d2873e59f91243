/*
 * picture.h - a record as a picture sees it: rows, times, names
 *
 * What the picture in the terminal (chart.h), the SVG and the trace have in
 * common: which process is in which row, from when to when, and which spans are
 * of the same name.
 */
#ifndef STAGE_PICTURE_H
#define STAGE_PICTURE_H

#include "timeline.h"

#define PICTURE_NAMES \
	12 /* different names of spans; the rest are as the last */

struct row {
	pid_t pid;
	pid_t process;	     /* another one for a thread, if it is known */
	const char *name;    /* the last one that it went by */
	int64_t first, last; /* its events, or the end of an open span */
};

struct arrow {
	size_t from, to;    /* rows */
	int64_t begin, end; /* times */
	const char *what;   /* "start", "join" or "message" */
};

struct picture {
	int64_t begin, end; /* from the first event to the last */
	struct row *rows;
	size_t row_count;
	struct span *spans;
	size_t span_count;
	struct arrow *arrows;
	size_t arrow_count;
	const char *names[PICTURE_NAMES]; /* of the spans, row by row */
	int name_count;
};

/* Makes it from a record; picture_free() gives its memory back. */
void picture_make(struct picture *picture, const struct record *record);
void picture_free(struct picture *picture);

/* The row of a process, or row_count. */
size_t picture_row(const struct picture *picture, pid_t pid);

/* Which of the names it is. */
int picture_name(const struct picture *picture, const char *name);

/* Adds a name to a list, once, while they are fewer than most. Their count. */
int add_once(const char **list, int count, int most, const char *name);

/* Takes the row of a process out, with its spans, and all arrows. */
void picture_leave_out(struct picture *picture, pid_t pid);

/* Puts pictures over one axis: each is as long as the longest, and a name is the
 * same one in all of them. */
void pictures_align(struct picture *pictures, size_t count);

#endif
