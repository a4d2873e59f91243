/*
 * guarded.c, no_guard.c - a program that spawns a child, with and without guard
 *
 * The two files differ in one line, the guard. The scene `no-guard` of lab 3
 * runs the one that lacks it.
 */
#include "process.h"

#include <stdio.h>
#include <unistd.h>

int hello(const void *args, size_t size)
{
	(void)args;
	(void)size;
	printf("hello from %d\n", getpid());
	return 0;
}

int main(int argc, char *argv[])
{
	struct mp_process p = { .target = hello, .method = MP_SPAWN };

	printf("main() runs in %d, %d word(s) in argv\n", getpid(), argc);
	if (mp_process_start(&p) < 0 || mp_process_join(&p, -1) < 0) {
		perror(argv[0]);
		return 1;
	}
	printf("the child's exitcode: %d\n", mp_process_exitcode(&p));
	return mp_process_exitcode(&p) != 0;
}
