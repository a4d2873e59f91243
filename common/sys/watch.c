/* watch.c - wait for the end of a child; see watch.h. */
#include "watch.h"

#include "deadline.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GLANCE 0.001 /* seconds between two looks where there is no pidfd */

/* 1 if the child has ended, 0 if not, -1 with errno. */
static int has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return -1;
	return info.si_pid == pid;
}

/* Sleeps until the pidfd is readable or the time is over. */
static void sleep_on(int pidfd, double left)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	struct timespec timeout = timespec_of(left);

	ppoll(&end, 1, &timeout, NULL);
}

int watch_open(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

int watch_end(pid_t pid, double timeout)
{
	double until = monotonic_now() + timeout;
	int pidfd = watch_open(pid);
	int ended;

	while ((ended = has_ended(pid)) == 0) {
		double left = until - monotonic_now();

		if (left <= 0)
			break;
		if (pidfd >= 0)
			sleep_on(pidfd, left);
		else
			sleep_for(left < GLANCE ? left : GLANCE);
	}
	if (pidfd >= 0)
		close(pidfd);
	if (ended == 0)
		errno = ETIMEDOUT;
	return ended > 0 ? 0 : -1;
}
