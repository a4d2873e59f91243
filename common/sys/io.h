/*
 * io.h - reads, writes and waits that finish
 *
 * read(2) and write(2) may move less than they were asked to, and may be
 * interrupted by a signal; so may poll(2). These go on until all is done.
 */
#ifndef SYS_IO_H
#define SYS_IO_H

#include <poll.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Reads size bytes; fewer only at the end of the file.
 * The count, or -1: any errno of read(2) but EINTR.
 */
ssize_t read_full(int fd, void *buffer, size_t size);

/* Writes size bytes. 0, or -1: any errno of write(2) but EINTR. */
int write_full(int fd, const void *buffer, size_t size);

/*
 * poll(2) until a point in time on CLOCK_MONOTONIC, INFINITY for ever.
 * How many are ready, 0 when the time is over, or -1: ENOMEM, EINVAL (more than
 * RLIMIT_NOFILE).
 */
int poll_until(struct pollfd *list, size_t count, double deadline);

#endif
