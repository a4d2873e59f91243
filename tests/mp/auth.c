/*
 * auth.c - what a caller of mp/auth relies on: real digests, and CPython
 *
 * Either generation of CPython's handshake is tested against recorded bytes of
 * it (recorded.inc, made by record.py, which says how); that of the python3 at
 * hand against itself, too. Only built where there is libcrypto.
 */
#include "auth.h"

#include "../support.h"
#include "io.h"
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct mp_authkey key = { "secret", 6, mp_hmac };
static const struct mp_authkey wrong = { "wrong", 5, mp_hmac };

/* The vectors of RFC 2202 and RFC 4231, each its second. */
static void digests_are_those_of_the_standards(void **state)
{
	static const char text[] = "what do ya want for nothing?";
	static const unsigned char md5[] = "\x75\x0c\x78\x3e\x6a\xb0\xb5\x03"
					   "\xea\xa8\x6e\x31\x0a\x5d\xb7\x38";
	static const unsigned char sha256[] =
		"\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7"
		"\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43";
	struct mp_authkey jefe = MP_AUTHKEY("Jefe");
	unsigned char digest[MP_DIGEST_MAX];

	(void)state;
	assert_int_equal(mp_hmac(&jefe, MP_MD5, text, 28, digest), 16);
	assert_memory_equal(digest, md5, 16);
	assert_int_equal(mp_hmac(&jefe, MP_SHA256, text, 28, digest), 32);
	assert_memory_equal(digest, sha256, 32);
}

/* --- recorded handshakes ------------------------------------------------ */

static const struct recording {
	const char *name;
	bool we_listen;
	size_t their_size;
	unsigned char theirs[160];
	size_t our_size;
	unsigned char ours[160];
} recordings[] = {
#include "recorded.inc"
};
#define RECORDINGS (sizeof(recordings) / sizeof(recordings[0]))

static int end[2]; /* [0] is theirs, [1] ours */

static void open_ends(void)
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end), 0);
}

static void close_ends(void)
{
	close(end[0]);
	close(end[1]);
}

/* As handshake_begin(), with the challenge of the recordings. */
static void begin(struct handshake *it, const struct recording *recording,
		  const struct mp_authkey *with)
{
	handshake_begin(it, with, recording->we_listen);
	for (int i = 0; i < HANDSHAKE_RANDOM; i++)
		it->challenge[strlen(HANDSHAKE_NAME) + i] = 100 + i;
}

/* They say all of it at once, or a byte at a time. What our side comes to, and
 * what it says into said. */
static int play(const struct recording *recording,
		const struct mp_authkey *with, bool slowly, void *said)
{
	size_t piece = slowly ? 1 : recording->their_size;
	struct handshake it;
	int done = 0, error;

	open_ends();
	begin(&it, recording, with);
	for (size_t at = 0; at < recording->their_size && done == 0;
	     at += piece) {
		done = handshake_go_on(&it, end[1]);
		if (done != 0)
			break;
		write_full(end[0], recording->theirs + at, piece);
		done = handshake_go_on(&it, end[1]);
	}
	error = errno;
	memset(said, 0, 160);
	recv(end[0], said, 160, MSG_DONTWAIT);
	close_ends();
	errno = error;
	return done;
}

static void either_generation_either_role(void **state)
{
	unsigned char said[160];

	(void)state;
	assert_int_equal(RECORDINGS, 4);
	for (const struct recording *it = recordings;
	     it < recordings + RECORDINGS; it++)
		for (int slowly = 0; slowly <= 1; slowly++) {
			assert_int_equal(play(it, &key, slowly, said), 1);
			assert_memory_equal(said, it->ours, it->our_size);
			assert_int_equal(said[it->our_size], 0);
		}
}

/* They have another key: so neither their digest is right, nor do we know what
 * they say of ours; it does not matter. */
static void a_wrong_key_in_either_generation(void **state)
{
	unsigned char said[160];

	(void)state;
	for (const struct recording *it = recordings;
	     it < recordings + RECORDINGS; it++) {
		assert_int_equal(play(it, &wrong, false, said), -1);
		assert_int_equal(errno, EACCES);
		assert_non_null(memmem(said, 160, "#FAILURE#", 9));
	}
}

/* One bit of what they say is changed. What is random may be anything; all else
 * must be just so. */
static void each_bit_counts(void **state)
{
	unsigned char said[160];

	(void)state;
	for (const struct recording *it = recordings;
	     it < recordings + RECORDINGS; it++)
		for (size_t bit = 0; bit < 8 * it->their_size; bit++) {
			size_t at = bit / 8, from, to;
			struct recording changed = *it;
			bool is_random;
			int done;

			changed.theirs[at] ^= 1 << bit % 8;
			done = play(&changed, &key, false, said);
			/* Where the random bytes of their challenge are. */
			from = (unsigned char *)memmem(
				       it->theirs, it->their_size, "E#", 2) +
			       2 - it->theirs;
			to = from + 20;
			if (strncmp(it->name, "new", 3) == 0) {
				from += strlen(HANDSHAKE_NAME);
				to = from + 40;
			}
			is_random = at >= from && at < to;
			assert_int_equal(done == 1, is_random);
		}
}

static void what_is_behind_it_is_not_read(void **state)
{
	char byte;

	(void)state;
	for (const struct recording *it = recordings;
	     it < recordings + RECORDINGS; it++) {
		struct handshake handshake;

		open_ends();
		begin(&handshake, it, &key);
		write_full(end[0], it->theirs, it->their_size);
		write_full(end[0], "!", 1);
		assert_int_equal(handshake_go_on(&handshake, end[1]), 1);
		assert_int_equal(recv(end[1], &byte, 1, MSG_DONTWAIT), 1);
		assert_int_equal(byte, '!');
		assert_int_equal(recv(end[1], &byte, 1, MSG_DONTWAIT), -1);
		close_ends();
	}
}

/* A client is asked for the MD5 form by its name, as CPython may ask, too. */
static void md5_by_its_name(void **state)
{
	static const char challenge[] =
		"\0\0\0\x24#CHALLENGE#{md5}01234567890123456789";
	unsigned char said[40], digest[MP_DIGEST_MAX];
	struct handshake it;

	(void)state;
	open_ends();
	handshake_begin(&it, &key, false);
	write_full(end[0], challenge, sizeof(challenge) - 1);
	assert_int_equal(handshake_go_on(&it, end[1]), 0);
	assert_int_equal(recv(end[0], said, 40, MSG_DONTWAIT), 4 + 5 + 16);
	assert_memory_equal(said, "\0\0\0\x15{md5}", 9);
	mp_hmac(&key, MP_MD5, challenge + 15, 25, digest);
	assert_memory_equal(said + 9, digest, 16);
	close_ends();
}

static void no_two_challenges_are_alike(void **state)
{
	struct handshake one, other;

	(void)state;
	handshake_begin(&one, &key, true);
	handshake_begin(&other, &key, true);
	assert_memory_not_equal(one.challenge, other.challenge,
				sizeof(one.challenge));
}

/* --- CPython itself ----------------------------------------------------- */

#define LARGE (64 << 20) /* bytes */

#define PYTHON(body)                                                \
	"import sys\n"                                              \
	"from multiprocessing import AuthenticationError\n"         \
	"from multiprocessing.connection import Client, Listener\n" \
	"kind, where = sys.argv[1].split(':', 1)\n"                 \
	"host, _, port = where.partition(':')\n"                    \
	"address = ((host, int(port)) if kind == 'tcp'\n"           \
	"           else where.replace('@', '\\0', 1))\n"           \
	"large = bytes(range(256)) * (int(sys.argv[2]) // 256)\n" body

static const char client_script[] =
	PYTHON("with Client(address, authkey=b'secret') as conn:\n"
	       "    conn.send_bytes(b'hello')\n"
	       "    assert conn.recv_bytes() == b'HELLO'\n"
	       "    conn.send_bytes(large)\n"
	       "    assert conn.recv_bytes() == large\n"
	       "try:\n"
	       "    Client(address, authkey=b'wrong')\n"
	       "except AuthenticationError as error:\n"
	       "    assert str(error) == 'digest sent was rejected'\n"
	       "    sys.exit(0)\n"
	       "sys.exit(3)\n");

static const char listener_script[] =
	PYTHON("with Listener(address, authkey=b'secret') as listener:\n"
	       "    where = listener.address\n"
	       "    print(where[1] if kind == 'tcp' else 0, flush=True)\n"
	       "    with listener.accept() as conn:\n"
	       "        assert conn.recv_bytes() == b'hello'\n"
	       "        conn.send_bytes(b'HELLO')\n"
	       "        assert conn.recv_bytes() == large\n"
	       "        conn.send_bytes(large)\n"
	       "    try:\n"
	       "        listener.accept()\n"
	       "    except AuthenticationError as error:\n"
	       "        assert str(error) == 'digest received was wrong'\n"
	       "        sys.exit(0)\n"
	       "sys.exit(3)\n");

/* How many kinds of address there are to try; none without CPython. */
static int kinds(void)
{
	return system("python3 -c 0 >/dev/null 2>&1") == 0 ? 3 : 0;
}

/* Bytes of the large message: over a path, or in a long run, LARGE. */
static int size_for(int kind)
{
	return kind == 0 || storm() ? LARGE : LARGE / 64;
}

/* Its pid; its stdout is the pipe's end. */
static pid_t start_python(const char *script, const char *address, int size,
			  int *out)
{
	char number[16];
	char *argv[] = { "python3",	  "-c",	  (char *)script,
			 (char *)address, number, NULL };
	posix_spawn_file_actions_t actions;
	int pipe_end[2];
	pid_t pid;

	sprintf(number, "%d", size);
	assert_int_equal(pipe2(pipe_end, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipe_end[1], 1);
	assert_int_equal(
		posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_end[1]);
	*out = pipe_end[0];
	return pid;
}

static unsigned char *make_large(void)
{
	unsigned char *bytes = malloc(LARGE);

	assert_non_null(bytes);
	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = i;
	return bytes;
}

static void send_size(struct mp_connection *to, const void *bytes, size_t size)
{
	assert_return_code(mp_connection_send_bytes(to, bytes, size, LONG),
			   errno);
}

static void expect(struct mp_connection *from, const void *bytes, size_t size)
{
	void *message;

	assert_int_equal(mp_connection_recv_bytes(from, &message, LARGE, LONG),
			 size);
	assert_memory_equal(message, bytes, size);
	free(message);
}

/* An address of each kind; nobody else has this process's pid in his. */
static const char *address_of(int kind)
{
	static char address[MP_ADDRESS_SIZE];
	static const char *const forms[] = { "unix:/tmp/mp-auth-test-%d",
					     "unix:@mp-auth-test-%d",
					     "tcp:127.0.0.1:0" };

	snprintf(address, sizeof(address), forms[kind], getpid());
	return address;
}

static void cpythons_client(void **state)
{
	unsigned char *large = make_large();

	(void)state;
	for (int i = 0, count = kinds(); i < count; i++) {
		struct mp_listener listener = { .address = address_of(i),
						.authkey = &key };
		struct mp_connection connection;
		int out;
		pid_t pid;

		assert_return_code(mp_listener_open(&listener), errno);
		pid = start_python(client_script, listener.bound, size_for(i),
				   &out);
		assert_return_code(mp_listener_accept(&listener, &connection,
						      LONG),
				   errno);
		expect(&connection, "hello", 5);
		send_size(&connection, "HELLO", 5);
		expect(&connection, large, size_for(i));
		send_size(&connection, large, size_for(i));
		mp_connection_close(&connection);
		assert_int_equal(
			mp_listener_accept(&listener, &connection, LONG), -1);
		assert_int_equal(errno, EACCES);
		assert_int_equal(end_of(pid), 0);
		close(out);
		mp_listener_close(&listener);
	}
	free(large);
}

static void cpythons_listener(void **state)
{
	unsigned char *large = make_large();

	(void)state;
	for (int i = 0, count = kinds(); i < count; i++) {
		struct mp_connection connection;
		char address[MP_ADDRESS_SIZE], port[16] = "";
		int out;
		pid_t pid = start_python(listener_script, address_of(i),
					 size_for(i), &out);

		assert_true(read(out, port, sizeof(port) - 1) > 0);
		strcpy(address, address_of(i));
		if (i == 2)
			sprintf(address, "tcp:127.0.0.1:%d", atoi(port));
		assert_return_code(mp_client(&connection, address, &key, LONG),
				   errno);
		send_size(&connection, "hello", 5);
		expect(&connection, "HELLO", 5);
		send_size(&connection, large, size_for(i));
		expect(&connection, large, size_for(i));
		mp_connection_close(&connection);
		assert_int_equal(mp_client(&connection, address, &wrong, LONG),
				 -1);
		assert_int_equal(errno, EACCES);
		assert_int_equal(end_of(pid), 0);
		close(out);
	}
	free(large);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(digests_are_those_of_the_standards),
		TEST(either_generation_either_role),
		TEST(a_wrong_key_in_either_generation),
		TEST(each_bit_counts),
		TEST(what_is_behind_it_is_not_read),
		TEST(md5_by_its_name),
		TEST(no_two_challenges_are_alike),
		TEST(cpythons_client),
		TEST(cpythons_listener),
	};

	mp_guard(argc, argv);
	return cmocka_run_group_tests_name("mp/auth", tests, NULL, NULL);
}
