/* memory.c - memory for scenes; see memory.h. */
#include "memory.h"

#include "check.h"

#include <string.h>
#include <sys/mman.h>

static void *map(size_t size, int flags)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    flags | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

void *shared_memory(size_t size)
{
	return map(size, MAP_SHARED);
}

void *touch_memory(size_t size)
{
	void *memory;

	if (size == 0)
		return NULL;
	memory = map(size, MAP_PRIVATE);
	madvise(memory, size,
		MADV_NOHUGEPAGE); /* EINVAL where there are none */
	memset(memory, 1, size);
	return memory;
}

void free_memory(void *memory, size_t size)
{
	if (memory != NULL)
		munmap(memory, size);
}
