/*
 * check.h - a call that must not fail
 */
#ifndef STAGE_CHECK_H
#define STAGE_CHECK_H

#include <errno.h>

/*
 * The value of the call, or, if it is -1, the end of this process: it says
 * which call failed and why on stderr, kills the children that mp started for
 * it, so that nobody waits for them, and exits with 1.
 */
#define check(call) check_value((call), #call, __FILE__, __LINE__)

/* The same for the functions of pthread.h, which return the errno. */
#define check_pthread(call) \
	check_value((errno = (call)) == 0 ? 0 : -1, #call, __FILE__, __LINE__)

long check_value(long value, const char *call, const char *file, int line);

/* The same end, for what check() cannot see: what, and errno's text. */
_Noreturn void die(const char *what);

#endif
