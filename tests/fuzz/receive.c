/*
 * receive.c - any bytes at all, to the reader of frames
 *
 * A target for libFuzzer: `make fuzz`. What comes out of a connection must be
 * what an independent reading of the same bytes says, and never more than was
 * sent. The inputs it found worth keeping are in tests/fuzz/receive.
 */
#include "connection.h"

#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM 4096

static uint64_t number(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;

	while (size-- > 0)
		value = value << 8 | *bytes++;
	return value;
}

/* The next message in the bytes: its length, or -1 with the errno to expect. */
static ssize_t expect(const uint8_t **at, size_t *left, size_t most)
{
	size_t head = *left >= 4 && number(*at, 4) == UINT32_MAX ? 12 : 4;
	uint64_t length;

	errno = *left == 0 ? ENODATA : EPROTO;
	if (*left < head)
		return -1;
	length = head == 12 ? number(*at + 4, 8) : number(*at, 4);
	if (length > (head == 12 ? (uint64_t)INT64_MAX : INT32_MAX))
		return -1;
	if (length > most) {
		errno = EMSGSIZE;
		return -1;
	}
	if (length > *left - head)
		return -1;
	*at += head;
	*left -= head;
	return length;
}

static void require(int holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_connection in;
	int end[2];

	if (size > 60000) /* what fits into a pipe with nobody reading */
		return 0;
	require(pipe2(end, O_CLOEXEC) == 0);
	require(write_full(end[1], data, size) == 0);
	close(end[1]);
	require(mp_connection_open(&in, end[0]) == 0);
	for (;;) {
		ssize_t expected = expect(&data, &size, ROOM), length;
		int error = errno;
		void *message;

		length = mp_connection_recv_bytes(&in, &message, ROOM, -1);
		require(length == expected);
		if (length < 0) {
			require(errno == error);
			break;
		}
		require(memcmp(message, data, length) == 0);
		free(message);
		data += length;
		size -= length;
	}
	mp_connection_close(&in);
	return 0;
}
