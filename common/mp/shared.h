/*
 * shared.h - memory that processes share
 *
 * Python: multiprocessing.shared_memory.SharedMemory, and the memory under
 * Value and Array. Built on mmap(2) with MAP_SHARED, of a nameless file
 * (memfd_create(2)) or of one with a name in /dev/shm (shm_overview(7)).
 *
 * The mapping is size bytes, zeroed, rounded up to whole pages; what lies
 * between size and the end of the last page is shared, too, and of no use.
 *
 * A nameless one ends with the last process that has it. A named one stays
 * until its creator, or rm(1), removes the name.
 */
#ifndef MP_SHARED_H
#define MP_SHARED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MP_SHARED_NAME_SIZE 64 /* bytes of a name, its final 0 included */

struct mp_shared {
	void *address;	/* where it is in this process */
	size_t size;	/* bytes, as asked for */
	int fd;		/* of a nameless one, for MP_KEEP; else -1 */
	dev_t device;	/* which file that is, whatever its number: */
	ino_t inode;	/* see stat(2) */
	uint64_t image; /* the program image that address is good for */
	pid_t creator;	/* of the name, which it alone removes */
	char name[MP_SHARED_NAME_SIZE]; /* below /dev/shm; empty: nameless */
};

/*
 * Makes nameless memory. Every child started afterwards shares it: a forked one
 * as it is, a spawned one that keeps fd after mp_shared_attach().
 * -1: EINVAL (size is 0), EMFILE, ENFILE, ENOMEM; EFBIG beyond RLIMIT_FSIZE.
 */
int mp_shared_open(struct mp_shared *shared, size_t size);

/*
 * Makes memory with a name, for processes that are no children of this one. It
 * appears under its name when it is whole. Python: SharedMemory(name,
 * create=True, size=size), and either finds what the other has made.
 * -1: EEXIST  there is one of that name
 *     EINVAL  size is 0; the name is empty, too long, or has a slash in it
 *     ENOSPC  /dev/shm is full
 *     EACCES, ENOENT  /dev/shm is not for us, or not there
 *     and as mp_shared_open().
 */
int mp_shared_create(struct mp_shared *shared, const char *name, size_t size);

/*
 * Maps what another process made. In a spawned child: the struct that came in
 * its arguments. In an unrelated process: a struct with just the name set, and
 * size comes from the file. Does nothing where it is mapped already, as in a
 * forked child.
 * -1: EBADF   nameless, and its descriptor was not handed over
 *     ENOENT  no such name (EINVAL if it can be none)
 *     EINVAL  the file is smaller than size, or empty
 *     EACCES, EMFILE, ENFILE, ENOMEM
 */
int mp_shared_attach(struct mp_shared *shared);

/*
 * Makes nameless memory larger, or follows another process that did: maps size
 * bytes, at another address perhaps. The file never gets smaller, if one process
 * at a time makes it larger.
 * -1: EINVAL (size is 0), ENOMEM, EBADF (it has a name); EFBIG beyond
 * RLIMIT_FSIZE. It is then as it was.
 */
int mp_shared_resize(struct mp_shared *shared, size_t size);

/*
 * Removes the name; who has the memory, keeps it. Python: unlink().
 * -1: EPERM if this process did not create it, or has removed it; ENOENT if the
 * name is gone, or another's by now.
 */
int mp_shared_unlink(struct mp_shared *shared);

/* Ends this process's use of the memory. Python: close(). Leaves the name. */
void mp_shared_close(struct mp_shared *shared);

#endif
