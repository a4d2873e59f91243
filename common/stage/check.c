/* check.c - a call that must not fail; see check.h. */
#include "check.h"

#include "process.h"
#include "progress.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHILDREN 256 /* more than any scene starts */

static _Noreturn void end(void)
{
	pid_t child[CHILDREN];
	size_t count = mp_active_children(child, CHILDREN);

	for (size_t i = 0; i < count && i < CHILDREN; i++)
		kill(child[i], SIGKILL);
	_exit(1);
}

void die(const char *what)
{
	progress_erase();
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
		strerror(errno));
	end();
}

long check_value(long value, const char *call, const char *file, int line)
{
	if (value != -1)
		return value;
	progress_erase();
	fprintf(stderr, "%s: %s:%d: %s: %s\n", program_invocation_short_name,
		file, line, call, strerror(errno));
	end();
}
