/*
 * lab4-readers.c - several readers of one end
 *
 * The scene `one-reader` of lab 4. Two processes, A and B, read from one pipe:
 * plain records, then frames by bare reads, then frames by mp, which gives each
 * reader its turn. Only the first of the three is left to luck.
 */
#include "lab4.h"

#include "connection.h"
#include "frame.h"
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define RECORDS 1000
#define MESSAGE "hello, world"
#define LENGTH	(sizeof(MESSAGE) - 1)

/* --- records ----------------------------------------------------------- */

/* region: records */
struct records {
	int out, in;
	unsigned char (*read_by)[2]; /* how often, for each: by A, by B */
};

/* Reads records of 8 bytes: one in the first step, and then until the end. */
static int read_records(const void *args, size_t size)
{
	struct player me = *(const struct player *)args;
	const struct records *it = me.scene;
	int who = me.process.name[0] - 'A';
	uint64_t record;
	long count = 0;

	(void)size;
	close(it->in); /* or this reader would wait for itself to write */
	await_step(&me);
	while (read(it->out, &record, sizeof(record)) == sizeof(record)) {
		it->read_by[record % RECORDS][who]++;
		if (count++ == 0) {
			answer(&me, 1);
			await_step(&me);
		}
	}
	answer(&me, count);
	return 0;
}

static void play_records(void)
{
	int end[2], once = 0;
	struct records it = { .read_by = shared_memory(RECORDS * 2) };
	struct player a, b;
	long by_a, by_b;

	check(pipe2(end, O_CLOEXEC));
	it.out = end[0];
	it.in = end[1];
	start_player(&a, "A", read_records, &it);
	start_player(&b, "B", read_records, &it);
	for (uint64_t record = 0; record < RECORDS / 2; record++)
		check(write(it.in, &record, sizeof(record)));
	step(&a);
	step(&b);
	let_step(&a);
	let_step(&b);
	for (uint64_t record = RECORDS / 2; record < RECORDS; record++)
		check(write(it.in, &record, sizeof(record)));
	close(it.in); /* or the readers would wait for more */
	by_a = hear_answer(&a);
	by_b = hear_answer(&b);
	dismiss(&a);
	dismiss(&b);
	close(it.out);

	for (int i = 0; i < RECORDS; i++)
		once += it.read_by[i][0] + it.read_by[i][1] == 1;
	say("%d records of 8 bytes: A read %.1f %%, B %.1f %%; luck", RECORDS,
	    100.0 * by_a / RECORDS, 100.0 * by_b / RECORDS);
	conclude(once == RECORDS && by_a > 0 && by_b > 0,
		 "each record reached exactly one reader");
	free_memory(it.read_by, RECORDS * 2);
}
/* endregion */

/* --- frames, by bare reads --------------------------------------------- */

/* region: bare-frames */
/* One read for the head, and one for what it promises. */
static int read_frame(const void *args, size_t size)
{
	struct player me = *(const struct player *)args;
	int out = *(const int *)me.scene;
	unsigned char head[FRAME_HEAD];
	char text[64];
	long length, n;

	(void)size;
	await_step(&me);
	check(read(out, head, FRAME_SHORT) == FRAME_SHORT ? 0 : -1);
	length = frame_length(head);
	say("read a head: %ld bytes are to follow", length);
	answer(&me, length);
	await_step(&me);
	n = try_read(out, text, length < 64 ? length : 64);
	say("read on, for %ld bytes: %s%s%.*s", length, outcome(n),
	    n > 0 ? ": " : "", n > 0 ? (int)n : 0, text);
	answer(&me, n);
	return 0;
}

/* A message as it travels, in one write. */
static void send_by_hand(int in)
{
	unsigned char frame[FRAME_HEAD + LENGTH];
	size_t head = frame_head(frame, LENGTH);

	memcpy(frame + head, MESSAGE, LENGTH);
	check(write(in, frame, head + LENGTH));
}

static void play_bare_frames(void)
{
	int end[2];
	struct player a, b;
	long length_a, length_b, got_a;

	check(pipe2(end, O_CLOEXEC | O_NONBLOCK));
	start_player(&a, "A", read_frame, &end[0]);
	start_player(&b, "B", read_frame, &end[0]);
	send_by_hand(end[1]);
	length_a = step(&a);
	length_b = step(&b); /* between A's two reads */
	got_a = step(&a);
	step(&b);
	dismiss(&a);
	dismiss(&b);
	close(end[0]);
	close(end[1]);

	conclude(length_a == LENGTH && length_b != LENGTH && got_a < length_a,
		 "bare reads: B took A's bytes for a head: a frame is 2 reads");
}
/* endregion */

/* --- frames, by mp ----------------------------------------------------- */

/* region: frames */
static int receive_message(const void *args, size_t size)
{
	struct player me = *(const struct player *)args;
	struct mp_connection from = *(const struct mp_connection *)me.scene;
	double timeout = me.process.name[0] == 'A' ? PATIENCE : 0;
	char text[64];
	long n;

	(void)size;
	may_be_held();
	await_step(&me);
	span_begin("receives");
	n = mp_connection_recv_bytes_into(&from, text, sizeof(text), timeout);
	n = n < 0 ? -errno : n;
	span_end();
	say("recv_bytes_into: %s%s%.*s", outcome(n), n > 0 ? ": " : "",
	    n > 0 ? (int)n : 0, text);
	answer(&me, n == LENGTH && memcmp(text, MESSAGE, n) != 0 ? 0 : n);
	return 0;
}

static void play_frames(void)
{
	struct mp_connection from, to;
	struct player a, b;
	unsigned char head[FRAME_HEAD];
	long got_a, got_b, left;

	check(mp_pipe(&from, &to, false));
	start_player(&a, "A", receive_message, &from);
	start_player(&b, "B", receive_message, &from);
	frame_head(head, LENGTH);
	check(write(to.fd, head, FRAME_SHORT));
	let_step(&a);
	await_change(from.fd, FRAME_SHORT); /* A has taken the head */
	hold(&a);
	check(write(to.fd, MESSAGE, LENGTH)); /* B could take it */
	got_b = step(&b);
	left = waiting_in(from.fd);
	let_go_on(&a);
	got_a = hear_answer(&a);
	dismiss(&a);
	dismiss(&b);
	mp_connection_close(&from);
	mp_connection_close(&to);

	conclude(got_a == LENGTH && got_b == -ETIMEDOUT && left == LENGTH,
		 "mp: it was A's turn, so B read nothing: readers need a lock");
}
/* endregion */

void play_one_reader(void)
{
	play_records();
	play_bare_frames();
	play_frames();
}
