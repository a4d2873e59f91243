/*
 * mp_spawn.h - this program once more, for a function of it
 *
 * Python: multiprocessing.spawn. A spawned child is this very program, started
 * at main() again by posix_spawn(3). On its command line stands the number of a
 * pipe's descriptor:
 *
 *	build/lab3 --multiprocessing-fork pipe_handle=5
 *
 * and through that pipe comes all it needs: its name, the parent's argv, the
 * name of the target, the bytes of the arguments. An address would be of no
 * use to it (see the ASLR of proc_sys_kernel(5)); dladdr(3) turns one into a
 * name, dlsym(3) a name into an address. The child's side of it is mp_guard(),
 * see process.h.
 *
 * Not named spawn.h, which is the header of posix_spawn(3).
 */
#ifndef MP_SPAWN_H
#define MP_SPAWN_H

#include "process.h"

#include <stdint.h>

/*
 * The bytes that would travel to a spawned child, in memory that the caller
 * frees. Python: ForkingPickler.dumps().
 * NULL: ENXIO, E2BIG, ENOMEM, each as for mp_process_start().
 */
void *mp_spawn_pickle(const struct mp_process *process, size_t *size);

/*
 * The name by which a program can find one of its exported functions again.
 * NULL: ENXIO, it is static, or the program was linked without -rdynamic.
 */
const char *mp_spawn_name(void *function);

/* The rest is for process.c, forkserver.c, spawn.c (the parent's side) and
 * guard.c (the child's). */

#define SPAWN_MARK    "--multiprocessing-fork"
#define SPAWN_HANDLE  "pipe_handle="
#define SPAWN_MAGIC   "mp-spawn"
#define HAND_OVER_MAX 65536 /* bytes: what a new pipe holds */

/* What comes first through the pipe. The arguments and the strings follow. */
struct hand_over {
	char magic[8];	       /* SPAWN_MAGIC, without a final 0 */
	uint32_t args_size;    /* bytes of arguments */
	uint32_t strings_size; /* bytes of: name, target, argv */
	uint32_t argc;	       /* of the main process */
	uint32_t daemon;       /* 0 or 1 */
};

/* Puts the hand-over into a new pipe. The end to read it from, or -1 with the
 * errno of mp_process_start(). */
int mp_spawn_hand_over(const struct mp_process *process);

/* The child's side of it: reads it, closes the pipe, and becomes that process. */
_Noreturn void mp_spawn_become(int fd);

/* Is this a spawned child that has not passed its guard? */
bool mp_spawn_bootstrapping(void);

/* Launches the child. Its pid, or -1 with the errno of mp_process_start(). */
pid_t mp_spawn_launch(const struct mp_process *process);

/* process.c's part: what comes before every start. May this process start that
 * one? Then it has a name. -1: the first three errnos of mp_process_start(),
 * ENOMEM. */
int mp_process_prepare(struct mp_process *process);

/* process.c's part: what a process is to know of itself from now on. */
void mp_set_current(const struct mp_current *current);

/* process.c's part: how a child leaves once its target has answered. */
_Noreturn void mp_leave(int status);

#endif
