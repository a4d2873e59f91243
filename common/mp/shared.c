/* shared.c - memory that processes share; see shared.h. */
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/dev/shm"
#define SLICE  ((size_t)1 << 20) /* bytes reserved at once */

/*
 * A number for the image that this process runs: a forked child has the same, a
 * program that was exec'd another one, and there no address of ours is good.
 */
static uint64_t this_image(void)
{
	static uint64_t image;

	while (image == 0 && getrandom(&image, sizeof(image), 0) < 0)
		; /* EINTR */
	return image;
}

static int is_mapped(const struct mp_shared *shared)
{
	return shared->address != NULL && shared->image == this_image();
}

/* Two file systems may each have a file of that number. */
static int is_our_file(const struct mp_shared *shared,
		       const struct stat *status)
{
	return status->st_dev == shared->device &&
	       status->st_ino == shared->inode;
}

/* region: map */
/* Maps the open file; its descriptor stays the caller's. */
static int map(struct mp_shared *shared, int fd)
{
	struct stat status;
	void *address;

	if (fstat(fd, &status) < 0)
		return -1;
	if (shared->size == 0)
		shared->size = status.st_size;
	if (shared->size == 0 || (size_t)status.st_size < shared->size) {
		errno = EINVAL; /* what lies beyond a file's end is a SIGBUS */
		return -1;
	}
	address = mmap(NULL, shared->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       fd, 0);
	if (address == MAP_FAILED)
		return -1;
	shared->address = address;
	shared->device = status.st_dev;
	shared->inode = status.st_ino;
	shared->image = this_image();
	return 0;
}
/* endregion */

/* After a failure: the errno of it, and nothing left open. */
static int give_up(int fd)
{
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

static int check_size(size_t size)
{
	if (size > 0 && size <= SSIZE_MAX)
		return 0;
	errno = size == 0 ? EINVAL : ENOMEM;
	return -1;
}

/* region: open */
int mp_shared_open(struct mp_shared *shared, size_t size)
{
	int fd;

	*shared = (struct mp_shared){ .size = size, .fd = -1 };
	if (check_size(size) < 0)
		return -1;
	fd = memfd_create("mp_shared", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, size) < 0 || map(shared, fd) < 0)
		return give_up(fd);
	shared->fd = fd;
	return 0;
}
/* endregion */

/* The path of a name. */
static int path_of(const char *name, char path[sizeof(FOLDER "/") + NAME_MAX])
{
	size_t length = strnlen(name, MP_SHARED_NAME_SIZE);

	if (length == 0 || length == MP_SHARED_NAME_SIZE ||
	    strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0) {
		errno = EINVAL;
		return -1;
	}
	sprintf(path, FOLDER "/%s", name);
	return 0;
}

/*
 * Room for all of it, now: a full /dev/shm would be a SIGBUS later. A signal
 * undoes what the call has done; so after one it goes slice by slice.
 */
static int reserve(int fd, size_t size)
{
	size_t at = 0, step = size;

	while (at < size) {
		size_t left = size - at;

		errno = posix_fallocate(fd, at, left < step ? left : step);
		if (errno == EINTR)
			step = SLICE;
		else if (errno != 0)
			return -1;
		else
			at += step;
	}
	return 0;
}

/* region: create */
/* O_TMPFILE: the file has no name until linkat(2) gives it one, see open(2). */
int mp_shared_create(struct mp_shared *shared, const char *name, size_t size)
{
	char path[sizeof(FOLDER "/") + NAME_MAX], nameless[32];
	int fd;

	*shared = (struct mp_shared){ .size = size, .fd = -1 };
	if (check_size(size) < 0 || path_of(name, path) < 0)
		return -1;
	fd = open(FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || reserve(fd, size) < 0 || map(shared, fd) < 0)
		return give_up(fd);
	sprintf(nameless, "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, nameless, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0) {
		give_up(fd);
		munmap(shared->address, shared->size);
		shared->address = NULL;
		return -1;
	}
	close(fd);
	strcpy(shared->name, name);
	shared->creator = getpid();
	return 0;
}
/* endregion */

/* region: attach */
static int attach_by_name(struct mp_shared *shared)
{
	char path[sizeof(FOLDER "/") + NAME_MAX];
	int fd, answer;

	shared->fd = -1;
	if (path_of(shared->name, path) < 0)
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	answer = map(shared, fd);
	give_up(fd);
	return answer;
}

/* Here the number may be somebody else's: then it is another file. */
static int attach_by_descriptor(struct mp_shared *shared)
{
	struct stat status;

	if (fstat(shared->fd, &status) < 0 || !is_our_file(shared, &status)) {
		errno = EBADF;
		return -1;
	}
	fcntl(shared->fd, F_SETFD, FD_CLOEXEC); /* not for what we exec */
	return map(shared, shared->fd);
}

int mp_shared_attach(struct mp_shared *shared)
{
	if (is_mapped(shared))
		return 0;
	shared->address = NULL;
	if (shared->name[0] != '\0')
		return attach_by_name(shared);
	return attach_by_descriptor(shared);
}
/* endregion */

int mp_shared_resize(struct mp_shared *shared, size_t size)
{
	struct stat status;
	void *address;

	if (check_size(size) < 0 || fstat(shared->fd, &status) < 0)
		return -1;
	if ((size_t)status.st_size < size && ftruncate(shared->fd, size) < 0)
		return -1;
	address = mremap(shared->address, shared->size, size, MREMAP_MAYMOVE);
	if (address == MAP_FAILED) {
		errno = ENOMEM; /* mremap(2) has EINVAL where no address goes */
		return -1;
	}
	shared->address = address;
	shared->size = size;
	return 0;
}

int mp_shared_unlink(struct mp_shared *shared)
{
	char path[sizeof(FOLDER "/") + NAME_MAX];
	struct stat status;

	if (shared->creator != getpid()) {
		errno = EPERM;
		return -1;
	}
	if (path_of(shared->name, path) < 0 || lstat(path, &status) < 0)
		return -1;
	if (!is_our_file(shared, &status)) {
		errno = ENOENT; /* rm(1), and somebody made the name anew */
		return -1;
	}
	if (unlink(path) < 0)
		return -1;
	shared->creator = 0;
	return 0;
}

void mp_shared_close(struct mp_shared *shared)
{
	if (!is_mapped(shared))
		return;
	munmap(shared->address, shared->size);
	if (shared->fd >= 0)
		close(shared->fd);
	shared->address = NULL;
	shared->fd = -1;
}
