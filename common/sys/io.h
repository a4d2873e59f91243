/*
 * io.h - reads and writes that finish
 *
 * read(2) and write(2) may move less than they were asked to, and may be
 * interrupted by a signal. These go on until all is moved.
 */
#ifndef SYS_IO_H
#define SYS_IO_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads size bytes; fewer only at the end of the file.
 * The count, or -1: any errno of read(2) but EINTR.
 */
ssize_t read_full(int fd, void *buffer, size_t size);

/* Writes size bytes. 0, or -1: any errno of write(2) but EINTR. */
int write_full(int fd, const void *buffer, size_t size);

#endif
