/*
 * connection.c - the C side of tests/interop/connection.py
 *
 * Usage: build/interop send FD SIZE...
 *        build/interop receive FD SIZE...
 *
 * Sends messages of these sizes through the descriptor that it inherited, or
 * receives them and looks at each byte, and then for the end of the file. Exit
 * status: 0, or 1 when it has said on stderr what was wrong.
 */
#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATIENCE 60  /* seconds */
#define PERIOD	 251 /* of the bytes of a message: their place is their value */
#define CHUNK	 (1ul << 20)
#define LARGE	 (1ul << 28) /* bytes; from here on it is one chunk many times */

static _Noreturn void fail(const char *what, size_t size)
{
	fprintf(stderr, "interop: %s, %zu bytes: %s\n", what, size,
		errno == 0 ? "not what was sent" : strerror(errno));
	exit(1);
}

/*
 * Room for a message. The same memory lies there again and again if it is very
 * large: so the long form of the head is tried with 2 GiB that take 1 MiB.
 */
static unsigned char *room_for(size_t size)
{
	unsigned char *room;
	int chunk;

	if (size < LARGE)
		return malloc(size + 1);
	room = mmap(NULL, size + CHUNK, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	chunk = memfd_create("chunk", MFD_CLOEXEC);
	if (room == MAP_FAILED || chunk < 0 || ftruncate(chunk, CHUNK) < 0)
		return NULL;
	for (size_t at = 0; at < size; at += CHUNK)
		if (mmap(room + at, CHUNK, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, chunk, 0) == MAP_FAILED)
			return NULL;
	close(chunk);
	return room;
}

static void drop_room(unsigned char *room, size_t size)
{
	if (size < LARGE)
		free(room);
	else
		munmap(room, size + CHUNK);
}

static void send_one(struct mp_connection *to, size_t size)
{
	unsigned char *bytes = room_for(size);

	if (bytes == NULL)
		fail("no room", size);
	for (size_t i = 0; i < size && size < LARGE; i++)
		bytes[i] = i % PERIOD;
	if (mp_connection_send_bytes(to, bytes, size, PATIENCE) < 0)
		fail("send", size);
	drop_room(bytes, size);
}

static void receive_one(struct mp_connection *from, size_t size)
{
	unsigned char *bytes = room_for(size);
	ssize_t n;

	if (bytes == NULL)
		fail("no room", size);
	n = mp_connection_recv_bytes_into(from, bytes, size, PATIENCE);
	if (n < 0)
		fail("receive", size);
	errno = 0;
	if ((size_t)n != size)
		fail("receive", size);
	for (size_t i = 0; i < size && size < LARGE; i++)
		if (bytes[i] != i % PERIOD)
			fail("receive", size);
	drop_room(bytes, size);
}

int main(int argc, char *argv[])
{
	struct mp_connection connection;
	bool sends = argc > 2 && strcmp(argv[1], "send") == 0;
	char byte;

	if (argc < 3 || mp_connection_open(&connection, atoi(argv[2])) < 0)
		fail("open", 0);
	for (int i = 3; i < argc; i++) {
		size_t size = strtoul(argv[i], NULL, 10);

		if (sends)
			send_one(&connection, size);
		else
			receive_one(&connection, size);
	}
	if (!sends && (mp_connection_recv_bytes_into(&connection, &byte, 1,
						     PATIENCE) >= 0 ||
		       errno != ENODATA))
		fail("the end", 0);
	mp_connection_close(&connection);
	return 0;
}
