/*
 * forkserver.h - an early, small process that forks for a later, large one
 *
 * Python: multiprocessing.forkserver, the default start method on Linux from
 * 3.14. A fork copies what its parent has become: much memory, locks that other
 * threads hold. So somebody else forks, who has become nothing: the server, this
 * program once more (see mp_spawn.h), with one thread, which waits for requests.
 * Each of its children gets what a spawned one gets, a name and bytes, and runs
 * the target without an execve.
 *
 *	struct mp_forkserver server;
 *	struct mp_process p = { .target = hello, MP_ARGS("bob") };
 *
 *	mp_forkserver_open(&server);
 *	mp_forkserver_start(&server, &p);
 *	mp_forkserver_join(&p, -1);
 *	mp_forkserver_close(&server, -1);
 *
 * Built on socketpair(2), on SCM_RIGHTS (unix(7)), which hands descriptors to
 * the server, and on a pipe for each child, through which its pid comes, and
 * later its status: the caller is not its parent, and cannot wait for it.
 */
#ifndef MP_FORKSERVER_H
#define MP_FORKSERVER_H

#include "process.h"

#define MP_FORKSERVER_KEEP 64 /* descriptors that a child can keep, at most */

struct mp_forkserver {
	struct mp_process process; /* the server itself */
	int socket;		   /* requests go through it; -1: closed */
};

/*
 * Starts the server. Python: forkserver.ensure_running(). It has no descriptor
 * of the caller's but 0 to 2, and does not hear Ctrl-C; its children do.
 * It ends after mp_forkserver_close(), or when the caller ends, by SIGKILL too:
 * then it sends SIGTERM to those of its children that are daemons, waits for
 * the others, and leaves. A forked child of the caller shares the connection,
 * and so puts that off until it has ended, too.
 * -1: as mp_process_start() for MP_SPAWN, with four descriptors for a moment.
 */
int mp_forkserver_open(struct mp_forkserver *server);

/*
 * Lets the server fork a child. Of the struct it looks at what counts for
 * MP_SPAWN; sentinel is then a descriptor that is readable once the child has
 * ended, for poll(2). Python: Process.sentinel. It stays open until the join.
 * To end the child, use kill(2). Numbers in keep that are beyond the server's
 * RLIMIT_NOFILE are the child's problem: it says so on stderr, and exits with 2.
 *
 * After -1 nothing is left behind.
 * EINVAL, EALREADY, EPERM, ENXIO, ENOMEM, EMFILE, ENFILE  as for MP_SPAWN
 * E2BIG   as for MP_SPAWN, or more than MP_FORKSERVER_KEEP to keep
 * EBADF   one of keep is not open, or the server was closed
 * EAGAIN  as for MP_SPAWN, or the server could not fork
 * EPIPE   the server has ended, or has no descriptor left
 * ETIMEDOUT  the server did not answer for 30 seconds: somebody stopped it
 */
int mp_forkserver_start(const struct mp_forkserver *server,
			struct mp_process *child);

/*
 * As mp_process_join(), for a child of a fork server: the exit status comes
 * through the sentinel, from the server, who reaped it.
 * -1: ETIMEDOUT; ESRCH if it was not started. ECHILD if it is no child of a
 * fork server, if the server was killed, or if the status was read before, by a
 * fork of this process: nobody knows how the child ended, or whether.
 */
int mp_forkserver_join(struct mp_process *child, double timeout);

/*
 * No more children: waits until the server has ended, at most timeout seconds.
 * It ends when its last child has; those can still be joined.
 * -1: ETIMEDOUT, and it can be called again. ECHILD if the caller did not open
 * it: a forked child that just closes its copy.
 */
int mp_forkserver_close(struct mp_forkserver *server, double timeout);

/* The rest is for forkserver.c (the caller's side) and serve.c (the server's). */

#define FORKSERVER_MOST (2 + MP_FORKSERVER_KEEP)

/*
 * A request, with descriptors beside it. The first of them is the pipe that
 * takes the answers: the pid or a negative errno, and later the status word. The
 * others the child is to have, under the numbers they have at the caller: the
 * hand-over (see mp_spawn.h), and those it keeps.
 */
struct forkserver_request {
	int daemon; /* 0 or 1 */
	int count;  /* of numbers */
	int number[FORKSERVER_MOST];
};

/* The server's target: exported, for it is a spawned child. */
int mp_forkserver_serve(const void *args, size_t size);

#endif
