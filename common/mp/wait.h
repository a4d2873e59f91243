/*
 * wait.h - wait for one of several
 *
 * Python: multiprocessing.connection.wait(). Built on poll(2). Whatever has a
 * descriptor can be waited for: a connection's fd, a listener's, a pipe's end,
 * a pidfd (see pidfd_open(2)).
 */
#ifndef MP_WAIT_H
#define MP_WAIT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Waits until at least one of the descriptors can be read from, at most timeout
 * seconds (negative: for ever, 0: not at all). The end of a file counts, too: a
 * read would not wait. ready[i] tells of fds[i]; it may be NULL.
 * How many are ready; 0 when the time is over.
 * -1: EBADF  one of them is not open (-1 is: it is passed over)
 *     EINVAL more than RLIMIT_NOFILE, ENOMEM
 */
int mp_wait(const int *fds, size_t count, bool *ready, double timeout);

#endif
