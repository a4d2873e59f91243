/*
 * progress.h - a line that moves while a long scene runs
 *
 * On stderr, and only where that is a terminal that knows escape sequences; not
 * with --quiet. So files and pipes never hold it, and a scene calls it as often
 * as it likes. For the lab itself: its children have nothing to tell here.
 */
#ifndef STAGE_PROGRESS_H
#define STAGE_PROGRESS_H

/* Shows how far it is, in place of what it showed before: ten times a second at
 * most, whatever lies between is not shown. Under 60 columns. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes the line off, if there is one. Whatever writes a line of another kind
 * (say.h, check.h) calls this before. */
void progress_erase(void);

#endif
