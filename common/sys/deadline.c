/* deadline.c - points in time, in seconds; see deadline.h. */
#include "deadline.h"

#include <errno.h>
#include <math.h>

#define LONGEST 1e9 /* seconds, some 30 years: more would overflow time_t */

double monotonic_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

double deadline_after(double seconds)
{
	return seconds < 0 ? INFINITY : monotonic_now() + seconds;
}

double time_left(double deadline)
{
	double left;

	if (isinf(deadline))
		return -1;
	left = deadline - monotonic_now();
	return left > 0 ? left : 0;
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

struct timespec realtime_after(double seconds)
{
	struct timespec now, more = timespec_of(seconds);

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += more.tv_sec;
	now.tv_nsec += more.tv_nsec;
	if (now.tv_nsec >= 1000000000) {
		now.tv_sec++;
		now.tv_nsec -= 1000000000;
	}
	return now;
}

void sleep_for(double seconds)
{
	struct timespec left = timespec_of(seconds);

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}
