/* deadline.c - points in time, in seconds; see deadline.h. */
#include "deadline.h"

#include <errno.h>

#define LONGEST 1e9 /* seconds, some 30 years: more would overflow time_t */

double monotonic_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

struct timespec timespec_of(double seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds > LONGEST)
		seconds = LONGEST;

	time_t whole = (time_t)seconds;

	return (struct timespec){ whole, (long)((seconds - whole) * 1e9) };
}

void sleep_for(double seconds)
{
	struct timespec left = timespec_of(seconds);

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}
