/* measure.c - how long, in how much memory, in how many threads; see measure.h. */
#include "measure.h"

#include "deadline.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CGROUP	    "/sys/fs/cgroup"
#define NO_LIMIT    1e18 /* bytes */
#define MIB	    (1 << 20)
#define LEAST	    7	  /* times */
#define ENOUGH	    0.1	  /* seconds */
#define TOO_LONG    1.5	  /* seconds */
#define LARGE_PAGES 49152 /* pages: 192 MiB of 4 KiB each */

/* region: fastest */
/*
 * On a busy machine most calls are disturbed, and none is ever too fast. So it
 * goes on while the latter half of the time still brought a better one.
 */
void fastest(void (*call)(int which), int count, double *least)
{
	double first = monotonic_now(), improved = first, now = first;

	for (int i = 0;
	     i < LEAST || now - first < count * ENOUGH ||
	     (improved - first > (now - first) / 2 && now - first < TOO_LONG);
	     i++)
		for (int which = 0; which < count; which++) {
			double began = now;

			call(which);
			now = monotonic_now();
			if (i == 0 || now - began < 0.95 * least[which])
				improved = now;
			if (i == 0 || now - began < least[which])
				least[which] = now - began;
		}
}
/* endregion */

/* --- memory ------------------------------------------------------------ */

/* The number in a file of /proc or /sys, behind a word or alone; or none. */
static double number_in(const char *path, const char *format, double none)
{
	FILE *file = fopen(path, "re");
	char line[128];
	double number;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, format, &number) == 1)
			none = number;
	if (file != NULL)
		fclose(file);
	return none;
}

/*
 * What this process's control group may still use: a container has a limit of
 * its own. Each line of /proc/self/cgroup is "number:controllers:path"; without
 * a limit the file says "max", which is no number, or a number beyond all.
 */
static double left_in_cgroup(void)
{
	FILE *groups = fopen("/proc/self/cgroup", "re");
	char line[512], limit[640], usage[640];
	double left = NO_LIMIT;

	while (groups != NULL && fgets(line, sizeof(line), groups) != NULL) {
		char *path = strrchr(line, ':') + 1;
		double used, most;

		path[strcspn(path, "\n")] = '\0';
		if (strstr(line, ":memory:") != NULL) { /* version 1 */
			sprintf(limit, CGROUP "/memory%s/memory.limit_in_bytes",
				path);
			sprintf(usage, CGROUP "/memory%s/memory.usage_in_bytes",
				path);
		} else if (strncmp(line, "0::", 3) == 0) { /* version 2 */
			sprintf(limit, CGROUP "%s/memory.max", path);
			sprintf(usage, CGROUP "%s/memory.current", path);
		} else {
			continue;
		}
		most = number_in(limit, "%lf", NO_LIMIT);
		used = number_in(usage, "%lf", 0);
		if (most - used < left)
			left = most - used;
	}
	if (groups != NULL)
		fclose(groups);
	return left < 0 ? 0 : left;
}

size_t affordable(size_t most)
{
	double free = number_in("/proc/meminfo", "MemAvailable: %lf", 0) * 1024;
	double left = left_in_cgroup();

	if (left < free)
		free = left;
	if (most < free / 4)
		return most;
	return (size_t)(free / 4) / MIB * MIB;
}

bool is_large(size_t bytes)
{
	return bytes / sysconf(_SC_PAGESIZE) >= LARGE_PAGES;
}

/* --- threads ------------------------------------------------------------ */

int count_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int count = 0;

	while (tasks != NULL && readdir(tasks) != NULL)
		count++;
	if (tasks != NULL)
		closedir(tasks);
	return count - 2; /* "." and ".." */
}
