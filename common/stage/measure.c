/* measure.c - how long, in how much memory, in how many threads; see measure.h. */
#include "measure.h"

#include "deadline.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_LIMIT    1e18 /* bytes */
#define MIB	    (1 << 20)
#define LEAST	    7	  /* times */
#define ENOUGH	    0.05  /* seconds */
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
static double number_in(const char *folder, const char *name,
			const char *format, double none)
{
	char path[2 * PATH_MAX], line[128];
	double number;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, format, &number) == 1)
			none = number;
	if (file != NULL)
		fclose(file);
	return none;
}

/* How control groups tell of memory: version 2, and 1. Without a limit the file
 * says "max", which is no number, or a number beyond all. */
static const struct version {
	const char *mark, *folder, *limit, *usage, *cache;
} versions[] = {
	{ "0::", "", "memory.max", "memory.current", "inactive_file %lf" },
	{ ":memory:", "/memory", "memory.limit_in_bytes",
	  "memory.usage_in_bytes", "total_inactive_file %lf" },
};

static double smaller(double a, double b)
{
	return a < b ? a : b;
}

/* What one group may still use: the kernel gives up cached files for it. */
static double left_in(const struct version *it, const char *folder)
{
	double most = number_in(folder, it->limit, "%lf", NO_LIMIT);
	double used = number_in(folder, it->usage, "%lf", 0);
	double cache = number_in(folder, "memory.stat", it->cache, 0);

	return most - used + cache;
}

/*
 * The group that a line of the list names, and all those above it: each one's
 * limit holds. In a container the upper ones are out of sight, its own is on top.
 */
static double left_above(const struct version *it, const char *root, char *line)
{
	char folder[PATH_MAX], *path = strstr(line, it->mark), *slash;
	double left = NO_LIMIT;

	if (path == NULL)
		return left;
	path += strlen(it->mark);
	do {
		snprintf(folder, sizeof(folder), "%s%s%s", root, it->folder,
			 path);
		left = smaller(left, left_in(it, folder));
		slash = strrchr(path, '/');
		if (slash != NULL)
			*slash = '\0';
	} while (slash != NULL);
	return left;
}

double left_in_cgroups(const char *list, const char *root)
{
	FILE *groups = fopen(list, "re");
	double left = NO_LIMIT;
	char *line = NULL;
	size_t room = 0;

	while (groups != NULL && getline(&line, &room, groups) > 0) {
		line[strcspn(line, "\n")] = '\0';
		for (int i = 0; i < 2; i++)
			left = smaller(left,
				       left_above(&versions[i], root, line));
	}
	free(line);
	if (groups != NULL)
		fclose(groups);
	return left < 0 ? 0 : left;
}

size_t affordable(size_t most)
{
	double kib = number_in("/proc", "meminfo", "MemAvailable: %lf", 0);
	double left = left_in_cgroups("/proc/self/cgroup", "/sys/fs/cgroup");
	double quarter = smaller(kib * 1024, left) / 4;

	return most < quarter ? most : (size_t)quarter / MIB * MIB;
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
