/*
 * lab4-room.c - how much fits into a pipe, and what becomes of what does not
 *
 * The scenes `capacity` and `torn` of lab 4. Up to PIPE_BUF bytes a write is all
 * or nothing; of a longer one a part may go in, and then somebody else's may
 * follow.
 */
#include "lab4.h"

#include "connection.h"
#include "frame.h"
#include "io.h"
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- capacity ---------------------------------------------------------- */

/* region: capacity */
#define ROOM 100 /* bytes free at the end of the last page */

/* What a write of so many bytes says to a pipe with so many bytes of room. */
static long write_into_room(long room, size_t size)
{
	static const char zeros[65536 + 1];
	int end[2];
	long answer;

	check(pipe2(end, O_CLOEXEC | O_NONBLOCK));
	fill(end[1], check(fcntl(end[1], F_GETPIPE_SZ)) - room);
	answer = try_write(end[1], zeros, size);
	close(end[0]);
	close(end[1]);
	return answer;
}

void play_capacity(void)
{
	long over = sysconf(_SC_PAGESIZE) + 1; /* 4097 on most machines */
	long capacity, count = 0, last, whole, part;
	int end[2];

	check(pipe2(end, O_CLOEXEC | O_NONBLOCK));
	capacity = check(fcntl(end[1], F_GETPIPE_SZ));
	while ((last = try_write(end[1], "", 1)) == 1)
		count++;
	close(end[0]);
	close(end[1]);
	whole = write_into_room(ROOM, PIPE_BUF);
	part = write_into_room(ROOM, over);

	show("  F_GETPIPE_SZ says %ld, PIPE_BUF is %d", capacity, PIPE_BUF);
	show("  single bytes, until there is no room: %ld, then %s", count,
	     outcome(last));
	show("  %d bytes free, a write of %d: %s", ROOM, PIPE_BUF,
	     outcome(whole));
	show("  %d bytes free, a write of %ld: %s", ROOM, over, outcome(part));
	conclude(count == capacity && last == -EAGAIN,
		 "so many bytes fit; the next write says EAGAIN");
	conclude(whole == -EAGAIN, "up to PIPE_BUF: all of it, or nothing");
	conclude(part > 0 && part < over, "over PIPE_BUF: a part of it, too");
}
/* endregion */

/* --- torn: by bare writes ---------------------------------------------- */

/* region: torn */
struct torn {
	int out, in;
	size_t size[2]; /* bytes of A's and of B's frame, heads included */
};

/* A frame of so many bytes, its message all of one letter. */
static char *make_frame(char letter, size_t size)
{
	char *frame = malloc(size);

	check(frame == NULL ? -1 : 0);
	memset(frame, letter, size);
	frame_head((unsigned char *)frame, size - FRAME_SHORT);
	return frame;
}

/* A writer: one write, and in a second step what is left, if anything is. */
static int write_frame(const void *args, size_t size)
{
	struct player me = *(const struct player *)args;
	const struct torn *it = me.scene;
	char name = me.process.name[0], *frame;
	long done = 0, n = 0;

	size = it->size[name - 'A'];
	frame = make_frame(name, size);
	for (int steps = 0; steps < 2; steps++) {
		await_step(&me);
		if (steps == 0)
			span_begin("frame");
		if (done < (long)size) {
			span_begin("writes");
			n = try_write(it->in, frame + done, size - done);
			span_end();
			say("write, %ld bytes: %s", (long)size - done,
			    outcome(n));
			done += n > 0 ? n : 0;
			if (done == (long)size)
				span_end();
		}
		answer(&me, n);
	}
	free(frame);
	return 0;
}

/* Reads the frames in a row of bytes. How many whole ones, one letter each? */
static int whole_frames(const char *bytes, size_t size)
{
	int whole = 0;

	for (size_t length; size > FRAME_SHORT; whole++) {
		length = frame_length((const unsigned char *)bytes);
		bytes += FRAME_SHORT;
		size -= FRAME_SHORT;
		if (length > size)
			return whole;
		for (size_t i = 1; i < length; i++)
			if (bytes[i] != bytes[0])
				return whole;
		bytes += length;
		size -= length;
	}
	return whole;
}

/*
 * A and B write their frames, with so many bytes of room. A writes first; then
 * there is room again, and B writes; then A does what is left. What came out.
 */
static char *write_in_turns(const struct torn *it, long room, size_t *size)
{
	long page = sysconf(_SC_PAGESIZE);
	long before = check(fcntl(it->in, F_GETPIPE_SZ)) - room, have = 0;
	char *bytes = malloc(before + it->size[0] + it->size[1]);
	struct player a, b;

	check(bytes == NULL ? -1 : 0);
	fill(it->in, before);
	start_player(&a, "A", write_frame, it);
	start_player(&b, "B", write_frame, it);
	step(&a);
	have += check(read(it->out, bytes, page));
	step(&b);
	have += check(read(it->out, bytes + have, page));
	step(&a);
	step(&b);
	have += check(read(it->out, bytes + have, waiting_in(it->out)));
	dismiss(&a);
	dismiss(&b);
	*size = have - before;
	memmove(bytes, bytes + before, *size);
	return bytes;
}

/* What a reader of frames meets where A's message should end. */
static void show_seam(const char *bytes, size_t end)
{
	const unsigned char *at = (const unsigned char *)bytes + end;

	say("A's message ends with %02x %02x %02x %02x", at[-4], at[-3], at[-2],
	    at[-1]);
	say("the next head is %02x %02x %02x %02x: %ld bytes", at[0], at[1],
	    at[2], at[3], (long)frame_length(at));
}

static void play_bare_writes(const struct torn *it)
{
	struct record record = record_start();
	size_t size;
	char *bytes = write_in_turns(it, sysconf(_SC_PAGESIZE), &size);

	record_stop(&record);
	keep_picture(&record);
	show_seam(bytes, it->size[0]);
	conclude(whole_frames(bytes, size) == 0,
		 "over PIPE_BUF: B's frame is in the middle of A's, both torn");
	free(bytes);
}

static void play_short_writes(const struct torn *it)
{
	size_t size;
	char *bytes = write_in_turns(it, ROOM, &size);

	conclude(whole_frames(bytes, size) == 2 && bytes[FRAME_SHORT] == 'B',
		 "up to PIPE_BUF: all or nothing, A's frame came whole, later");
	free(bytes);
}
/* endregion */

/* --- torn: by mp ------------------------------------------------------- */

/* region: not-torn */
struct message {
	struct mp_connection to;
	size_t size;
};

/* A sends, and waits for room. B tries, without waiting, and later again. */
static int send_message(const void *args, size_t size)
{
	struct player me = *(const struct player *)args;
	struct message it = *(const struct message *)me.scene;
	char name = me.process.name[0], *bytes = malloc(it.size);
	double timeout = name == 'A' ? PATIENCE : 0;
	long sent;

	(void)size;
	may_be_held();
	check(bytes == NULL ? -1 : 0);
	memset(bytes, name, it.size);
	do {
		await_step(&me);
		sent = mp_connection_send_bytes(&it.to, bytes, it.size,
						timeout);
		sent = sent < 0 ? -errno : (long)it.size;
		say("send_bytes, %zu bytes: %s", it.size, outcome(sent));
		answer(&me, sent);
		timeout = PATIENCE;
	} while (sent < 0);
	free(bytes);
	return 0;
}

/* Receives a message. Is it that long, and all of one letter? */
static bool receive_whole(struct mp_connection *from, size_t size, char letter)
{
	char *bytes;
	ssize_t n = mp_connection_recv_bytes(from, (void **)&bytes, 2 * size,
					     PATIENCE);
	bool whole = n == (ssize_t)size;

	for (ssize_t i = 0; i < n; i++)
		whole = whole && bytes[i] == letter;
	free(bytes);
	return whole;
}

static void play_mp(size_t size)
{
	struct mp_connection from;
	struct message it = { .size = size };
	struct player a, b;
	long room = sysconf(_SC_PAGESIZE), full, before, refused;
	bool whole;
	char *rest;

	check(mp_pipe(&from, &it.to, false));
	full = check(fcntl(it.to.fd, F_GETPIPE_SZ));
	before = full - room;
	rest = malloc(full);
	check(rest == NULL ? -1 : 0);
	fill(it.to.fd, before);
	start_player(&a, "A", send_message, &it);
	start_player(&b, "B", send_message, &it);
	let_step(&a);
	await_change(from.fd, before); /* a part of A's frame has gone in */
	hold(&a);
	check(read_full(from.fd, rest, before)); /* now there is room: for B? */
	refused = step(&b);
	let_go_on(&a);
	whole = receive_whole(&from, size, 'A');
	hear_answer(&a);
	if (refused < 0) {
		let_step(&b);
		whole = receive_whole(&from, size, 'B') && whole;
		hear_answer(&b);
	}
	dismiss(&a);
	dismiss(&b);
	free(rest);
	mp_connection_close(&from);
	mp_connection_close(&it.to);

	conclude(refused == -ETIMEDOUT && whole,
		 "by mp it was A's turn, B had to wait: both whole");
}
/* endregion */

void play_torn(void)
{
	size_t over = sysconf(_SC_PAGESIZE) + 1; /* 4097 on most machines */
	struct torn it = { .size = { over, PIPE_BUF } };
	int end[2];

	check(pipe2(end, O_CLOEXEC | O_NONBLOCK)); /* a part, not a wait */
	it.out = end[0];
	it.in = end[1];
	play_bare_writes(&it);
	it.size[0] = PIPE_BUF;
	play_short_writes(&it);
	close(end[0]);
	close(end[1]);
	play_mp(over - FRAME_SHORT);
}
