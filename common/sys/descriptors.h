/*
 * descriptors.h - which descriptors this process has open
 *
 * Read from /proc/self/fd: never loop to the limit, it may be a million.
 */
#ifndef SYS_DESCRIPTORS_H
#define SYS_DESCRIPTORS_H

#include <sys/types.h>

/*
 * Lists this process's open descriptors, without the one that it needs itself
 * to look. The caller frees *list.
 * The count, or -1: EMFILE, ENFILE, ENOMEM; ENOENT without /proc.
 */
ssize_t open_descriptors(int **list);

#endif
