/*
 * process.h - start a process that runs a function, and join it
 *
 * Python: multiprocessing.Process. Built on fork(2) or, for MP_SPAWN, on
 * posix_spawn(3) of this same program (see mp_spawn.h); on waitpid(2), kill(2)
 * and, for a join with a timeout, pidfd_open(2).
 *
 *	int hello(const void *name, size_t size) { ... return 0; }
 *
 *	int main(int argc, char *argv[])
 *	{
 *		struct mp_process p = { .target = hello, MP_ARGS("bob") };
 *
 *		mp_guard(argc, argv);
 *		mp_process_start(&p);
 *		mp_process_join(&p, -1);
 *	}
 *
 * Not for several threads at once: one thread of a process starts and joins.
 */
#ifndef MP_PROCESS_H
#define MP_PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MP_NAME_SIZE   32      /* bytes of a name, its final 0 included */
#define MP_ARGS_MAX    32768   /* bytes of arguments a spawned child can get */
#define MP_NO_EXITCODE INT_MIN /* Python's None: not ended, or not started */

enum mp_method {
	MP_FORK, /* a copy of this process */
	MP_SPAWN /* this program from the start, in a new process */
};

/* What a child runs. The low 8 bits of its answer are its exit status. */
typedef int mp_target(const void *args, size_t size);

/* The address and size of an array or a struct; of a pointer it is a trap. */
#define MP_ARGS(object) .args = &(object), .size = sizeof(object)

/* The descriptors a spawned child keeps, under their numbers: MP_KEEP(a, b).
 * The list lives as long as the block it stands in. */
#define MP_KEEP(...)                          \
	.keep = (const int[]){ __VA_ARGS__ }, \
	.keep_count = sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)

struct mp_process {
	/* The caller's part, as Python's keyword arguments; the rest is 0. */
	mp_target *target;	 /* for MP_SPAWN: exported, so not static */
	const void *args;	 /* handed to target; a forked child's is a */
	size_t size;		 /* copy as all its memory, a spawned one's */
				 /* crosses a pipe as bytes: no pointers */
	enum mp_method method;	 /* MP_FORK or MP_SPAWN */
	char name[MP_NAME_SIZE]; /* empty: start makes one, "Process-1" */
	const int *keep;	 /* see MP_KEEP; a forked child has them all */
	size_t keep_count;	 /* how many */
	bool daemon;		 /* terminated when its parent ends */

	/* What start and join fill in. */
	pid_t pid;    /* 0: not started */
	pid_t parent; /* who started it, and alone can join it; 0: nobody can */
	bool ended;   /* and reaped: the pid may be somebody else's by now */
	int status;   /* waitpid(2)'s status word, once ended */
	int sentinel; /* of a fork server's child alone, see forkserver.h */
};

/*
 * The guard: call it once, at the top of main(). What stands above it runs in
 * every process, what stands below it in the parent alone, because in a spawned
 * child it runs the target and does not return. Python: the line
 * `if __name__ == '__main__':`, and how it works, freeze_support().
 *
 * A child that cannot make sense of what it was handed says so on stderr and
 * exits with 2.
 */
void mp_guard(int argc, char *argv[]);

/*
 * Starts the child. Python: start(). What stdio still holds is flushed before,
 * so that it does not come out twice. The child runs target, flushes, ends its
 * own children as exit would, and leaves by _exit(2): handlers of atexit(3)
 * do not run in it.
 *
 * After -1 nothing is left behind, and the struct can be started again.
 * EINVAL  no target, a name without its final 0, or an unknown method
 * EALREADY  it was started before
 * EPERM   this process is daemonic, and may have no children
 * EAGAIN  the process table is full: RLIMIT_NPROC, a container's pids.max;
 *         for MP_SPAWN also: no room for the hand-over in a pipe of this user
 * ENOMEM  no memory
 * and for MP_SPAWN alone:
 * ENXIO   target has no exported name to travel by: it is static, or the
 *         program was linked without -rdynamic
 * E2BIG   size is over MP_ARGS_MAX, or this program's argv is very long
 * EMFILE, ENFILE  no descriptors left (two are needed for a moment)
 * EBADF   one of keep is not open
 * ENOENT, EACCES, ETXTBSY ...  execve(2) of this program failed; ENOENT also
 *         where there is no /proc to find it by
 *
 * In a spawned child that has not passed mp_guard() it does not return: it says
 * why on stderr, and the child exits with 1.
 */
int mp_process_start(struct mp_process *process);

/*
 * Waits for the child to end, at most timeout seconds (negative: for ever, 0:
 * not at all), and reaps it. Python: join(timeout), which does not tell whether
 * the time ran out. Once it has answered 0 it always does.
 * -1: ETIMEDOUT, the child goes on. ESRCH if it was not started. ECHILD if the
 * caller is not its parent, or somebody else reaped it (SIGCHLD ignored).
 */
int mp_process_join(struct mp_process *process, double timeout);

/*
 * 1 while the child runs, 0 if it was not started or has ended (it is then
 * reaped). Python: is_alive(). -1: ECHILD as for join.
 */
int mp_process_is_alive(struct mp_process *process);

/*
 * How an ended child ended, in Python's convention: 0 to 255 is its exit
 * status, -N means killed by signal N. MP_NO_EXITCODE until a join or an
 * is_alive has seen the end. Python: exitcode.
 */
int mp_process_exitcode(const struct mp_process *process);

/*
 * Sends SIGTERM, or SIGKILL; does not wait. Python: terminate(), kill(). Does
 * nothing to a child that is reaped already.
 * -1: ESRCH if it was not started; ECHILD if the caller is not its parent;
 * EPERM if the child changed its user.
 */
int mp_process_terminate(const struct mp_process *process);
int mp_process_kill(const struct mp_process *process);

/*
 * The pids of the children started and not joined yet, at most max of them into
 * pids. Their number, which may be larger. Python: active_children().
 */
size_t mp_active_children(pid_t *pids, size_t max);

/* What a process knows of itself. Python: current_process(), sys.argv. */
struct mp_current {
	char name[MP_NAME_SIZE]; /* "MainProcess", or as its parent named it */
	bool daemon;		 /* so it may have no children */
	char **argv;		 /* of the main process, in a child too */
};

/* This process. The struct stays, and belongs to mp. */
const struct mp_current *mp_current_process(void);

#endif
