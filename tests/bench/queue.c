/* queue.c - rows of the bench: the queue; see bench.h. */
#include "queue.h"

#include "bench.h"
#include "io.h"
#include "lock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES 40000
#define MANY	 64
#define LARGE	 (1 << 20)
#define BLOCK	 (64 << 20)
#define SIDES	 4 /* producers, and consumers, of the row with many */

static struct mp_queue queue, ready; /* messages; "all of them came", "go" */
static int bare[2], bare_ready[2];   /* pipes for the same */
static char *block, *other;	     /* BLOCK bytes each */

static struct {
	pthread_mutex_t turn; /* of who reads a frame from the pipe */
	_Atomic int left;     /* messages of this call to come */
} * shared;

static struct mp_shared memory;

/* --- one message ------------------------------------------------------------ */

static void put(struct mp_queue *to, const void *message, size_t size)
{
	if (mp_queue_put(to, message, size, -1) < 0)
		fail("mp_queue_put");
}

static size_t get(struct mp_queue *from, void *buffer, size_t room)
{
	ssize_t size = mp_queue_get(from, buffer, room, -1);

	if (size < 0)
		fail("mp_queue_get");
	return size;
}

static void bare_put(int64_t number)
{
	struct {
		uint32_t head;
		char bytes[sizeof(number)];
	} frame = { .head = htonl(sizeof(number)) };

	memcpy(frame.bytes, &number, sizeof(number));
	if (write_full(bare[1], &frame, sizeof(frame)) < 0)
		fail("write");
}

static int64_t bare_get(void)
{
	uint32_t head;
	int64_t number;

	if (read_full(bare[0], &head, sizeof(head)) != sizeof(head) ||
	    read_full(bare[0], &number, ntohl(head)) != sizeof(number))
		fail("read");
	return number;
}

/* The last message of a call was taken: tell who measures. */
static void count_down(void)
{
	if (atomic_fetch_sub(&shared->left, 1) == 1)
		put(&ready, "", 0);
}

static void bare_count_down(void)
{
	if (atomic_fetch_sub(&shared->left, 1) == 1)
		write_full(bare_ready[1], "", 1);
}

/* --- partners: a message of 0 ends them ----------------------------------------- */

static void consume(void)
{
	int64_t number;

	while (get(&queue, &number, sizeof(number)) > 0 && number != 0)
		count_down();
}

static void bare_consume(void)
{
	struct mp_lock turn = { .mutex = &shared->turn };
	int64_t number;

	do {
		mp_lock_acquire(&turn, -1);
		number = bare_get();
		mp_lock_release(&turn);
		if (number != 0)
			bare_count_down();
	} while (number != 0);
}

static struct mp_queue go;

/* A producer puts its share each time it is told how. */
static void produce(void)
{
	int how;

	while (get(&go, &how, sizeof(how)) > 0 && how != 0)
		for (int64_t i = 1; i <= MESSAGES / SIDES; i++)
			if (how == 1)
				put(&queue, &i, sizeof(i));
			else
				bare_put(i);
}

static void consume_large(void)
{
	size_t size;

	while ((size = get(&queue, block, LARGE)) > 0)
		count_down();
}

/* --- a call ------------------------------------------------------------------------ */

static void wait_ready(void)
{
	char byte;

	get(&ready, &byte, 1);
}

static void bare_wait_ready(void)
{
	char byte;

	if (read_full(bare_ready[0], &byte, 1) != 1)
		fail("read");
}

static void ours_one(void)
{
	shared->left = MESSAGES;
	for (int64_t i = 1; i <= MESSAGES; i++)
		put(&queue, &i, sizeof(i));
	wait_ready();
}

static void bare_one(void)
{
	shared->left = MESSAGES;
	for (int64_t i = 1; i <= MESSAGES; i++)
		bare_put(i);
	bare_wait_ready();
}

static void all_go(int how)
{
	shared->left = MESSAGES;
	for (int i = 0; i < SIDES; i++)
		put(&go, &how, sizeof(how));
}

static void ours_many(void)
{
	all_go(1);
	wait_ready();
}

static void bare_many(void)
{
	all_go(2);
	bare_wait_ready();
}

static void ours_large(void)
{
	shared->left = MANY;
	for (int i = 0; i < MANY; i++)
		put(&queue, other, LARGE);
	wait_ready();
}

static void bare_large(void)
{
	memcpy(block, other, BLOCK);
}

/* --- around a row -------------------------------------------------------------------- */

static void begin(size_t capacity)
{
	struct mp_lock lock;

	if (mp_queue_open(&queue, capacity) < 0 ||
	    mp_queue_open(&ready, 4096) < 0 || mp_queue_open(&go, 4096) < 0 ||
	    mp_shared_open(&memory, sizeof(*shared)) < 0 ||
	    pipe2(bare, O_CLOEXEC) < 0 || pipe2(bare_ready, O_CLOEXEC) < 0)
		fail("opening a queue");
	shared = memory.address;
	mp_lock_place(&lock, &shared->turn);
}

static void end(void)
{
	join_partners();
	mp_queue_close(&queue);
	mp_queue_close(&ready);
	mp_queue_close(&go);
	mp_shared_close(&memory);
	for (int i = 0; i < 2; i++) {
		close(bare[i]);
		close(bare_ready[i]);
	}
}

static void begin_one(void)
{
	begin(65536);
	start_partner(consume);
	start_partner(bare_consume);
}

static void end_consumers(int count)
{
	for (int i = 0; i < count; i++) {
		put(&queue, &(int64_t){ 0 }, sizeof(int64_t));
		bare_put(0);
	}
}

static void end_one(void)
{
	end_consumers(1);
	end();
}

static void begin_many(void)
{
	begin(65536);
	for (int i = 0; i < SIDES; i++) {
		start_partner(produce);
		start_partner(consume);
		start_partner(bare_consume);
	}
}

static void end_many(void)
{
	all_go(0);
	end_consumers(SIDES);
	end();
}

static void begin_large(void)
{
	begin(2 * LARGE);
	block = malloc(BLOCK);
	other = malloc(BLOCK);
	if (block == NULL || other == NULL)
		fail("malloc");
	memset(block, 1, BLOCK);
	memset(other, 2, BLOCK);
	start_partner(consume_large);
}

static void end_large(void)
{
	put(&queue, "", 0);
	end();
	free(block);
	free(other);
}

const struct row queue_rows[] = {
	{ "queue-8B-1to1", "ns", 1e9, MESSAGES, begin_one, ours_one, bare_one,
	  true, end_one },
	{ "queue-8B-4to4", "ns", 1e9, MESSAGES, begin_many, ours_many,
	  bare_many, true, end_many },
	{ "queue-1MiB", "us", 1e6, MANY, begin_large, ours_large, bare_large,
	  true, end_large },
	{ 0 }
};
