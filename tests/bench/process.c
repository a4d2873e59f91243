/* process.c - rows of the bench: start and join; see bench.h. */
#include "process.h"

#include "bench.h"
#include "memory.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIB (1ul << 30)

int end_at_once(const void *args, size_t size)
{
	(void)args;
	return (int)size;
}

static void ours(enum mp_method method)
{
	struct mp_process p = { .target = end_at_once, .method = method };

	if (mp_process_start(&p) < 0 || mp_process_join(&p, -1) < 0)
		fail("mp_process");
}

static void ours_fork(void)
{
	ours(MP_FORK);
}

static void ours_spawn(void)
{
	ours(MP_SPAWN);
}

static void bare_fork(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		fflush(NULL);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		fail("fork");
}

static void bare_spawn(void)
{
	char *argv[] = { END_AT_ONCE, NULL };
	pid_t pid;

	errno = posix_spawn(&pid, program, NULL, NULL, argv, environ);
	if (errno != 0 || waitpid(pid, NULL, 0) < 0)
		fail("posix_spawn");
}

static void *memory;

static void touch(void)
{
	memory = touch_memory(GIB);
}

static void untouch(void)
{
	free_memory(memory, GIB);
}

const struct row process_rows[] = {
	{ "start-join-fork", "us", 1e6, 1, NULL, ours_fork, bare_fork, true,
	  NULL },
	{ "start-join-spawn", "us", 1e6, 1, NULL, ours_spawn, bare_spawn, true,
	  NULL },
	{ "start-join-fork-1GiB", "us", 1e6, 1, touch, ours_fork, bare_fork,
	  true, untouch },
	{ "start-join-spawn-1GiB", "us", 1e6, 1, touch, ours_spawn, bare_spawn,
	  true, untouch },
	{ 0 }
};
