/*
 * frame.h - where a message begins and ends
 *
 * A pipe and a stream socket carry bytes, no messages. So each message travels
 * behind its length, in the form of CPython's multiprocessing.connection:
 *
 *	00 00 00 02  68 69                               "hi"
 *	ff ff ff ff  00 00 00 00 80 00 00 00  ...        2 GiB
 *
 * up to 0x7fffffff bytes: 4 bytes of length, big-endian; above: four bytes ff,
 * and 8 bytes of length.
 */
#ifndef MP_FRAME_H
#define MP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_SHORT 4 /* bytes of the usual head */
#define FRAME_LONG  8 /* bytes more of the other one */
#define FRAME_HEAD  (FRAME_SHORT + FRAME_LONG)

/* Writes the head of a message of size bytes. How many bytes that takes. */
size_t frame_head(unsigned char head[FRAME_HEAD], uint64_t size);

/* Do FRAME_LONG bytes follow the first four? */
bool frame_is_long(const unsigned char head[FRAME_SHORT]);

/* The length in a whole head, or -1: EPROTO, there is no such length. */
int64_t frame_length(const unsigned char head[FRAME_HEAD]);

#endif
