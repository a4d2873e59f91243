/* connection.c - rows of the bench: messages; see bench.h. */
#include "connection.h"

#include "bench.h"
#include "io.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIPS  2000
#define SMALL  64
#define FRAMES 20000
#define LARGE  (1 << 20)
#define MANY   64

static char bytes[LARGE];

/* --- ours ------------------------------------------------------------------ */

/* What goes there and what comes back: by two pipes, or one socket both ways. */
static struct mp_connection to, to_end, from, from_end;

static void send_one(struct mp_connection *end, size_t size)
{
	if (mp_connection_send_bytes(end, bytes, size, -1) < 0)
		fail("send_bytes");
}

static size_t receive_one(struct mp_connection *end)
{
	ssize_t size = mp_connection_recv_bytes_into(end, bytes, LARGE, -1);

	if (size < 0)
		fail("recv_bytes");
	return size;
}

/* The partner: an empty message ends it; of others it answers the short ones, and
 * a 2-byte one tells that a row of them is over. */
static void answer(void)
{
	size_t size;

	while ((size = receive_one(&to_end)) > 0)
		if (size <= 2)
			send_one(&from_end, size);
}

static void ours_trips(void)
{
	for (int i = 0; i < TRIPS; i++) {
		send_one(&to, 1);
		receive_one(&from);
	}
}

static void ours_one_way(int count, size_t size)
{
	for (int i = 0; i < count; i++)
		send_one(&to, size);
	send_one(&to, 2);
	receive_one(&from);
}

static void ours_small(void)
{
	ours_one_way(FRAMES, SMALL);
}

static void ours_large(void)
{
	ours_one_way(MANY, LARGE);
}

/* --- bare: the same frames by plain blocking calls ----------------------------- */

static int bare_to[2], bare_from[2]; /* [0] to read from, [1] to write to */

static void bare_send(int fd, uint32_t size)
{
	char frame[16384 + 4];
	uint32_t head = htonl(size);

	memcpy(frame, &head, 4);
	if (size <= 16384) {
		memcpy(frame + 4, bytes, size);
		if (write_full(fd, frame, size + 4) < 0)
			fail("write");
	} else if (write_full(fd, &head, 4) < 0 ||
		   write_full(fd, bytes, size) < 0) {
		fail("write");
	}
}

static size_t bare_receive(int fd)
{
	uint32_t head;

	if (read_full(fd, &head, 4) != 4 ||
	    read_full(fd, bytes, ntohl(head)) != ntohl(head))
		fail("read");
	return ntohl(head);
}

static void bare_answer(void)
{
	size_t size;

	while ((size = bare_receive(bare_to[0])) > 0)
		if (size <= 2)
			bare_send(bare_from[1], size);
}

static void bare_trips(void)
{
	for (int i = 0; i < TRIPS; i++) {
		bare_send(bare_to[1], 1);
		bare_receive(bare_from[0]);
	}
}

static void bare_one_way(int count, size_t size)
{
	for (int i = 0; i < count; i++)
		bare_send(bare_to[1], size);
	bare_send(bare_to[1], 2);
	bare_receive(bare_from[0]);
}

static void bare_small(void)
{
	bare_one_way(FRAMES, SMALL);
}

static void bare_large(void)
{
	bare_one_way(MANY, LARGE);
}

/* --- around a row ---------------------------------------------------------------- */

static void begin_pipes(void)
{
	if (mp_pipe(&to_end, &to, false) < 0 ||
	    mp_pipe(&from, &from_end, false) < 0 ||
	    pipe2(bare_to, O_CLOEXEC) < 0 || pipe2(bare_from, O_CLOEXEC) < 0)
		fail("pipe");
	start_partner(answer);
	start_partner(bare_answer);
}

static void end_pipes(void)
{
	send_one(&to, 0);
	bare_send(bare_to[1], 0);
	join_partners();
	mp_connection_close(&to);
	mp_connection_close(&to_end);
	mp_connection_close(&from);
	mp_connection_close(&from_end);
	for (int i = 0; i < 2; i++) {
		close(bare_to[i]);
		close(bare_from[i]);
	}
}

/* Both ends on one CPU: where they run decides over a factor of ten. */
static void begin_pipes_pinned(void)
{
	pin();
	begin_pipes();
}

static void end_pinned(void)
{
	end_pipes();
	unpin();
}

static void begin_sockets_pinned(void)
{
	int there[2], back[2];

	pin();
	if (mp_pipe(&to, &to_end, true) < 0 ||
	    mp_pipe(&from, &from_end, true) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, there) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, back) < 0)
		fail("socketpair");
	memcpy(bare_to, there, sizeof(there));
	memcpy(bare_from, back, sizeof(back));
	start_partner(answer);
	start_partner(bare_answer);
}

const struct row connection_rows[] = {
	{ "connection-round-trip", "us", 1e6, TRIPS, begin_pipes_pinned,
	  ours_trips, bare_trips, true, end_pinned },
	{ "connection-round-trip-socket", "us", 1e6, TRIPS,
	  begin_sockets_pinned, ours_trips, bare_trips, true, end_pinned },
	{ "connection-64B", "us", 1e6, FRAMES, begin_pipes, ours_small,
	  bare_small, true, end_pipes },
	{ "connection-1MiB", "us", 1e6, MANY, begin_pipes, ours_large,
	  bare_large, true, end_pipes },
	{ 0 }
};
