/*
 * pass.c - what a caller of mp/pass relies on: descriptors in messages
 *
 * TEST() counts this process's descriptors before and after.
 */
#include "pass.h"

#include "../support.h"
#include "descriptors.h"
#include "frame.h"
#include "io.h"
#include "listener.h"
#include "rights.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define assert_fails(call, error)               \
	do {                                    \
		errno = 0;                      \
		assert_int_equal((call), -1);   \
		assert_int_equal(errno, error); \
	} while (0)

#define MESSAGE "#DESCRIPTORS#"

static struct mp_connection in, out;

static void open_both(void)
{
	assert_return_code(mp_pipe(&in, &out, true), errno);
}

static void close_both(void)
{
	mp_connection_close(&in);
	mp_connection_close(&out);
}

static int send_fds(const int *fds, size_t count)
{
	return mp_connection_send_descriptors(&out, fds, count, LONG);
}

static ssize_t recv_fds(int *fds, size_t room)
{
	return mp_connection_recv_descriptors(&in, fds, room, LONG);
}

/* The stream is whole: a message still crosses. */
static void expect_whole(void)
{
	char buffer[10];

	assert_return_code(mp_connection_send_bytes(&out, "whole", 5, LONG),
			   errno);
	assert_int_equal(mp_connection_recv_bytes_into(&in, buffer, 10, LONG),
			 5);
	assert_memory_equal(buffer, "whole", 5);
}

static ino_t inode_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) < 0 ? 0 : status.st_ino;
}

static int make_file(const char *text)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_return_code(fd, errno);
	assert_return_code(write_full(fd, text, strlen(text)), errno);
	return fd;
}

static void several_cross_in_order(void **state)
{
	int sent[3], fds[3];
	char text[8] = "";

	(void)state;
	open_both();
	for (int i = 0; i < 3; i++)
		sent[i] = make_file("01234");
	lseek(sent[1], 2, SEEK_SET);
	assert_int_equal(send_fds(sent, 3), 0);
	assert_int_equal(recv_fds(fds, 3), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(inode_of(fds[i]), inode_of(sent[i]));
		assert_int_not_equal(fds[i], sent[i]);
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
	}
	assert_int_equal(read(fds[1], text, 8), 3);
	assert_string_equal(text, "234");
	assert_int_equal(lseek(sent[1], 0, SEEK_CUR), 5);
	for (int i = 0; i < 3; i++) {
		close(sent[i]);
		close(fds[i]);
	}
	expect_whole();
	close_both();
}

static void as_many_as_the_system_takes(void **state)
{
	static int sent[MP_DESCRIPTORS_MAX + 1], fds[MP_DESCRIPTORS_MAX];

	(void)state;
	open_both();
	for (int i = 0; i <= MP_DESCRIPTORS_MAX; i++)
		sent[i] = STDIN_FILENO;
	assert_fails(send_fds(sent, 0), EINVAL);
	assert_fails(send_fds(sent, MP_DESCRIPTORS_MAX + 1), EINVAL);
	assert_int_equal(send_fds(sent, MP_DESCRIPTORS_MAX), 0);
	assert_int_equal(recv_fds(fds, MP_DESCRIPTORS_MAX), MP_DESCRIPTORS_MAX);
	for (int i = 0; i < MP_DESCRIPTORS_MAX; i++) {
		assert_int_equal(inode_of(fds[i]), inode_of(STDIN_FILENO));
		close(fds[i]);
	}
	close_both();
}

static void what_cannot_be_sent_leaves_the_stream_whole(void **state)
{
	int fds[3] = { STDIN_FILENO, 12345, STDIN_FILENO };

	(void)state;
	open_both();
	assert_fails(send_fds(fds, 3), EBADF);
	assert_int_equal(mp_connection_poll(&in, 0), 0);
	expect_whole();
	close_both();
	assert_fails(send_fds(fds, 1), EBADF);
	assert_fails(recv_fds(fds, 1), EBADF);
}

static void only_sockets_of_this_machine_carry_them(void **state)
{
	struct mp_listener listener = { .address = "tcp::0" };
	struct mp_connection here, there;
	int fd = STDIN_FILENO;

	(void)state;
	assert_return_code(mp_pipe(&in, &out, false), errno);
	assert_fails(send_fds(&fd, 1), EOPNOTSUPP);
	expect_whole();
	close_both();

	assert_return_code(mp_listener_open(&listener), errno);
	assert_return_code(mp_client(&here, listener.bound, NULL, LONG), errno);
	assert_return_code(mp_listener_accept(&listener, &there, LONG), errno);
	assert_fails(mp_connection_send_descriptors(&here, &fd, 1, LONG),
		     EOPNOTSUPP);
	assert_int_equal(mp_connection_poll(&there, 0.01), 0);
	mp_connection_close(&here);
	mp_connection_close(&there);
	mp_listener_close(&listener);
}

static void who_expects_bytes_gets_bytes_alone(void **state)
{
	int sent[2] = { make_file("one"), make_file("two") };
	char buffer[20];
	ssize_t before;

	(void)state;
	open_both();
	before = count_descriptors();
	assert_int_equal(send_fds(sent, 2), 0);
	assert_int_equal(mp_connection_recv_bytes_into(&in, buffer, 20, LONG),
			 strlen(MESSAGE) + 1);
	assert_memory_equal(buffer, MESSAGE "\2", strlen(MESSAGE) + 1);
	assert_int_equal(count_descriptors(), before);
	expect_whole();
	close(sent[0]);
	close(sent[1]);
	close_both();
}

static void another_message_is_not_lost(void **state)
{
	static const char *const words[] = { "", "hello", "#DESCRIPTIONS#" };
	char buffer[20];
	int fd;

	(void)state;
	open_both();
	for (size_t i = 0; i < 3; i++) {
		size_t size = strlen(words[i]);

		mp_connection_send_bytes(&out, words[i], size, LONG);
		assert_fails(recv_fds(&fd, 1), ENOMSG);
		assert_fails(recv_fds(&fd, 1), ENOMSG);
		assert_int_equal(mp_connection_recv_bytes_into(&in, buffer, 20,
							       LONG),
				 size);
		assert_memory_equal(buffer, words[i], size);
	}
	close_both();
}

static void more_than_there_is_room_for_are_closed(void **state)
{
	int sent[3] = { make_file("a"), make_file("b"), make_file("c") };
	int fds[3] = { -1, -1, -1 };
	ssize_t before;

	(void)state;
	open_both();
	before = count_descriptors();
	assert_int_equal(send_fds(sent, 3), 0);
	assert_fails(recv_fds(fds, 2), ENOBUFS);
	assert_int_equal(send_fds(sent, 1), 0);
	assert_fails(recv_fds(fds, 0), ENOBUFS);
	assert_int_equal(fds[0], -1);
	assert_int_equal(count_descriptors(), before);
	expect_whole();
	for (int i = 0; i < 3; i++)
		close(sent[i]);
	close_both();
}

static int receive_with_few_descriptors(void)
{
	int sent[3] = { 0, 0, 0 }, fds[3];
	ssize_t before;
	char buffer[10];

	if (mp_pipe(&in, &out, true) < 0)
		return 1;
	before = count_descriptors();
	for (int more = 0; more < 3; more++) {
		limit_descriptors(more);
		if (send_fds(sent, 3) < 0 || recv_fds(fds, 3) != -1 ||
		    errno != EMFILE)
			return 2;
		limit_descriptors(10);
		if (count_descriptors() != before)
			return 3;
	}
	return mp_connection_send_bytes(&out, "hello", 5, LONG) < 0 ||
	       mp_connection_recv_bytes_into(&in, buffer, 10, LONG) != 5;
}

static void too_many_for_this_process_is_emfile(void **state)
{
	(void)state;
	apart(receive_with_few_descriptors);
}

static void a_claim_that_is_not_true_is_eproto(void **state)
{
	int fds[3];

	(void)state;
	open_both();
	mp_connection_send_bytes(&out, MESSAGE "\3", 14, LONG);
	assert_fails(recv_fds(fds, 3), EPROTO);
	mp_connection_send_bytes(&out, MESSAGE, 14, LONG); /* none, and true */
	assert_int_equal(recv_fds(fds, 3), 0);
	expect_whole();
	close_both();
}

static void nothing_comes_or_nobody_is_there(void **state)
{
	int fds[2] = { STDIN_FILENO, STDIN_FILENO };

	(void)state;
	open_both();
	assert_fails(mp_connection_recv_descriptors(&in, fds, 2, 0.02),
		     ETIMEDOUT);
	while (mp_connection_send_descriptors(&out, fds, 2, 0) == 0)
		; /* until it is full */
	assert_int_equal(errno, ETIMEDOUT);
	mp_connection_close(&in); /* with what was on its way */
	assert_fails(send_fds(fds, 2), EPIPE);
	mp_connection_close(&out);
	open_both();
	mp_connection_close(&out);
	assert_fails(recv_fds(fds, 2), ENODATA);
	mp_connection_close(&in);
}

/* The head of a parcel alone, as of a sender that is killed behind it. */
static void send_head(void)
{
	unsigned char head[FRAME_HEAD];
	size_t size = frame_head(head, sizeof(MESSAGE));

	assert_int_equal(write(out.fd, head, size), size);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void behind_the_head_it_waits_no_longer_either(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm }, old;
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { 0 };
	int fd = STDIN_FILENO, got;

	(void)state;
	open_both();
	send_head();
	assert_fails(mp_connection_recv_descriptors(&in, &got, 1, 0),
		     ETIMEDOUT);
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_fails(mp_connection_recv_descriptors(&in, &got, 1, 0.05),
		     ETIMEDOUT);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	assert_return_code(send_rights(out.fd, MESSAGE "\1", sizeof(MESSAGE),
				       &fd, 1),
			   errno);
	assert_int_equal(recv_fds(&got, 1), 1); /* nothing was lost */
	close(got);
	expect_whole();
	send_head();
	mp_connection_close(&out);
	assert_fails(recv_fds(&got, 1), EPROTO);
	mp_connection_close(&in);
}

/* The system bounds how many a user has on their way; root it trusts. */
static int send_too_many(void)
{
	int fds[100], sent = 0, received;

	if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0 ||
	    mp_pipe(&in, &out, true) < 0)
		return 1;
	limit_descriptors(120);
	for (int i = 0; i < 100; i++)
		fds[i] = STDIN_FILENO;
	while (send_fds(fds, 100) == 0)
		if (++sent == 10)
			return 2;
	if (errno != ETOOMANYREFS)
		return 3;
	while ((received = recv_fds(fds, 100)) == 100) {
		sent--;
		for (int i = 0; i < 100; i++)
			close(fds[i]);
	}
	/* In its place came a message with none; and then it works again. */
	return received == 0 && sent == 0 && send_fds(fds, 0) < 0 &&
			       errno == EINVAL &&
			       send_fds((int[]){ STDIN_FILENO }, 1) == 0 &&
			       recv_fds(fds, 1) == 1
		       ? 0
		       : 4;
}

static void too_many_on_their_way_is_told(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	apart(send_too_many);
}

/* --- processes ---------------------------------------------------------- */

int read_what_is_passed(const void *args, size_t size)
{
	struct mp_connection end = *(const struct mp_connection *)args;
	char text[10];
	int fd;

	(void)size;
	if (mp_connection_attach(&end) < 0 ||
	    mp_connection_recv_descriptors(&end, &fd, 1, LONG) != 1)
		return errno;
	size = read(fd, text, sizeof(text));
	return mp_connection_send_bytes(&end, text, size, LONG) < 0;
}

static void a_child_of_either_method_receives(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		int file = make_file("passed");
		char text[10];

		open_both();
		struct mp_process p = { .target = read_what_is_passed,
					MP_ARGS(in),
					.method = *m,
					MP_KEEP(MP_CONNECTION_FDS(in)) };
		assert_return_code(mp_process_start(&p), errno);
		lseek(file, 0, SEEK_SET);
		assert_int_equal(send_fds(&file, 1), 0);
		close(file); /* it is on its way */
		assert_int_equal(
			mp_connection_recv_bytes_into(&out, text, 10, LONG), 6);
		assert_memory_equal(text, "passed", 6);
		assert_int_equal(exitcode_of(&p), 0);
		close_both();
	}
}

#define SENDERS 3

/* Messages of both kinds by several on copies of one end: none is torn. */
static void copies_of_an_end_take_turns(void **state)
{
	int count = rounds(2000), bytes = 0, passed = 0;
	pid_t pid[SENDERS];
	char buffer[2000];

	(void)state;
	open_both();
	for (int i = 0; i < SENDERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			int fds[SENDERS] = { 0 };

			memset(buffer, 'x', sizeof(buffer));
			for (int n = 0; n < count; n++)
				if (send_fds(fds, i + 1) < 0 ||
				    mp_connection_send_bytes(&out, buffer,
							     sizeof(buffer),
							     LONG) < 0)
					_exit(1);
			_exit(0);
		}
	}
	mp_connection_close(&out);
	for (int n = 0; n < 2 * SENDERS * count; n++) {
		int fds[SENDERS];
		ssize_t got = recv_fds(fds, SENDERS);

		if (got < 0) {
			assert_int_equal(errno, ENOMSG);
			assert_int_equal(mp_connection_recv_bytes_into(
						 &in, buffer, 2000, LONG),
					 2000);
			bytes++;
		}
		for (passed += got > 0; got > 0; got--)
			close(fds[got - 1]);
	}
	assert_int_equal(bytes, SENDERS * count);
	assert_int_equal(passed, SENDERS * count);
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(end_of(pid[i]), 0);
	mp_connection_close(&in);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(several_cross_in_order),
		TEST(as_many_as_the_system_takes),
		TEST(what_cannot_be_sent_leaves_the_stream_whole),
		TEST(only_sockets_of_this_machine_carry_them),
		TEST(who_expects_bytes_gets_bytes_alone),
		TEST(another_message_is_not_lost),
		TEST(more_than_there_is_room_for_are_closed),
		TEST(too_many_for_this_process_is_emfile),
		TEST(a_claim_that_is_not_true_is_eproto),
		TEST(nothing_comes_or_nobody_is_there),
		TEST(behind_the_head_it_waits_no_longer_either),
		TEST(too_many_on_their_way_is_told),
		TEST(a_child_of_either_method_receives),
		TEST(copies_of_an_end_take_turns),
	};

	mp_guard(argc, argv);
	return cmocka_run_group_tests_name("mp/pass", tests, NULL, NULL);
}
