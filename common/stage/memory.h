/*
 * memory.h - memory for scenes: shared between processes, or just a lot of it
 *
 * Whatever fails, ends the process (see check.h).
 */
#ifndef STAGE_MEMORY_H
#define STAGE_MEMORY_H

#include <stddef.h>

/* Zeroed memory that this process and those it forks share. */
void *shared_memory(size_t size);

/*
 * So many bytes of private memory, each page of them touched, in small pages:
 * huge ones would hide what a fork costs. NULL for 0 bytes.
 */
void *touch_memory(size_t size);

/* Gives either back. */
void free_memory(void *memory, size_t size);

#endif
