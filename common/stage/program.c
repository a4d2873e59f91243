/* program.c - where this program is, and what lies beside it; see program.h. */
#include "program.h"

#include "check.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *this_program(void)
{
	static char path[PATH_MAX];

	/* Not "/proc/self/exe" itself: under valgrind that is valgrind. */
	check(readlink("/proc/self/exe", path, sizeof(path) - 1));
	return path;
}

const char *program_beside(const char *name)
{
	static char path[2 * PATH_MAX];
	const char *self = this_program();

	snprintf(path, sizeof(path), "%.*s/%s",
		 (int)(strrchr(self, '/') - self), self, name);
	return path;
}
