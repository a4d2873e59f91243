/*
 * watch.h - wait for the end of a child, but not for ever, and without reaping
 *
 * waitpid(2) has no timeout. A pidfd is readable once its process has ended,
 * so poll(2) can wait for it; see pidfd_open(2).
 */
#ifndef SYS_WATCH_H
#define SYS_WATCH_H

#include <sys/types.h>

/*
 * Waits until the child pid has ended, at most timeout seconds. The child stays
 * a zombie for the caller to reap.
 * 0, or -1: ETIMEDOUT; ECHILD if pid is no child of this process.
 */
int watch_end(pid_t pid, double timeout);

/* A descriptor that poll(2) finds readable once the child pid has ended: a pidfd,
 * close-on-exec. -1 where there is none: valgrind, a full table, an old kernel. */
int watch_open(pid_t pid);

#endif
