/*
 * say.h - what the processes of a scene tell, and what the lab concludes
 *
 * Every line goes out with a single write(2), so that lines of different
 * processes never mix, in a pipe or a file either.
 */
#ifndef STAGE_SAY_H
#define STAGE_SAY_H

#include <stdbool.h>

/* A line under the time and the name of the process that speaks. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line as it is: part of a table, of a chart, of another program's output. */
void show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The name that say() puts before the lines of this process or thread, for those
 * that mp did not start and so did not name. */
void speak_as(const char *name);

/* The name that this process's lines carry. */
const char *speaker_name(void);

/*
 * The answer to the scene's question, from what was observed: "=>" if it bears
 * the claim out, "!!" if not; the run then ends with exit status 1. For the lab
 * itself, not for its children.
 */
void conclude(bool held, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* For stage.c: the conclusions until now. */
struct conclusion {
	const char *scene; /* its name */
	bool held;
	char text[160];
};

/* Which scene the next conclusions belong to. */
void conclusions_for(const char *scene);

/* All of them, in order; their number into count. */
const struct conclusion *conclusions(int *count);

/* One of them, as a line; with its scene's name for the list at the end. */
void show_conclusion(const struct conclusion *it, bool with_scene);

#endif
