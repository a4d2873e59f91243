/*
 * lab8.c - state that processes share
 *
 * Usage: build/lab8 [OPTION]... [SCENE]...     (--help names them)
 *
 * The lab makes memory and lets other processes change it: forked children,
 * spawned ones, and this program exec'd by hand, which knows nothing but a name.
 *
 *	lab8.c		what is shared at all
 *	lab8-count.c	what happens when two change it at once
 *	lab8-names.c	how others come by it, and what becomes of it
 *	lab8-tracker.c	who has it, and who removes a name
 *	lab8-manager.c	state that one process owns and others ask for
 */
#include "lab8.h"

#include "process.h"
#include "shared.h"
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- program ----------------------------------------------------------- */

/* region: change */
struct state {
	int value;
	int array[3];
};

int change(const void *args, size_t size)
{
	const struct mp_shared *it = args;
	struct state *state = it->address;

	(void)size;
	state->value = 42;
	for (int i = 0; i < 3; i++)
		state->array[i] *= 2;
	return 0;
}
/* endregion */

static void print_state(const struct state *state)
{
	const int *array = state->array;

	printf("%d\n", state->value);
	printf("[%d, %d, %d]\n", array[0], array[1], array[2]);
}

/* Half a page wide: in the chapter it stands beside the Python. */
/* clang-format off */
/* region: program */
static void play_program(void)
{
	struct mp_shared it;
	struct mp_process p = {
		.target = change,
		MP_ARGS(it),
	};
	struct state *state;

	check(mp_shared_open(&it,
		sizeof(*state)));
	state = it.address;
	*state = (struct state){
		7, { 1, 2, 3 }
	};
	check(mp_process_start(&p));
	check(mp_process_join(&p, -1));
	if (p.status != 0)
		exit(1); /* told why */
	print_state(state);
	mp_shared_close(&it);
}
/* endregion */
/* clang-format on */

/* --- by-hand ----------------------------------------------------------- */

/* region: by-hand */
static int global = 1;

static int *map_an_int(int flags)
{
	int *it = mmap(NULL, sizeof(*it), PROT_READ | PROT_WRITE,
		       flags | MAP_ANONYMOUS, -1, 0);

	if (it == MAP_FAILED)
		die("mmap");
	*it = 1;
	return it;
}

static void tell(const char *what, const int *it)
{
	say("%-11s at %p is %d", what, (const void *)it, *it);
}

static void play_by_hand(void)
{
	int *private = map_an_int(MAP_PRIVATE);
	int *shared = map_an_int(MAP_SHARED);
	int status;
	pid_t pid;

	switch (pid = check(fork())) {
	case 0:
		speak_as("child");
		global = *private = *shared = 2;
		tell("the global", &global);
		tell("MAP_PRIVATE", private);
		tell("MAP_SHARED", shared);
		_exit(global + *private + *shared);
	}
	check(waitpid(pid, &status, 0));
	tell("the global", &global);
	tell("MAP_PRIVATE", private);
	tell("MAP_SHARED", shared);

	bool changed = WIFEXITED(status) && WEXITSTATUS(status) == 3 * 2;

	conclude(changed && global == 1 && *private == 1,
		 "at one address two memories: fork copied them");
	conclude(changed && *shared == 2,
		 "MAP_SHARED: one memory for both, so the child's 2 is ours");
	munmap(private, sizeof(*private));
	munmap(shared, sizeof(*shared));
}
/* endregion */

static const struct scene scenes[] = {
	{ "program", "what do the C program and the Python program print?",
	  play_program },
	{ "by-hand", "a forked child changes three variables: which are ours?",
	  play_by_hand },
	{ "lost-update", "two processes add 1 each to a shared 0: what is it?",
	  play_lost_update },
	{ "increments", "4 processes count at once: which way loses none?",
	  play_increments },
	{ "by-descriptor-or-name",
	  "how does a process come by memory that it did not inherit?",
	  play_by_descriptor_or_name },
	{ "killed", "the creator of shared memory is killed: what is left?",
	  play_killed },
	{ "manager", "3 clients ask one owner, and nobody locks: what is lost?",
	  play_manager },
	{ 0 }
};

static const struct option_row options[] = {
	{ "count", OPTION_NUMBER, &increments, 1000, 10000000,
	  .help = "increments by each process in `increments`" },
	{ 0 }
};

int main(int argc, char *argv[])
{
	if (argc > 1 && strcmp(argv[1], AGAIN) == 0)
		return play_again(argc, argv);

	mp_guard(argc, argv);
	return stage_main(argc, argv,
			  &(struct lab){ __FILE__, "shared state", scenes,
					 options });
}
