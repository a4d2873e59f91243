/*
 * socket.c - rows of the bench: listeners, clients, descriptors; see bench.h
 *
 * A partner process listens. bare is the same by plain blocking calls: the same
 * frames, the same handshake, TCP_NODELAY as well.
 */
#include "bench.h"
#include "io.h"
#include "listener.h"
#include "pass.h"
#include "shared.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef HAVE_LIBCRYPTO
#include <dlfcn.h>
#include <sys/random.h>

/* Its digests come with bench-auth.so when a row wants them: linked to libcrypto,
 * this program would take half again as long to start, and to spawn. */
static struct mp_authkey key = { "secret", 6, NULL };
#endif

#define TRIPS	 2000
#define CONNECTS 100
#define PASSES	 20
#define LARGE	 (64 << 20)

static const struct mp_authkey *authkey; /* of this row, or NULL */

/* --- ours --------------------------------------------------------------- */

static struct mp_listener listener;
static struct mp_connection conn; /* of a row that stays connected */

/* The partner: echoes; an empty message ends it. */
static void serve(void)
{
	struct mp_connection peer;
	char byte;
	ssize_t size;

	for (;;) {
		if (mp_listener_accept(&listener, &peer, -1) < 0)
			fail("accept");
		while ((size = mp_connection_recv_bytes_into(&peer, &byte, 1,
							     -1)) > 0)
			if (mp_connection_send_bytes(&peer, &byte, size, -1) <
			    0)
				fail("send_bytes");
		mp_connection_close(&peer);
		if (size == 0)
			return;
	}
}

static void trip(struct mp_connection *to)
{
	char byte = 'x';

	if (mp_connection_send_bytes(to, &byte, 1, -1) < 0 ||
	    mp_connection_recv_bytes_into(to, &byte, 1, -1) != 1)
		fail("a round trip");
}

static void ours_trips(void)
{
	for (int i = 0; i < TRIPS; i++)
		trip(&conn);
}

static void connect_to(struct mp_connection *to)
{
	if (mp_client(to, listener.bound, authkey, -1) < 0)
		fail("mp_client");
}

/* --- bare --------------------------------------------------------------- */

static int bare_listener, bare_conn;
static struct mp_address bare_address;

static void bare_send(int fd, const void *bytes, uint32_t size)
{
	char frame[4 + 256];
	uint32_t head = htonl(size);

	memcpy(frame, &head, 4);
	memcpy(frame + 4, bytes, size);
	if (write_full(fd, frame, size + 4) < 0)
		fail("write");
}

/* The size of a message, or -1 at the end of the file. */
static ssize_t bare_receive(int fd, void *bytes)
{
	uint32_t head;

	if (read_full(fd, &head, 4) != 4)
		return -1;
	if (read_full(fd, bytes, ntohl(head)) != ntohl(head))
		fail("read");
	return ntohl(head);
}

#ifdef HAVE_LIBCRYPTO
#define CHALLENGE "#CHALLENGE#{sha256}"

static void bare_digest(const char *message, char answer[40])
{
	memcpy(answer, "{sha256}", 8);
	if (key.hmac(&key, MP_SHA256, message + 11, 48,
		     (unsigned char *)answer + 8) != 32)
		fail("the digest");
}

static void bare_deliver(int fd)
{
	char message[256] = CHALLENGE, answer[256], right[40];

	if (getrandom(message + 19, 40, 0) != 40)
		fail("getrandom");
	bare_send(fd, message, 59);
	bare_digest(message, right);
	if (bare_receive(fd, answer) != 40 || memcmp(answer, right, 40))
		fail("the answer");
	bare_send(fd, "#WELCOME#", 9);
}

static void bare_answer(int fd)
{
	char message[256], answer[40];

	if (bare_receive(fd, message) != 59)
		fail("the challenge");
	bare_digest(message, answer);
	bare_send(fd, answer, 40);
	if (bare_receive(fd, message) != 9)
		fail("the verdict");
}

static void bare_handshake(int fd, bool is_listener)
{
	if (is_listener)
		bare_deliver(fd);
	bare_answer(fd);
	if (!is_listener)
		bare_deliver(fd);
}
#else
static void bare_handshake(int fd, bool is_listener)
{
	(void)fd;
	(void)is_listener;
}
#endif

static void bare_serve(void)
{
	char byte[256];
	ssize_t size;
	int fd, yes = 1;

	for (;;) {
		fd = accept(bare_listener, NULL, NULL);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		if (authkey != NULL)
			bare_handshake(fd, true);
		while ((size = bare_receive(fd, byte)) > 0)
			bare_send(fd, byte, size);
		close(fd);
		if (size == 0)
			return;
	}
}

static int bare_connect(void)
{
	int fd = socket(bare_address.any.sa_family, SOCK_STREAM, 0), yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(fd, &bare_address.any, bare_address.size) < 0)
		fail("connect");
	if (authkey != NULL)
		bare_handshake(fd, false);
	return fd;
}

static void bare_trip(int fd)
{
	char byte = 'x';

	bare_send(fd, &byte, 1);
	if (bare_receive(fd, &byte) != 1)
		fail("a round trip");
}

static void bare_trips(void)
{
	for (int i = 0; i < TRIPS; i++)
		bare_trip(bare_conn);
}

static void bare_listen(const char *address)
{
	if (mp_address_parse(&bare_address, address) < 0)
		fail(address);
	bare_listener = socket(bare_address.any.sa_family, SOCK_STREAM, 0);
	if (bind(bare_listener, &bare_address.any, bare_address.size) < 0 ||
	    listen(bare_listener, MP_BACKLOG) < 0 ||
	    getsockname(bare_listener, &bare_address.any, &bare_address.size) <
		    0)
		fail("listen");
}

/* --- around a row ------------------------------------------------------- */

/* All on one CPU, as in connection.c: where the ends run decides. */
static void begin(const char *ours, const char *theirs)
{
	pin();
	listener = (struct mp_listener){ .address = ours, .authkey = authkey };
	if (mp_listener_open(&listener) < 0)
		fail("mp_listener_open");
	bare_listen(theirs);
	start_partner(serve);
	start_partner(bare_serve);
	connect_to(&conn);
	bare_conn = bare_connect();
}

static void begin_unix(void)
{
	char ours[64], theirs[64];

	sprintf(ours, "unix:@mp-bench-%d", getpid());
	sprintf(theirs, "unix:@mp-bench-bare-%d", getpid());
	begin(ours, theirs);
}

static void begin_tcp(void)
{
	begin("tcp:127.0.0.1:0", "tcp:127.0.0.1:0");
}

static void end(void)
{
	mp_connection_send_bytes(&conn, "", 0, -1);
	bare_send(bare_conn, "", 0);
	join_partners();
	mp_connection_close(&conn);
	close(bare_conn);
	mp_listener_close(&listener);
	close(bare_listener);
	authkey = NULL;
	unpin();
}

#ifdef HAVE_LIBCRYPTO
static void ours_connects(void)
{
	for (int i = 0; i < CONNECTS; i++) {
		struct mp_connection once;

		connect_to(&once);
		trip(&once);
		mp_connection_close(&once);
	}
}

static void bare_connects(void)
{
	for (int i = 0; i < CONNECTS; i++) {
		int fd = bare_connect();

		bare_trip(fd);
		close(fd);
	}
}

/* The partners serve one client at a time: so none stays connected. */
static void begin_auth(void)
{
	void *library = dlopen(beside("bench-auth.so"), RTLD_NOW);

	if (library == NULL)
		fail(dlerror());
	key.hmac = (__typeof__(key.hmac))dlsym(library, "mp_hmac");
	authkey = &key;
	begin_unix();
	mp_connection_close(&conn);
	close(bare_conn);
}

static void end_auth(void)
{
	connect_to(&conn);
	bare_conn = bare_connect();
	end();
}
#endif

/* --- 64 MiB ------------------------------------------------------------- */

static struct mp_shared memory;
static struct mp_connection to, to_end;
static int bare_to[2];

/* The partner: maps what it gets, looks at both its ends, and says so. */
static void take(void)
{
	int fd;

	while (mp_connection_recv_descriptors(&to_end, &fd, 1, -1) == 1) {
		char *bytes = mmap(NULL, LARGE, PROT_READ, MAP_SHARED, fd, 0);

		if (bytes == MAP_FAILED || bytes[0] != bytes[LARGE - 1] ||
		    mp_connection_send_bytes(&to_end, bytes, 1, -1) < 0)
			fail("mmap");
		munmap(bytes, LARGE);
		close(fd);
	}
}

static void ours_pass(void)
{
	char byte;

	for (int i = 0; i < PASSES; i++)
		if (mp_connection_send_descriptors(&to, &memory.fd, 1, -1) <
			    0 ||
		    mp_connection_recv_bytes_into(&to, &byte, 1, -1) != 1)
			fail("passing a descriptor");
}

static void bare_take(void)
{
	char *copy = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t head;

	while (read_full(bare_to[0], &head, 4) == 4 && ntohl(head) == LARGE &&
	       read_full(bare_to[0], copy, LARGE) == LARGE)
		bare_send(bare_to[0], copy, 1);
}

static void bare_pass(void)
{
	uint32_t head = htonl(LARGE);
	char byte;

	for (int i = 0; i < PASSES; i++)
		if (write_full(bare_to[1], &head, 4) < 0 ||
		    write_full(bare_to[1], memory.address, LARGE) < 0 ||
		    bare_receive(bare_to[1], &byte) != 1)
			fail("sending 64 MiB");
}

static void begin_pass(void)
{
	pin();
	if (mp_shared_open(&memory, LARGE) < 0 ||
	    mp_pipe(&to, &to_end, true) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, bare_to) < 0)
		fail("begin_pass");
	memset(memory.address, 'x', LARGE);
	start_partner(take);
	start_partner(bare_take);
}

static void end_pass(void)
{
	mp_connection_send_bytes(&to, "", 0, -1);
	bare_send(bare_to[1], "", 0);
	join_partners();
	mp_connection_close(&to);
	mp_connection_close(&to_end);
	close(bare_to[0]);
	close(bare_to[1]);
	mp_shared_close(&memory);
	unpin();
}

const struct row socket_rows[] = {
	{ "socket-unix-round-trip", "us", 1e6, TRIPS, begin_unix, ours_trips,
	  bare_trips, true, end },
	{ "socket-tcp-round-trip", "us", 1e6, TRIPS, begin_tcp, ours_trips,
	  bare_trips, true, end },
#ifdef HAVE_LIBCRYPTO
	{ "socket-connect-auth", "us", 1e6, CONNECTS, begin_auth, ours_connects,
	  bare_connects, true, end_auth },
#endif
	{ "pass-64MiB-descriptor", "us", 1e6, PASSES, begin_pass, ours_pass,
	  bare_pass, true, end_pass },
	{ 0 }
};
