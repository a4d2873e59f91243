/* run.c - what all processes of a run share; see run.h. */
#include "run.h"

#include "deadline.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_VARIABLE "LAB_RUN"

static struct run *shared;

static struct run *map(int fd)
{
	struct stat status;
	void *address;

	if (fstat(fd, &status) < 0)
		return NULL;
	address = mmap(NULL, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       fd, 0);
	return address == MAP_FAILED ? NULL : address;
}

/* Somebody may have put the name of any file into the environment. */
static bool is_run(int fd)
{
	struct run head;
	struct stat status;

	return pread(fd, &head, sizeof(head), 0) == sizeof(head) &&
	       memcmp(head.magic, RUN_MAGIC, sizeof(head.magic)) == 0 &&
	       fstat(fd, &status) == 0 &&
	       (status.st_size - sizeof(head)) / sizeof(struct event) >=
		       head.capacity;
}

static struct run *find(void)
{
	const char *path = getenv(PATH_VARIABLE);
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	struct run *found = fd < 0 || !is_run(fd) ? NULL : map(fd);

	if (fd >= 0)
		close(fd);
	return found;
}

struct run *run(void)
{
	static struct run alone; /* without room for events */

	if (shared == NULL)
		shared = find();
	if (shared == NULL) {
		alone.start = alone.began = monotonic_now();
		shared = &alone;
	}
	return shared;
}

int run_begin(size_t events)
{
	int fd = memfd_create("run", MFD_CLOEXEC);
	char path[64];

	if (fd < 0 || ftruncate(fd, sizeof(struct run) +
					    events * sizeof(struct event)) < 0)
		return -1;
	shared = map(fd);
	if (shared == NULL)
		return -1;
	shared->start = shared->began = monotonic_now();
	shared->capacity = events;
	memcpy(shared->magic, RUN_MAGIC, sizeof(shared->magic));
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	return setenv(PATH_VARIABLE, path, 1);
}
