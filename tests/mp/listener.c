/*
 * listener.c - what a caller of mp/listener relies on
 *
 * And the faults: peers that say nothing, half of something, or something else.
 * The keys here have a stand-in for the digest, so that no libcrypto is needed;
 * the real ones are in auth.c.
 */
#include "listener.h"

#include "../support.h"
#include "deadline.h"
#include "io.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define assert_fails(call, error)               \
	do {                                    \
		errno = 0;                      \
		assert_int_equal((call), -1);   \
		assert_int_equal(errno, error); \
	} while (0)

#define assert_works(call) assert_return_code((call), errno)

/* --- a key that any build has ------------------------------------------- */

static ssize_t stand_in(const struct mp_authkey *key, enum mp_digest which,
			const void *message, size_t size,
			unsigned char digest[MP_DIGEST_MAX])
{
	size_t length = which == MP_MD5 ? 16 : 32;
	uint64_t mix = 88172645463325252u + which;

	for (size_t i = 0; i < key->size; i++)
		mix = mix * 31 + ((const unsigned char *)key->bytes)[i];
	for (size_t i = 0; i < size; i++)
		mix = mix * 31 + ((const unsigned char *)message)[i];
	for (size_t i = 0; i < length; i++) {
		mix ^= mix << 13;
		mix ^= mix >> 7;
		mix ^= mix << 17;
		digest[i] = mix;
	}
	return length;
}

static const struct mp_authkey right = { "secret", 6, stand_in };
static const struct mp_authkey wrong = { "Secret", 6, stand_in };

/* --- where the tests listen --------------------------------------------- */

/* Nobody else's tests listen there: a folder of its own, a name with our pid. */
static char folder[32], path_address[MP_ADDRESS_SIZE], abstract_address[40];
#define PATH (path_address + 5)

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/listener-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	sprintf(path_address, "unix:%s/socket", folder);
	sprintf(abstract_address, "unix:@mp-listener-%d", getpid());
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder); /* which is empty, or a test left something */
}

/* Each kind of address in turn: EACH_ADDRESS(address). */
#define EACH_ADDRESS(address)                                                \
	for (const char *all[] = { path_address, abstract_address, "tcp::0", \
				   NULL },                                   \
			**it = all, *address;                                \
	     (address = *it) != NULL; it++)

static void open_at(struct mp_listener *listener, const char *address,
		    const struct mp_authkey *key)
{
	*listener = (struct mp_listener){ .address = address, .authkey = key };
	assert_works(mp_listener_open(listener));
}

static void send_word(struct mp_connection *to, const char *word)
{
	assert_works(mp_connection_send_bytes(to, word, strlen(word), LONG));
}

static void expect_word(struct mp_connection *from, const char *word)
{
	char buffer[100];

	assert_int_equal(mp_connection_recv_bytes_into(from, buffer,
						       sizeof(buffer), LONG),
			 strlen(word));
	assert_memory_equal(buffer, word, strlen(word));
}

/* A client in a process of its own: its errno, or 0 if it was answered. */
static pid_t start_client(const char *address, const struct mp_authkey *key)
{
	struct mp_connection connection;
	char answer[8];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (mp_client(&connection, address, key, LONG) < 0)
		_exit(errno);
	if (mp_connection_send_bytes(&connection, "hello", 5, LONG) < 0 ||
	    mp_connection_recv_bytes_into(&connection, answer, 8, LONG) != 5)
		_exit(EPIPE);
	_exit(memcmp(answer, "HELLO", 5) == 0 ? 0 : EPROTO);
}

/* For a forked child: stays until it is killed, or its parent is. */
static _Noreturn void stay(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sleep_for(LONG);
	_exit(1);
}

/* Accepts one and answers it. What accept said. */
static int serve(struct mp_listener *listener, double timeout)
{
	struct mp_connection connection;

	if (mp_listener_accept(listener, &connection, timeout) < 0)
		return errno;
	expect_word(&connection, "hello");
	send_word(&connection, "HELLO");
	mp_connection_close(&connection);
	return 0;
}

/* A bare socket that is connected and has said nothing yet. */
static int connect_bare(const char *text)
{
	struct mp_address address;
	int fd;

	assert_works(mp_address_parse(&address, text));
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_works(fd);
	assert_works(connect(fd, &address.any, address.size));
	return fd;
}

/* --- addresses ---------------------------------------------------------- */

static void addresses_are_text_both_ways(void **state)
{
	static const char *const good[][2] = {
		{ "unix:/tmp/x", "unix:/tmp/x" },
		{ "unix:x", "unix:x" },
		{ "unix:./@x", "unix:./@x" },
		{ "unix:@x y:z", "unix:@x y:z" },
		{ "tcp:127.0.0.1:6000", "tcp:127.0.0.1:6000" },
		{ "tcp:localhost:0", "tcp:127.0.0.1:0" },
		{ "tcp::65535", "tcp:127.0.0.1:65535" },
		{ "tcp:0.0.0.0:00080", "tcp:0.0.0.0:80" },
	};
	struct mp_address address;
	char text[MP_ADDRESS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_works(mp_address_parse(&address, good[i][0]));
		mp_address_print(&address, text);
		assert_string_equal(text, good[i][1]);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"/tmp/x",
		"unix",
		"unix:",
		"unix:@",
		"tcp:",
		"tcp:80",
		"tcp:x",
		"tcp::",
		"tcp::-1",
		"tcp::65536",
		"tcp::1x",
		"tcp:: 1",
		"tcp::000001",
		"tcp:x:1",
		"tcp:1.2.3:1",
		"tcp:1.2.3.256:1",
		"tcp:example.org:1",
		"tcp:::1:1",
		"tcp:1234567890123456789:1",
	};
	struct mp_address address;
	char text[200] = "unix:";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_fails(mp_address_parse(&address, bad[i]), EINVAL);
	assert_fails(mp_address_parse(&address, NULL), EINVAL);
	for (int at = 0; at <= 1; at++) { /* an @ does not count */
		char printed[MP_ADDRESS_SIZE];

		strcpy(text, at ? "unix:@" : "unix:");
		memset(text + strlen(text), 'x', 107);
		text[5 + at + 107] = '\0';
		assert_works(mp_address_parse(&address, text));
		mp_address_print(&address, printed);
		assert_string_equal(printed, text);
		strcat(text, "x");
		assert_fails(mp_address_parse(&address, text), ENAMETOOLONG);
	}
}

/* --- listening and connecting ------------------------------------------- */

static void every_kind_of_address_connects(void **state)
{
	(void)state;
	EACH_ADDRESS(address)
	for (int with_key = 0; with_key <= 1; with_key++) {
		struct mp_listener listener;
		pid_t pid;

		open_at(&listener, address, with_key ? &right : NULL);
		if (strcmp(address, "tcp::0") != 0)
			assert_string_equal(listener.bound, address);
		pid = start_client(listener.bound, listener.authkey);
		assert_int_equal(serve(&listener, LONG), 0);
		assert_int_equal(end_of(pid), 0);
		mp_listener_close(&listener);
	}
}

static void what_comes_out_is_a_connection_as_any(void **state)
{
	struct mp_listener listener;
	struct mp_connection here, there;

	(void)state;
	open_at(&listener, "tcp::0", NULL);
	assert_works(mp_client(&here, listener.bound, NULL, LONG));
	assert_works(mp_listener_accept(&listener, &there, LONG));
	assert_int_equal(mp_connection_poll(&there, 0.01), 0);
	send_word(&here, "one");
	send_word(&there, "two");
	expect_word(&there, "one");
	expect_word(&here, "two");
	assert_int_equal(fcntl(there.fd, F_GETFD), FD_CLOEXEC);
	assert_false(fcntl(there.fd, F_GETFL) & O_NONBLOCK);
	assert_false(fcntl(here.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(listener.fd, F_GETFD), FD_CLOEXEC);
	mp_connection_close(&here);
	assert_fails(mp_connection_recv_bytes_into(&there, &here, 1, LONG),
		     ENODATA);
	mp_connection_close(&there);
	mp_listener_close(&listener);
	mp_listener_close(&listener); /* once more is harmless */
	assert_fails(mp_listener_accept(&listener, &there, -1), EBADF);
}

static void nobody_there_is_told(void **state)
{
	struct mp_connection connection;
	struct mp_listener listener;

	(void)state;
	assert_fails(mp_client(&connection, path_address, NULL, LONG), ENOENT);
	assert_fails(mp_client(&connection, "unix:@mp-nobody", NULL, LONG),
		     ECONNREFUSED);
	open_at(&listener, "tcp::0", NULL);
	mp_listener_close(&listener);
	assert_fails(mp_client(&connection, listener.bound, NULL, LONG),
		     ECONNREFUSED);
	assert_fails(mp_client(&connection, "tcp:nowhere:1", NULL, LONG),
		     EINVAL);
}

static void an_empty_key_is_no_key(void **state)
{
	static const struct mp_authkey empty = { "", 0, stand_in };
	static const struct mp_authkey plain = { "secret", 6, NULL };
	struct mp_listener listener = { .address = "tcp::0" };
	struct mp_connection connection;

	(void)state;
	listener.authkey = &empty;
	assert_fails(mp_listener_open(&listener), EINVAL);
	listener.authkey = &plain;
	assert_fails(mp_listener_open(&listener), EINVAL);
	assert_fails(mp_client(&connection, "tcp::1", &empty, LONG), EINVAL);
	assert_fails(mp_listener_accept(&listener, &connection, -1), EBADF);
	mp_listener_close(&listener);
}

static void beyond_this_machine_takes_a_key(void **state)
{
	struct mp_listener listener = { .address = "tcp:0.0.0.0:0" };

	(void)state;
	assert_fails(mp_listener_open(&listener), EPERM);
	listener.authkey = &right;
	assert_works(mp_listener_open(&listener));
	mp_listener_close(&listener);
	open_at(&listener, "tcp:127.0.0.2:0", NULL); /* still this machine */
	mp_listener_close(&listener);
}

static void a_port_is_for_one_and_free_at_once(void **state)
{
	struct mp_listener listener, other;
	struct mp_connection here, there;
	char bound[MP_ADDRESS_SIZE];

	(void)state;
	open_at(&listener, "tcp::0", NULL);
	strcpy(bound, listener.bound);
	other = (struct mp_listener){ .address = bound };
	assert_fails(mp_listener_open(&other), EADDRINUSE);
	assert_works(mp_client(&here, bound, NULL, LONG));
	assert_works(mp_listener_accept(&listener, &there, LONG));
	mp_connection_close(&there); /* first: its side waits, see tcp(7) */
	mp_connection_close(&here);
	mp_listener_close(&listener);
	assert_works(mp_listener_open(&other));
	mp_listener_close(&other);
}

/* --- socket files ------------------------------------------------------- */

static bool is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

static void a_socket_file_is_its_creators(void **state)
{
	struct mp_listener listener;
	struct stat status;
	mode_t mask = umask(0);
	pid_t pid;

	(void)state;
	open_at(&listener, path_address, NULL);
	umask(mask);
	assert_int_equal(stat(PATH, &status), 0);
	assert_int_equal(status.st_mode, S_IFSOCK | 0600);
	pid = fork();
	if (pid == 0) {
		mp_listener_close(&listener);
		_exit(0);
	}
	assert_int_equal(end_of(pid), 0);
	assert_true(is_there(PATH));
	mp_listener_close(&listener);
	assert_false(is_there(PATH));
}

static void anothers_file_of_that_name_stays(void **state)
{
	struct mp_listener listener, next;

	(void)state;
	open_at(&listener, path_address, NULL);
	unlink(PATH);
	open_at(&next, path_address, NULL);
	mp_listener_close(&listener);
	assert_true(is_there(PATH));
	mp_listener_close(&next);
	assert_false(is_there(PATH));
}

/* A listener that is killed, once it has opened. */
static void leave_a_stale_file(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct mp_listener listener = { .address = path_address };

		if (mp_listener_open(&listener) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(end_of(pid), -SIGKILL);
	assert_true(is_there(PATH));
}

static void a_stale_file_is_taken_over(void **state)
{
	struct mp_connection connection;
	struct mp_listener listener;
	pid_t pid;

	(void)state;
	leave_a_stale_file();
	assert_fails(mp_client(&connection, path_address, NULL, LONG),
		     ECONNREFUSED);
	open_at(&listener, path_address, NULL);
	pid = start_client(path_address, NULL);
	assert_int_equal(serve(&listener, LONG), 0);
	assert_int_equal(end_of(pid), 0);
	mp_listener_close(&listener);
}

/* Whatever else has the name is left as it is. */
static void nothing_else_is_taken_over(void **state)
{
	struct mp_listener living, listener = { .address = path_address };
	struct mp_address address;
	int fd;

	(void)state;
	open_at(&living, path_address, NULL);
	assert_fails(mp_listener_open(&listener), EADDRINUSE);
	mp_listener_close(&living);

	fd = open(PATH, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_fails(mp_listener_open(&listener), EADDRINUSE);
	assert_true(is_there(PATH));
	close(fd);
	unlink(PATH);

	assert_int_equal(symlink("/nowhere", PATH), 0);
	assert_fails(mp_listener_open(&listener), EADDRINUSE);
	unlink(PATH);

	mp_address_parse(&address, path_address);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, &address.any, address.size), 0);
	assert_fails(mp_listener_open(&listener), EADDRINUSE);
	close(fd);
	unlink(PATH);

	listener.address = "unix:/nowhere/at/all";
	assert_fails(mp_listener_open(&listener), ENOENT);
}

/* A living listener whose queue is full is no stale one. */
static void a_busy_listener_is_alive(void **state)
{
	struct mp_listener busy = { .address = path_address, .backlog = 1 };
	struct mp_listener listener = { .address = path_address };
	struct mp_connection client[8];
	double began;
	int count = 0;

	(void)state;
	assert_works(mp_listener_open(&busy));
	while (count < 8 &&
	       mp_client(&client[count], path_address, NULL, 0) == 0)
		count++;
	assert_in_range(count, 1, 7);
	assert_int_equal(errno, ETIMEDOUT);
	began = monotonic_now();
	assert_fails(mp_client(&client[count], path_address, NULL, 0.05),
		     ETIMEDOUT);
	assert_true(monotonic_now() - began >= 0.05);
	assert_fails(mp_listener_open(&listener), EADDRINUSE);
	while (count > 0)
		mp_connection_close(&client[--count]);
	mp_listener_close(&busy);
}

#define TAKERS 8

/* In a taker: reports 'y', and has it until it is told to end; or 'n'. */
static _Noreturn void take_it(int go, int answers, int end)
{
	struct mp_listener it = { .address = path_address };
	struct stat status;
	char answer = '?';

	read(go, &answer, 1); /* until it is closed */
	if (mp_listener_open(&it) == 0)
		answer = 'y';
	else if (errno == EADDRINUSE)
		answer = 'n';
	write(answers, &answer, 1);
	if (answer == 'n')
		_exit(0);
	read(end, &answer, 1);
	_exit(stat(PATH, &status) < 0 || status.st_ino != it.inode);
}

/* All at once after a stale file: one gets it, and no living one loses it. */
static void one_of_many_takes_a_stale_file(void **state)
{
	(void)state;
	for (int round = 0; round < rounds(200); round++) {
		int go[2], answers[2], end[2], winners = 0;
		pid_t pid[TAKERS];
		char answer;

		leave_a_stale_file();
		assert_int_equal(pipe2(go, O_CLOEXEC), 0);
		assert_int_equal(pipe2(answers, O_CLOEXEC), 0);
		assert_int_equal(pipe2(end, O_CLOEXEC), 0);
		for (int i = 0; i < TAKERS; i++) {
			pid[i] = fork();
			if (pid[i] == 0) {
				close(go[1]);
				close(end[1]);
				take_it(go[0], answers[1], end[0]);
			}
		}
		close(go[0]);
		close(go[1]);
		for (int i = 0; i < TAKERS; i++) {
			assert_int_equal(read(answers[0], &answer, 1), 1);
			assert_true(answer == 'y' || answer == 'n');
			winners += answer == 'y';
		}
		close(end[1]);
		for (int i = 0; i < TAKERS; i++)
			assert_int_equal(end_of(pid[i]), 0);
		close(end[0]);
		close(answers[0]);
		close(answers[1]);
		assert_int_equal(winners, 1);
		unlink(PATH);
	}
}

/* --- waiting ------------------------------------------------------------ */

static void timeouts_are_not_early(void **state)
{
	struct mp_connection connection;
	struct mp_listener listener;
	double began = monotonic_now();
	int silent;

	(void)state;
	open_at(&listener, abstract_address, &right);
	assert_fails(mp_listener_accept(&listener, &connection, 0), ETIMEDOUT);
	assert_fails(mp_listener_accept(&listener, &connection, 0.05),
		     ETIMEDOUT);
	assert_true(monotonic_now() - began >= 0.05);
	silent = connect_bare(listener.bound);
	began = monotonic_now();
	assert_fails(mp_listener_accept(&listener, &connection, 0.05),
		     ETIMEDOUT);
	assert_true(monotonic_now() - began >= 0.05);
	assert_int_equal(listener.peer_count, 1);
	close(silent);
	mp_listener_close(&listener);
}

static void a_listener_without_a_key_says_nothing(void **state)
{
	struct mp_connection connection;
	struct mp_listener listener;
	double began = monotonic_now();

	(void)state;
	open_at(&listener, abstract_address, NULL);
	assert_fails(mp_client(&connection, listener.bound, &right, 0.05),
		     ETIMEDOUT);
	assert_true(monotonic_now() - began >= 0.05);
	mp_listener_close(&listener);
}

static void wait_tells_of_a_new_client(void **state)
{
	struct mp_listener listener;
	int fd;

	(void)state;
	open_at(&listener, "tcp::0", NULL);
	assert_int_equal(mp_wait(&listener.fd, 1, NULL, 0.01), 0);
	fd = connect_bare(listener.bound);
	assert_int_equal(mp_wait(&listener.fd, 1, NULL, LONG), 1);
	close(fd);
	mp_listener_close(&listener);
}

/* --- keys --------------------------------------------------------------- */

static void a_wrong_key_is_refused_on_both_sides(void **state)
{
	(void)state;
	EACH_ADDRESS(address)
	{
		struct mp_listener listener;
		pid_t pid;

		open_at(&listener, address, &right);
		pid = start_client(listener.bound, &wrong);
		assert_int_equal(serve(&listener, LONG), EACCES);
		assert_int_equal(end_of(pid), EACCES);
		pid = start_client(listener.bound, &right); /* life goes on */
		assert_int_equal(serve(&listener, LONG), 0);
		assert_int_equal(end_of(pid), 0);
		assert_int_equal(listener.dropped, 0);
		mp_listener_close(&listener);
	}
}

/* Its first message is taken for an answer, and the challenge for a message. */
static void without_a_key_nobody_comes_in(void **state)
{
	struct mp_connection connection;
	struct mp_listener listener;
	char buffer[100];

	(void)state;
	open_at(&listener, abstract_address, &right);
	assert_works(mp_client(&connection, listener.bound, NULL, LONG));
	send_word(&connection, "hello");
	assert_int_equal(serve(&listener, LONG), EACCES);
	assert_int_equal(mp_connection_recv_bytes_into(&connection, buffer, 100,
						       LONG),
			 59);
	assert_memory_equal(buffer, "#CHALLENGE#{sha256}", 19);
	expect_word(&connection, "#FAILURE#");
	assert_fails(mp_connection_recv_bytes_into(&connection, buffer, 100,
						   LONG),
		     ENODATA);
	mp_connection_close(&connection);
	mp_listener_close(&listener);
}

/* A listener by hand: sends these bytes, and closes at once or afterwards. What
 * the client says of it, within its timeout. */
static int client_meets(const void *bytes, size_t size, bool closes,
			double timeout)
{
	struct mp_address address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer, error;
	pid_t pid;

	mp_address_parse(&address, abstract_address);
	assert_int_equal(bind(fd, &address.any, address.size), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	if (pid == 0) {
		struct mp_connection connection;

		close(fd);
		_exit(mp_client(&connection, abstract_address, &right,
				timeout) < 0
			      ? errno
			      : 0);
	}
	peer = accept(fd, NULL, NULL);
	send(peer, bytes, size, MSG_NOSIGNAL);
	if (closes)
		close(peer);
	error = end_of(pid);
	if (!closes)
		close(peer);
	close(fd);
	return error;
}

static void a_client_tells_what_is_no_listener(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		int error;
	} says[] = {
		{ "", 0, ECONNRESET },
		{ "\0", 1, ECONNRESET },
		{ "\0\0\0\x1f#CHALLENGE#", 15, ECONNRESET },
		{ "HTTP/1.1 400 Bad Request", 24, EPROTO },
		{ "\0\0\0\0", 4, EPROTO },
		{ "\0\0\0\1x", 5, EPROTO },
		{ "\0\0\1\1", 4, EPROTO },
		{ "\xff\xff\xff\xff\0\0\0\0\0\0\1\1", 12, EPROTO },
		{ "\x80\0\0\0", 4, EPROTO },
		{ "\0\0\0\x0b#CHALLENGE#", 15, EPROTO },
		{ "\0\0\0\x1e#CHALLENGE#0123456789012345678", 34, EPROTO },
		{ "\0\0\0\x21#CHALLENGE#{sha1}0123456789012345", 37, EPROTO },
		{ "\0\0\0\x1f#CHALLENGE#01234567890123456789\0\0\0\x09#FAILURE#",
		  48, EACCES },
		{ "\0\0\0\x1f#CHALLENGE#01234567890123456789\0\0\0\x08#WELCOME",
		  47, EACCES },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		bool is_half = says[i].error == ECONNRESET;

		assert_int_equal(client_meets(says[i].bytes, says[i].size,
					      is_half, LONG),
				 says[i].error);
		if (is_half)
			assert_int_equal(client_meets(says[i].bytes,
						      says[i].size, false,
						      0.05),
					 ETIMEDOUT);
	}
}

/* What the client sends behind its handshake is a message, no part of it. */
static void what_follows_is_left_alone(void **state)
{
	struct mp_connection here, there;
	struct mp_listener listener;
	int status;
	pid_t pid;

	(void)state;
	open_at(&listener, "tcp::0", &right);
	pid = fork();
	if (pid == 0) {
		if (mp_client(&here, listener.bound, &right, LONG) < 0)
			_exit(errno);
		send_word(&here, "one");
		send_word(&here, "two");
		_exit(0);
	}
	waitpid(pid, &status, WNOHANG);
	assert_works(mp_listener_accept(&listener, &there, LONG));
	expect_word(&there, "one");
	expect_word(&there, "two");
	end_of(pid);
	mp_connection_close(&there);
	mp_listener_close(&listener);
}

/* --- peers that misbehave ----------------------------------------------- */

#define SILENT 50

/* The shortest of several: what it takes an honest client among silent ones. */
static double serve_among_silent(struct mp_listener *listener)
{
	double least = LONG;

	for (int i = 0; i < 5; i++) {
		double began = monotonic_now(), took;
		pid_t pid = start_client(listener->bound, &right);

		assert_int_equal(serve(listener, LONG), 0);
		took = monotonic_now() - began;
		assert_int_equal(end_of(pid), 0);
		if (took < least)
			least = took;
	}
	return least;
}

static void silent_peers_hold_up_nobody(void **state)
{
	(void)state;
	EACH_ADDRESS(address)
	{
		struct mp_listener listener;
		int silent[SILENT];

		open_at(&listener, address, &right);
		for (int i = 0; i < SILENT; i++) {
			silent[i] = connect_bare(listener.bound);
			if (i % 2) /* or says a little */
				send(silent[i], "\0\0", 2, MSG_NOSIGNAL);
		}
		assert_true(serve_among_silent(&listener) < 0.1);
		assert_int_equal(listener.peer_count, SILENT);
		assert_int_equal(listener.dropped, 0);
		mp_listener_close(&listener);
		for (int i = 0; i < SILENT; i++) {
			char buffer[100];

			/* Each got the challenge, and then the end. */
			assert_int_equal(read_full(silent[i], buffer, 63), 63);
			assert_true(read(silent[i], buffer, 1) <= 0);
			close(silent[i]);
		}
	}
}

/* One sends nothing, one a byte now and then: it has no more time for that. */
static void who_is_slow_is_dropped_at_the_deadline(void **state)
{
	struct mp_listener listener = { .address = abstract_address,
					.authkey = &right,
					.patience = 0.1 };
	struct mp_connection connection;
	int silent, slow;
	double began;

	(void)state;
	assert_works(mp_listener_open(&listener));
	began = monotonic_now();
	silent = connect_bare(listener.bound);
	slow = connect_bare(listener.bound);
	for (int i = 0; i < 100 && listener.dropped < 2; i++) {
		send(slow, "", 1, MSG_NOSIGNAL); /* a length of 0, at last */
		if (i == 2)
			break;
		assert_fails(mp_listener_accept(&listener, &connection, 0.02),
			     ETIMEDOUT);
	}
	/* A busy machine may have taken so long over it. */
	assert_true(listener.dropped == 0 || monotonic_now() - began >= 0.1);
	assert_fails(mp_listener_accept(&listener, &connection, 0.15),
		     ETIMEDOUT);
	assert_int_equal(listener.dropped, 2);
	assert_true(monotonic_now() - began >= 0.1);
	close(silent);
	close(slow);
	mp_listener_close(&listener);
}

/* The caller is away for longer than its patience, again and again: an honest
 * peer that has answered meanwhile is served before anybody is dropped. */
static void who_has_answered_in_time_is_not_dropped(void **state)
{
	struct mp_listener listener = { .address = abstract_address,
					.authkey = &right,
					.patience = 0.02 };
	struct mp_connection connection;
	struct handshake client;
	int fd, done = 0, accepted = -1;

	(void)state;
	assert_works(mp_listener_open(&listener));
	fd = connect_bare(listener.bound);
	handshake_begin(&client, &right, false);
	for (int i = 0; i < 6 && accepted < 0; i++) {
		accepted = mp_listener_accept(&listener, &connection, 0);
		if (done == 0)
			done = handshake_go_on(&client, fd);
		sleep_for(0.05);
	}
	assert_int_equal(done, 1);
	assert_int_equal(accepted, 0);
	assert_int_equal(listener.dropped, 0);
	mp_connection_close(&connection);
	close(fd);
	mp_listener_close(&listener);
}

/* All that a client says in a handshake, as the bytes that it sends. */
static size_t record_client(unsigned char *bytes, const char *address)
{
	struct handshake handshake;
	unsigned char digest[MP_DIGEST_MAX], challenge[63];
	int fd = connect_bare(address);
	size_t size = 44;

	handshake_begin(&handshake, &right, false);
	assert_int_equal(recv(fd, challenge, 63, MSG_WAITALL), 63);
	stand_in(&right, MP_SHA256, challenge + 15, 48, digest);
	memcpy(bytes, "\0\0\0\x28{sha256}", 12);
	memcpy(bytes + 12, digest, 32);
	memcpy(bytes + size, "\0\0\0\x3b#CHALLENGE#", 15);
	memcpy(bytes + size + 15, handshake.challenge, 48);
	memcpy(bytes + size + 63, "\0\0\0\x09#WELCOME#", 13);
	bytes[0] = fd; /* for the caller */
	return size + 63 + 13;
}

#define HALVES (storm() ? 1000 : 120) /* each number of bytes at least once */

/*
 * Connections that go away after each number of bytes of a handshake that would
 * have been right. In the other process, so that accept is at work all along.
 */
static void half_a_handshake_harms_nobody(void **state)
{
	struct mp_listener listener = { .address = abstract_address,
					.authkey = &right };
	unsigned char bytes[200];
	pid_t pid;

	(void)state;
	assert_works(mp_listener_open(&listener));
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < HALVES; i++) {
			size_t size = record_client(bytes, listener.bound);
			size_t part = (i * 7) % size;
			int fd = bytes[0];

			bytes[0] = 0;
			send(fd, bytes, part, MSG_NOSIGNAL);
			if (i % 3 == 0) /* once it has been read, or not */
				sleep_for(0.0005);
			close(fd);
		}
		_exit(0);
	}
	for (int i = 0; i < 5; i++) {
		pid_t client = start_client(listener.bound, &right);

		assert_int_equal(serve(&listener, LONG), 0);
		assert_int_equal(end_of(client), 0);
	}
	while (serve(&listener, 0.1) != ETIMEDOUT ||
	       waitpid(pid, NULL, WNOHANG) == 0)
		;
	assert_int_equal(listener.peer_count, 0);
	assert_int_equal(listener.dropped, HALVES);
	mp_listener_close(&listener);
}

#define CROWD 200

/* One of four does what it should not. */
static void misbehave(const char *address, int how)
{
	unsigned char bytes[200];
	struct mp_connection connection;
	int fd;

	switch (how % 5) {
	case 0: /* says nothing until it is dropped */
		fd = connect_bare(address);
		while (read(fd, bytes, sizeof(bytes)) > 0)
			;
		_exit(0);
	case 1:
		fd = connect_bare(address);
		send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL);
		while (read(fd, bytes, sizeof(bytes)) > 0)
			;
		_exit(0);
	case 2:
		_exit(mp_client(&connection, address, &wrong, LONG) < 0 &&
				      errno == EACCES
			      ? 0
			      : 1);
	case 3: /* half of it, then gone */
		fd = connect_bare(address);
		send(fd, "\0\0\0\x28{sha256}", 12, MSG_NOSIGNAL);
		_exit(0);
	default: /* killed in the middle */
		fd = connect_bare(address);
		raise(SIGKILL);
	}
}

static void a_crowd_is_served(void **state)
{
	int crowd = storm() ? CROWD : CROWD / 4;

	(void)state;
	EACH_ADDRESS(address)
	{
		struct mp_listener listener = { .address = address,
						.authkey = &right,
						.patience = 0.7 };
		int honest = 0, wrong_keys = 0, served, refused;
		pid_t pid[CROWD];

		assert_works(mp_listener_open(&listener));
		for (int i = 0; i < crowd; i++) {
			if (i % 4 != 0) {
				honest++;
				pid[i] = start_client(listener.bound, &right);
				continue;
			}
			wrong_keys += i / 4 % 5 == 2;
			pid[i] = fork();
			if (pid[i] == 0)
				misbehave(listener.bound, i / 4);
		}
		served = refused = 0;
		while (served < honest || refused < wrong_keys) {
			int how = serve(&listener, LONG);

			served += how == 0;
			refused += how == EACCES;
			assert_true(how == 0 || how == EACCES);
		}
		while (listener.peer_count > 0)
			assert_int_equal(serve(&listener, 0.01), ETIMEDOUT);
		for (int i = 0; i < crowd; i++) {
			int end = end_of(pid[i]);

			assert_int_equal(end, i % 20 == 16 ? -SIGKILL : 0);
		}
		mp_listener_close(&listener);
		if (!storm())
			break; /* silent ones take their time */
	}
}

/* Silent peers that have taken all descriptors make room for others. */
static int serve_with_few_descriptors(void)
{
	struct mp_listener listener = { .address = abstract_address,
					.authkey = &right,
					.patience = LONG };
	struct mp_connection connection;
	pid_t crowd, pid;

	if (mp_listener_open(&listener) < 0)
		return 1;
	crowd = fork();
	if (crowd == 0) {
		for (int i = 0; i < 30; i++)
			connect_bare(listener.bound);
		stay();
	}
	limit_descriptors(10);
	while (listener.dropped < 15)
		if (mp_listener_accept(&listener, &connection, 0.05) == 0)
			return 2;
	pid = fork();
	if (pid == 0) {
		limit_descriptors(20);
		_exit(end_of(start_client(listener.bound, &right)));
	}
	if (serve(&listener, LONG) != 0 || end_of(pid) != 0)
		return 3;
	kill(crowd, SIGKILL);
	end_of(crowd);
	mp_listener_close(&listener);
	return 0;
}

static int accept_without_descriptors(void)
{
	struct mp_listener listener = { .address = abstract_address };
	struct mp_connection connection;
	int fd;

	if (mp_listener_open(&listener) < 0)
		return 1;
	fd = connect_bare(listener.bound);
	for (int more = 0; more <= 1; more++) {
		ssize_t before = count_descriptors();

		limit_descriptors(more);
		if (mp_listener_accept(&listener, &connection, LONG) == 0 ||
		    errno != EMFILE)
			return 2;
		if (mp_listener_open(&(struct mp_listener){
			    .address = "unix:@mp-other" }) == 0 &&
		    more == 0)
			return 3;
		limit_descriptors(20);
		if (count_descriptors() > before + more)
			return 4;
	}
	close(fd);
	return 0;
}

static void no_descriptors_left(void **state)
{
	(void)state;
	apart(serve_with_few_descriptors);
	apart(accept_without_descriptors);
}

/* A peer that goes while we talk to it is no SIGPIPE, also before any
 * connection was made. */
static int talk_to_the_gone(void)
{
	struct mp_listener listener = { .address = abstract_address,
					.authkey = &right };
	struct mp_connection connection;

	signal(SIGPIPE, SIG_DFL);
	if (mp_listener_open(&listener) < 0)
		return 1;
	for (int i = 0; i < 100; i++)
		close(connect_bare(listener.bound));
	if (mp_listener_accept(&listener, &connection, 0.1) == 0 ||
	    errno != ETIMEDOUT || listener.dropped != 100)
		return 2;
	mp_listener_close(&listener);
	return 0;
}

static void sigpipe_kills_nobody(void **state)
{
	(void)state;
	apart(talk_to_the_gone);
}

/* --- processes ---------------------------------------------------------- */

static void a_listener_killed_in_accept_is_told(void **state)
{
	(void)state;
	for (int i = 0; i < rounds(200); i++) {
		struct mp_listener listener;
		pid_t server = fork(), client[4];

		if (server == 0) {
			open_at(&listener, path_address, &right);
			for (;;)
				serve(&listener, -1);
		}
		while (!is_there(PATH))
			sleep_for(0.0005);
		for (int k = 0; k < 4; k++)
			client[k] = start_client(path_address,
						 k == 3 ? &wrong : &right);
		usleep(random() % 3000);
		kill(server, SIGKILL);
		assert_int_equal(end_of(server), -SIGKILL);
		for (int k = 0; k < 4; k++) {
			int end = end_of(client[k]);

			assert_true(end == 0 || end == ECONNRESET ||
				    end == ECONNREFUSED || end == EPIPE ||
				    (k == 3 && end == EACCES));
		}
		open_at(&listener, path_address, &right);
		client[0] = start_client(path_address, &right);
		assert_int_equal(serve(&listener, LONG), 0);
		assert_int_equal(end_of(client[0]), 0);
		mp_listener_close(&listener);
	}
}

/* Two processes accept on one listener; each handshake is one's alone. */
static void a_forked_child_may_accept_too(void **state)
{
	struct mp_listener listener;
	pid_t child, client[20];
	int silent, ready[2], here = 0;

	(void)state;
	open_at(&listener, abstract_address, &right);
	silent = connect_bare(listener.bound);
	assert_int_equal(serve(&listener, 0.01), ETIMEDOUT);
	assert_int_equal(listener.peer_count, 1);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		close(silent);
		if (serve(&listener, 0) != ETIMEDOUT ||
		    listener.peer_count != 0)
			_exit(100);
		close(ready[1]);
		for (int served = 0;; served++)
			if (serve(&listener, 0.3) == ETIMEDOUT)
				_exit(served);
	}
	close(ready[1]);
	read(ready[0], &here, 1); /* until it has closed its end */
	close(ready[0]);
	for (int i = 0; i < 20; i++)
		client[i] = start_client(listener.bound, &right);
	while (serve(&listener, 0.3) == 0)
		here++;
	assert_int_equal(here + end_of(child), 20);
	for (int i = 0; i < 20; i++)
		assert_int_equal(end_of(client[i]), 0);
	assert_int_equal(listener.peer_count, 1); /* ours goes on */
	close(silent);
	mp_listener_close(&listener);
}

/* A child that was forked in between has copies of the peers' sockets. Who is
 * dropped sees the end all the same. */
static void a_childs_copies_keep_nobody_waiting(void **state)
{
	struct mp_listener listener = { .address = abstract_address,
					.authkey = &right,
					.patience = 0.05 };
	int silent;
	char buffer[100];
	pid_t child;

	(void)state;
	assert_works(mp_listener_open(&listener));
	silent = connect_bare(listener.bound);
	assert_int_equal(serve(&listener, 0.01), ETIMEDOUT);
	child = fork();
	if (child == 0) {
		close(silent);
		stay();
	}
	assert_int_equal(serve(&listener, 0.1), ETIMEDOUT);
	assert_int_equal(read_full(silent, buffer, 100), 63);
	kill(child, SIGKILL);
	end_of(child);
	close(silent);
	mp_listener_close(&listener);
}

/* Descriptors that a stranger sends along are not kept. */
static void descriptors_in_a_handshake_are_not_kept(void **state)
{
	struct mp_listener listener;
	ssize_t before;
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec bytes = { "\0\0\0\1x", 5 };
	struct msghdr message = { .msg_iov = &bytes,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	int fd;

	(void)state;
	open_at(&listener, abstract_address, &right);
	fd = connect_bare(listener.bound);
	before = count_descriptors();
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	assert_int_equal(sendmsg(fd, &message, 0), 5);
	assert_int_equal(serve(&listener, LONG), EACCES);
	assert_int_equal(count_descriptors(), before);
	close(fd);
	mp_listener_close(&listener);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(addresses_are_text_both_ways),
		TEST(what_is_no_address_is_refused),
		TEST(every_kind_of_address_connects),
		TEST(what_comes_out_is_a_connection_as_any),
		TEST(nobody_there_is_told),
		TEST(an_empty_key_is_no_key),
		TEST(beyond_this_machine_takes_a_key),
		TEST(a_port_is_for_one_and_free_at_once),
		TEST(a_socket_file_is_its_creators),
		TEST(anothers_file_of_that_name_stays),
		TEST(a_stale_file_is_taken_over),
		TEST(nothing_else_is_taken_over),
		TEST(a_busy_listener_is_alive),
		TEST(one_of_many_takes_a_stale_file),
		TEST(timeouts_are_not_early),
		TEST(a_listener_without_a_key_says_nothing),
		TEST(wait_tells_of_a_new_client),
		TEST(a_wrong_key_is_refused_on_both_sides),
		TEST(without_a_key_nobody_comes_in),
		TEST(a_client_tells_what_is_no_listener),
		TEST(what_follows_is_left_alone),
		TEST(silent_peers_hold_up_nobody),
		TEST(who_is_slow_is_dropped_at_the_deadline),
		TEST(who_has_answered_in_time_is_not_dropped),
		TEST(half_a_handshake_harms_nobody),
		TEST(a_crowd_is_served),
		TEST(no_descriptors_left),
		TEST(sigpipe_kills_nobody),
		TEST(a_listener_killed_in_accept_is_told),
		TEST(a_forked_child_may_accept_too),
		TEST(a_childs_copies_keep_nobody_waiting),
		TEST(descriptors_in_a_handshake_are_not_kept),
	};

	mp_guard(argc, argv);
	return cmocka_run_group_tests_name("mp/listener", tests, make_folder,
					   remove_folder);
}
