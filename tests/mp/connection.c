/*
 * connection.c - what a caller of mp/connection relies on
 *
 * Also the storms: many on copies of one end, and some of them killed.
 */
#include "connection.h"

#include "../support.h"
#include "deadline.h"
#include "frame.h"
#include "io.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE (1 << 20)

static char bytes[LARGE], buffer[LARGE + 1];

/* Either kind: EACH_KIND(duplex). */
#define EACH_KIND(kind) for (int kind = 0; kind <= 1; kind++)

static void open_pair(struct mp_connection *in, struct mp_connection *out,
		      bool duplex)
{
	assert_return_code(mp_pipe(in, out, duplex), errno);
}

static ssize_t receive(struct mp_connection *in, size_t room, double timeout)
{
	return mp_connection_recv_bytes_into(in, buffer, room, timeout);
}

static int send_some(struct mp_connection *out, size_t size, double timeout)
{
	return mp_connection_send_bytes(out, bytes, size, timeout);
}

#define assert_fails(call, error)               \
	do {                                    \
		errno = 0;                      \
		assert_int_equal((call), -1);   \
		assert_int_equal(errno, error); \
	} while (0)

/* Something that is not the same everywhere. */
static void fill_bytes(void)
{
	for (int i = 0; i < LARGE; i++)
		bytes[i] = (char)(i * 7 + i / 251);
}

/* --- messages ------------------------------------------------------------------ */

static const size_t sizes[] = { 0,     1,     PIPE_BUF - 4, PIPE_BUF - 3,
				16384, 16385, 65536,	    LARGE };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void messages_cross_whole(void **state)
{
	(void)state;
	fill_bytes();
	EACH_KIND(duplex)
	{
		struct mp_connection in, out;
		pid_t pid;

		open_pair(&in, &out, duplex);
		pid = fork();
		if (pid == 0) {
			for (size_t i = 0; i < 2 * SIZES; i++)
				if (send_some(&out, sizes[i % SIZES],
					      i < SIZES ? -1 : LONG) < 0)
					_exit(1);
			_exit(0);
		}
		mp_connection_close(&out);
		for (size_t i = 0; i < 2 * SIZES; i++) {
			memset(buffer, 0, sizeof(buffer));
			assert_int_equal(receive(&in, LARGE,
						 i % 2 == 0 ? -1 : LONG),
					 sizes[i % SIZES]);
			assert_memory_equal(buffer, bytes, sizes[i % SIZES]);
		}
		assert_fails(receive(&in, LARGE, -1), ENODATA);
		assert_fails(receive(&in, LARGE, 1), ENODATA);
		assert_int_equal(end_of(pid), 0);
		mp_connection_close(&in);
	}
}

static void both_ends_of_a_socketpair_do_both(void **state)
{
	struct mp_connection one, other;

	(void)state;
	open_pair(&one, &other, true);
	assert_int_equal(send_some(&one, 3, -1), 0);
	assert_int_equal(send_some(&other, 4, -1), 0);
	assert_int_equal(receive(&other, 10, -1), 3);
	assert_int_equal(receive(&one, 10, -1), 4);
	mp_connection_close(&one);
	mp_connection_close(&other);
}

static void a_one_way_end_does_one_thing(void **state)
{
	struct mp_connection in, out;

	(void)state;
	open_pair(&in, &out, false);
	assert_fails(send_some(&in, 1, -1), EBADF);
	assert_fails(receive(&out, 1, -1), EBADF);
	assert_fails(mp_connection_poll(&out, 0), EBADF);
	mp_connection_close(&in);
	mp_connection_close(&out);
	mp_connection_close(&out);
	assert_fails(send_some(&out, 1, -1), EBADF);
	assert_fails(receive(&in, 1, -1), EBADF);
}

static void a_message_too_long_for_the_buffer_is_kept(void **state)
{
	void *message;

	(void)state;
	EACH_KIND(duplex)
	{
		struct mp_connection in, out;

		open_pair(&in, &out, duplex);
		send_some(&out, 100, -1);
		send_some(&out, 1, -1);
		assert_fails(receive(&in, 99, -1), ENOBUFS);
		assert_fails(receive(&in, 0, -1), ENOBUFS);
		assert_int_equal(mp_connection_poll(&in, 0), 1);
		assert_int_equal(
			mp_connection_recv_bytes(&in, &message, 100, -1), 100);
		assert_memory_equal(message, bytes, 100);
		free(message);
		assert_int_equal(receive(&in, 99, -1), 1);
		assert_int_equal(mp_connection_poll(&in, 0), 0);
		mp_connection_close(&in);
		mp_connection_close(&out);
	}
}

static void a_length_over_the_limit_ends_it(void **state)
{
	struct mp_connection in, out;
	void *message = bytes;

	(void)state;
	open_pair(&in, &out, false);
	send_some(&out, 100, -1);
	assert_fails(mp_connection_recv_bytes(&in, &message, 99, -1), EMSGSIZE);
	assert_null(message);
	assert_fails(mp_connection_recv_bytes(&in, &message, 100, -1),
		     EMSGSIZE);
	mp_connection_close(&in);
	mp_connection_close(&out);
}

/* Raw bytes as a peer might send them, then the end of the file. */
static ssize_t receive_raw(const void *raw, size_t size, double timeout)
{
	struct mp_connection in;
	int end[2], error;
	ssize_t answer;

	assert_return_code(pipe2(end, O_CLOEXEC), errno);
	assert_return_code(write_full(end[1], raw, size), errno);
	close(end[1]);
	assert_return_code(mp_connection_open(&in, end[0]), errno);
	answer = receive(&in, LARGE, timeout);
	error = errno;
	mp_connection_close(&in);
	errno = error;
	return answer;
}

static void what_is_no_frame_is_told(void **state)
{
	static const char head[] = { 0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o' };
	static const char large[] = "\xff\xff\xff\xff\0\0\0\0\0\0\0\5hello";
	static const char negative[] = { -128, 0, 0, 0, 1 };
	static const char marker[] = { -29, 0, 0, -29, 1 };
	static const char huge[] = "\xff\xff\xff\xff\xff\0\0\0\0\0\0\0";

	(void)state;
	for (double timeout = -1; timeout <= 1; timeout += 2) {
		assert_fails(receive_raw("", 0, timeout), ENODATA);
		for (size_t n = 1; n < sizeof(head); n++)
			assert_fails(receive_raw(head, n, timeout), EPROTO);
		assert_int_equal(receive_raw(head, 9, timeout), 5);
		assert_fails(receive_raw(large, 11, timeout), EPROTO);
		assert_int_equal(receive_raw(large, 17, timeout), 5);
		assert_fails(receive_raw(negative, 5, timeout), EPROTO);
		assert_fails(receive_raw(marker, 5, timeout), EPROTO);
		assert_fails(receive_raw(huge, 12, timeout), EPROTO);
	}
}

static void heads_are_pythons(void **state)
{
	unsigned char head[FRAME_HEAD];

	(void)state;
	assert_int_equal(frame_head(head, 2), 4);
	assert_memory_equal(head, "\0\0\0\2", 4);
	assert_int_equal(frame_head(head, 0x7fffffff), 4);
	assert_memory_equal(head, "\x7f\xff\xff\xff", 4);
	assert_int_equal(frame_length(head), 0x7fffffff);
	assert_int_equal(frame_head(head, 0x80000000), 12);
	assert_memory_equal(head, "\xff\xff\xff\xff\0\0\0\0\x80\0\0\0", 12);
	assert_true(frame_is_long(head));
	assert_int_equal(frame_length(head), 0x80000000);
}

/* Pages that are never written all are the one page of zeros: no memory. */
static void more_than_two_gib_cross(void **state)
{
	size_t size = (1ul << 31) + 5;
	struct mp_connection in, out;
	unsigned char head[FRAME_HEAD];
	char *zeros;
	pid_t pid;

	(void)state;
	if (!storm())
		return; /* it takes a second or two */
	zeros = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(zeros != MAP_FAILED);
	open_pair(&in, &out, false);
	pid = fork();
	if (pid == 0)
		_exit(mp_connection_send_bytes(&out, zeros, size, -1) < 0);
	mp_connection_close(&out);
	assert_int_equal(read_full(in.fd, head, FRAME_HEAD), FRAME_HEAD);
	assert_int_equal(frame_length(head), size);
	for (size_t n; size > 0; size -= n) {
		n = size < LARGE ? size : LARGE;
		assert_int_equal(read_full(in.fd, buffer, n), n);
	}
	assert_int_equal(end_of(pid), 0);
	munmap(zeros, (1ul << 31) + 5);
	mp_connection_close(&in);
}

/* --- waiting ---------------------------------------------------------------------- */

static void timeouts_are_not_early_and_lose_nothing(void **state)
{
	(void)state;
	EACH_KIND(duplex)
	{
		struct mp_connection in, out;
		double began = monotonic_now();
		int sent = 0;

		open_pair(&in, &out, duplex);
		assert_fails(receive(&in, 1, 0), ETIMEDOUT);
		assert_fails(receive(&in, 1, 0.05), ETIMEDOUT);
		assert_int_equal(mp_connection_poll(&in, 0.05), 0);
		assert_true(monotonic_now() - began >= 0.1);

		while (send_some(&out, 1000, 0) == 0) /* until it is full */
			sent++;
		assert_int_equal(errno, ETIMEDOUT);
		began = monotonic_now();
		assert_fails(send_some(&out, 1000, 0.05), ETIMEDOUT);
		assert_true(monotonic_now() - began >= 0.05);
		assert_int_equal(mp_connection_poll(&in, 0), 1);
		while (receive(&in, 1000, 0) == 1000)
			sent--;
		assert_int_equal(errno,
				 duplex && sent != 0 ? EPROTO : ETIMEDOUT);
		if (!duplex)
			assert_int_equal(sent, 0);
		mp_connection_close(&in);
		mp_connection_close(&out);
	}
}

static void giving_up_in_a_frame_breaks_it(void **state)
{
	(void)state;
	EACH_KIND(duplex)
	{
		struct mp_connection in, out;

		open_pair(&in, &out, duplex);
		assert_fails(send_some(&out, LARGE, 0.05), ETIMEDOUT);
		assert_fails(send_some(&out, 1, -1), EPROTO);
		assert_fails(receive(&in, LARGE, 0.05), ETIMEDOUT);
		assert_fails(receive(&in, LARGE, -1), EPROTO);
		mp_connection_close(&in);
		mp_connection_close(&out);
	}
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* Signals without SA_RESTART all the while: calls are cut short, nothing else. */
static void signals_do_not_matter(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm }, old;
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { 0 };

	(void)state;
	fill_bytes();
	sigaction(SIGALRM, &action, &old);
	EACH_KIND(duplex)
	{
		struct mp_connection in, out;
		pid_t pid;

		open_pair(&in, &out, duplex);
		pid = fork();
		setitimer(ITIMER_REAL, &often, NULL);
		if (pid == 0) {
			for (int i = 0; i < 50; i++)
				if (send_some(&out, LARGE,
					      i % 2 == 0 ? -1 : LONG) < 0)
					_exit(1);
			_exit(0);
		}
		mp_connection_close(&out);
		for (int i = 0; i < 50; i++) {
			assert_int_equal(receive(&in, LARGE,
						 i % 3 == 0 ? LONG : -1),
					 LARGE);
			assert_memory_equal(buffer, bytes, LARGE);
		}
		assert_fails(receive(&in, 1, LONG), ENODATA);
		setitimer(ITIMER_REAL, &never, NULL);
		assert_int_equal(end_of(pid), 0);
		mp_connection_close(&in);
	}
	sigaction(SIGALRM, &old, NULL);
}

/* A child that sends or receives sleeps until the other end does its part. */
static void sleep_all_the_same(bool duplex, bool sends)
{
	struct mp_connection in, out;
	pid_t pid;

	open_pair(&in, &out, duplex);
	assert_return_code(fcntl(in.fd, F_SETFL, O_NONBLOCK), errno);
	assert_return_code(fcntl(out.fd, F_SETFL, O_NONBLOCK), errno);
	pid = fork();
	if (pid == 0)
		_exit(sends ? send_some(&out, LARGE, -1) != 0
			    : receive(&in, LARGE, -1) != LARGE);
	wait_until_asleep(pid);
	if (sends)
		assert_int_equal(receive(&in, LARGE, -1), LARGE);
	else
		assert_int_equal(send_some(&out, LARGE, -1), 0);
	assert_int_equal(end_of(pid), 0);
	mp_connection_close(&in);
	mp_connection_close(&out);
}

/* As another process may make them, which has a copy. */
static void ends_that_do_not_block_wait_all_the_same(void **state)
{
	(void)state;
	fill_bytes();
	EACH_KIND(duplex)
	{
		sleep_all_the_same(duplex, true);
		sleep_all_the_same(duplex, false);
	}
}

static void wait_tells_which(void **state)
{
	struct mp_connection in[20], out[20];
	bool ready[20];
	int fds[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		open_pair(&in[i], &out[i], i % 2);
		fds[i] = in[i].fd;
	}
	assert_int_equal(mp_wait(fds, 20, ready, 0.01), 0);
	send_some(&out[3], 1, -1);
	mp_connection_close(&out[17]); /* an end counts, too */
	assert_int_equal(mp_wait(fds, 20, ready, -1), 2);
	for (int i = 0; i < 20; i++)
		assert_int_equal(ready[i], i == 3 || i == 17);
	fds[0] = -1;
	assert_int_equal(mp_wait(fds, 3, NULL, 0), 0);
	fds[0] = 12345;
	assert_fails(mp_wait(fds, 3, NULL, 0), EBADF);
	for (int i = 0; i < 20; i++) {
		mp_connection_close(&in[i]);
		mp_connection_close(&out[i]);
	}
}

/* --- a peer that is gone ----------------------------------------------------------- */

static void nobody_to_receive_is_epipe(void **state)
{
	(void)state;
	EACH_KIND(duplex)
	{
		struct mp_connection in, out;

		open_pair(&in, &out, duplex);
		mp_connection_close(&in);
		assert_fails(send_some(&out, 1, -1), EPIPE);
		assert_fails(send_some(&out, LARGE, -1), EPIPE);
		assert_fails(send_some(&out, 1, 1), EPIPE);
		mp_connection_close(&out);
	}
}

static void a_peer_that_leaves_things_unread_is_told(void **state)
{
	struct mp_connection one, other;

	(void)state;
	open_pair(&one, &other, true);
	send_some(&one, 1, -1);
	mp_connection_close(&other);
	assert_fails(receive(&one, 1, -1), ECONNRESET);
	mp_connection_close(&one);
}

/* --- spawned children ---------------------------------------------------------------- */

int echo_once(const void *args, size_t size)
{
	struct mp_connection end = *(const struct mp_connection *)args;
	ssize_t length;

	(void)size;
	if (mp_connection_attach(&end) < 0)
		return errno;
	if (fcntl(end.fd, F_GETFD) != FD_CLOEXEC)
		return 1;
	length = receive(&end, LARGE, LONG);
	if (length < 0 ||
	    mp_connection_send_bytes(&end, buffer, length, LONG) < 0)
		return errno;
	mp_connection_close(&end);
	return 0;
}

static void a_spawned_child_attaches(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		struct mp_connection one, other;

		open_pair(&one, &other, true);
		struct mp_process p = { .target = echo_once,
					MP_ARGS(other),
					.method = *m,
					MP_KEEP(MP_CONNECTION_FDS(other)) };
		assert_return_code(mp_process_start(&p), errno);
		send_some(&one, 1000, -1);
		assert_int_equal(receive(&one, 1000, LONG), 1000);
		assert_int_equal(exitcode_of(&p), 0);
		mp_connection_close(&one);
		mp_connection_close(&other);
	}
}

static void what_was_not_handed_over_is_ebadf(void **state)
{
	struct mp_connection one, other;
	int kept[2];

	(void)state;
	open_pair(&one, &other, true);
	kept[0] = other.fd;
	kept[1] = other.memory.fd;
	for (int i = 0; i < 2; i++) { /* just the one, just the other */
		struct mp_process p = { .target = echo_once,
					MP_ARGS(other),
					.method = MP_SPAWN,
					.keep = &kept[i],
					.keep_count = 1 };

		assert_return_code(mp_process_start(&p), errno);
		assert_int_equal(exitcode_of(&p), EBADF);
	}
	mp_connection_close(&one);
	mp_connection_close(&other);
}

static int open_with_few_descriptors(void)
{
	struct mp_connection in, out;
	ssize_t before = count_descriptors();

	for (int more = 0; more <= 3; more++)
		EACH_KIND(duplex)
		{
			limit_descriptors(more);
			if (mp_pipe(&in, &out, duplex) == 0 || errno != EMFILE)
				return 1;
			limit_descriptors(10);
			if (count_descriptors() != before)
				return 2;
		}
	limit_descriptors(4);
	return mp_pipe(&in, &out, true) < 0;
}

static void no_descriptors_left_is_emfile(void **state)
{
	(void)state;
	apart(open_with_few_descriptors);
}

/* --- many on copies of one end ----------------------------------------------------------- */

#define WRITERS 4

/* Frames of one size, each of one letter all through, by several writers to
 * several readers: a frame that is torn has two letters. The number torn. */
static int storm_of_writers(bool duplex, size_t size, int frames, int readers)
{
	int *seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct mp_connection in, out;
	pid_t pid[WRITERS + 4];
	int torn = 0;

	open_pair(&in, &out, duplex);
	for (int i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			memset(bytes, 'a' + i, size);
			for (int n = 0; n < frames; n++)
				if (send_some(&out, size, n % 5 ? -1 : LONG) <
				    0)
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < readers; i++) {
		pid[WRITERS + i] = fork();
		if (pid[WRITERS + i] == 0) {
			mp_connection_close(&out);
			while (receive(&in, LARGE, i % 2 ? -1 : LONG) ==
			       (ssize_t)size) {
				seen[i]++;
				for (size_t n = 1; n < size; n++)
					torn |= buffer[n] != buffer[0];
			}
			_exit(torn ? 2 : errno != ENODATA);
		}
	}
	mp_connection_close(&in);
	mp_connection_close(&out);
	for (int i = 0; i < WRITERS + readers; i++)
		torn += end_of(pid[i]) != 0;
	for (int i = 1; i < readers; i++)
		seen[0] += seen[i];
	assert_int_equal(seen[0], WRITERS * frames);
	munmap(seen, 4096);
	return torn;
}

static void copies_of_an_end_never_tear_a_frame(void **state)
{
	static const size_t frame_sizes[] = { 8, PIPE_BUF - 4, PIPE_BUF - 3,
					      20000 };

	(void)state;
	EACH_KIND(duplex)
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(storm_of_writers(duplex, frame_sizes[i],
						  rounds(2000), 3),
				 0);
}

/* The same frames by bare writes: what the module's turns are there for. */
static bool bare_writes_tear(size_t size, int frames)
{
	int end[2], status;
	bool torn = false;
	pid_t pid[WRITERS];
	ssize_t n;

	assert_return_code(pipe2(end, O_CLOEXEC), errno);
	for (int i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			memset(bytes, 'a' + i, size);
			while (frames-- > 0)
				write_full(end[1], bytes, size);
			_exit(0);
		}
	}
	close(end[1]);
	/* As a reader of frames: in the order they came, size at a time. */
	while ((n = read_full(end[0], buffer, size)) == (ssize_t)size)
		for (size_t at = 1; at < size; at++)
			torn |= buffer[at] != buffer[0];
	close(end[0]);
	for (int i = 0; i < WRITERS; i++)
		waitpid(pid[i], &status, 0);
	return torn;
}

static void bare_writes_tear_beyond_pipe_buf_alone(void **state)
{
	bool torn = false;

	(void)state;
	assert_false(bare_writes_tear(PIPE_BUF, rounds(8000)));
	for (int i = 0; i < 100 && !torn; i++) /* luck, but not for long */
		torn = bare_writes_tear(PIPE_BUF + 1, 1000);
	assert_true(torn);
}

/* --- killed ------------------------------------------------------------------------------ */

/* A sender is killed while it sends frames of that size. */
static void kill_a_sender(bool duplex, size_t size)
{
	struct mp_connection in, out;
	pid_t victim, sibling, reader;
	bool may_break = duplex || size + 4 > PIPE_BUF;

	open_pair(&in, &out, duplex);
	victim = fork();
	if (victim == 0)
		for (;;)
			if (send_some(&out, size, -1) < 0)
				_exit(1);
	reader = fork();
	if (reader == 0) { /* reads on whatever comes, to the end */
		mp_connection_close(&out);
		while (receive(&in, LARGE, LONG) >= 0)
			;
		_exit(errno == ENODATA ? 0 : errno == EPROTO ? 1 : 2);
	}
	usleep(random() % 500);
	kill(victim, SIGKILL);
	assert_int_equal(end_of(victim), -SIGKILL);
	sibling = fork();
	if (sibling == 0) {
		int sent = send_some(&out, size, LONG);

		_exit(sent == 0 ? 0 : errno == EOWNERDEAD ? 1 : 2);
	}
	mp_connection_close(&in);
	mp_connection_close(&out);
	int told = end_of(sibling), read = end_of(reader);

	assert_in_range(told, 0, may_break ? 1 : 0);
	assert_in_range(read, 0, may_break ? 1 : 0);
	if (read == 1) /* a truncated frame: then the siblings were told */
		assert_int_equal(told, 1);
}

static void a_killed_sender_is_told_or_harmless(void **state)
{
	(void)state;
	for (int i = 0; i < rounds(1000); i++) {
		kill_a_sender(false, 100);
		kill_a_sender(false, PIPE_BUF - 4);
		kill_a_sender(false, 200000);
		kill_a_sender(true, 100000);
	}
}

/* One of three receivers is killed, waiting or not; the others get the rest. */
static void kill_a_receiver(bool waiting)
{
	struct mp_connection in, out;
	pid_t pid[3];
	int ends[2];

	open_pair(&in, &out, false);
	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			mp_connection_close(&out);
			while (receive(&in, 100, -1) == 100)
				;
			_exit(errno == ENODATA	    ? 0
			      : errno == EOWNERDEAD ? 1
						    : 2);
		}
	}
	if (waiting)
		usleep(2000);
	else
		for (int i = 0; i < 50; i++)
			send_some(&out, 100, -1);
	kill(pid[0], SIGKILL);
	assert_int_equal(end_of(pid[0]), -SIGKILL);
	for (int i = 0; i < 10; i++)
		if (send_some(&out, 100, LONG) < 0)
			assert_int_equal(errno, EPIPE);
	mp_connection_close(&in);
	mp_connection_close(&out);
	for (int i = 0; i < 2; i++)
		ends[i] = end_of(pid[i + 1]);
	assert_int_equal(ends[0], ends[1]);
	assert_in_range(ends[0], 0, waiting ? 0 : 1);
}

static void a_killed_receiver_is_told_or_harmless(void **state)
{
	(void)state;
	for (int i = 0; i < rounds(400); i++) {
		kill_a_receiver(true);
		kill_a_receiver(false);
	}
}

/*
 * A receiver that is killed at its n-th stop; it stops where a system call begins
 * and where it ends. False if it ended before.
 */
static bool receiver_killed_at(int n, struct mp_connection *in)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(1);
		raise(SIGSTOP);
		receive(in, LARGE, -1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	for (int i = 0; i < n && WIFSTOPPED(status); i++) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		waitpid(pid, &status, 0);
	}
	if (!WIFSTOPPED(status)) {
		if (WEXITSTATUS(status) == 1)
			skip(); /* nobody may trace here */
		return false;
	}
	kill(pid, SIGKILL);
	assert_int_equal(end_of(pid), -SIGKILL);
	return true;
}

static void assert_all_are(char letter, size_t size)
{
	for (size_t i = 0; i < size; i++)
		assert_int_equal(buffer[i], letter);
}

/* Two messages, and one receiver killed at its n-th stop: the next one finds one
 * of the two whole, or is told; it never reads from the middle of one. */
static bool next_after_killed_receiver(bool duplex, size_t size, int n)
{
	struct mp_connection in, out;
	ssize_t got;
	bool killed;

	open_pair(&in, &out, duplex);
	for (char letter = 'a'; letter <= 'b'; letter++) {
		memset(bytes, letter, size);
		assert_return_code(send_some(&out, size, LONG), errno);
	}
	killed = receiver_killed_at(n, &in);
	got = receive(&in, LARGE, LONG);
	if (got < 0) {
		assert_int_equal(errno, EOWNERDEAD);
	} else {
		assert_int_equal(got, size);
		assert_all_are(buffer[0], size);
		if (buffer[0] == 'a') {
			assert_int_equal(receive(&in, LARGE, LONG), size);
			assert_all_are('b', size);
		}
	}
	mp_connection_close(&in);
	mp_connection_close(&out);
	return killed;
}

static void killed_at_a_system_call_a_receiver_shifts_nothing(void **state)
{
	(void)state;
	EACH_KIND(duplex)
	for (size_t size = 100; size <= 20000; size += 19900) {
		int stops = 1;

		while (next_after_killed_receiver(duplex, size, stops))
			stops++;
		assert_true(stops > 4); /* two reads at least */
	}
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(messages_cross_whole),
		TEST(both_ends_of_a_socketpair_do_both),
		TEST(a_one_way_end_does_one_thing),
		TEST(a_message_too_long_for_the_buffer_is_kept),
		TEST(a_length_over_the_limit_ends_it),
		TEST(what_is_no_frame_is_told),
		TEST(heads_are_pythons),
		TEST(more_than_two_gib_cross),
		TEST(timeouts_are_not_early_and_lose_nothing),
		TEST(giving_up_in_a_frame_breaks_it),
		TEST(signals_do_not_matter),
		TEST(ends_that_do_not_block_wait_all_the_same),
		TEST(wait_tells_which),
		TEST(nobody_to_receive_is_epipe),
		TEST(a_peer_that_leaves_things_unread_is_told),
		TEST(a_spawned_child_attaches),
		TEST(what_was_not_handed_over_is_ebadf),
		TEST(no_descriptors_left_is_emfile),
		TEST(copies_of_an_end_never_tear_a_frame),
		TEST(bare_writes_tear_beyond_pipe_buf_alone),
		TEST(a_killed_sender_is_told_or_harmless),
		TEST(a_killed_receiver_is_told_or_harmless),
		TEST(killed_at_a_system_call_a_receiver_shifts_nothing),
	};

	mp_guard(argc, argv);
	return cmocka_run_group_tests_name("mp/connection", tests, NULL, NULL);
}
