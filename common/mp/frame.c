/* frame.c - where a message begins and ends; see frame.h. */
#include "frame.h"

#include <errno.h>

#define LONGEST_SHORT 0x7fffffffu

/* So many bytes of a number, the most significant first. */
static void put_big_endian(unsigned char *to, uint64_t number, size_t bytes)
{
	while (bytes-- > 0) {
		to[bytes] = number & 255;
		number >>= 8;
	}
}

static uint64_t get_big_endian(const unsigned char *from, size_t bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < bytes; i++)
		number = number << 8 | from[i];
	return number;
}

/* region: head */
size_t frame_head(unsigned char head[FRAME_HEAD], uint64_t size)
{
	if (size <= LONGEST_SHORT) {
		put_big_endian(head, size, FRAME_SHORT);
		return FRAME_SHORT;
	}
	put_big_endian(head, UINT32_MAX, FRAME_SHORT);
	put_big_endian(head + FRAME_SHORT, size, FRAME_LONG);
	return FRAME_HEAD;
}
/* endregion */

bool frame_is_long(const unsigned char head[FRAME_SHORT])
{
	return get_big_endian(head, FRAME_SHORT) == UINT32_MAX;
}

/* region: length */
int64_t frame_length(const unsigned char head[FRAME_HEAD])
{
	uint64_t most = frame_is_long(head) ? INT64_MAX : LONGEST_SHORT;
	uint64_t length =
		frame_is_long(head)
			? get_big_endian(head + FRAME_SHORT, FRAME_LONG)
			: get_big_endian(head, FRAME_SHORT);

	if (length <= most)
		return length;
	errno = EPROTO; /* CPython reads a negative number there */
	return -1;
}
/* endregion */
