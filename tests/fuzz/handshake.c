/*
 * handshake.c - any bytes at all, to the reader of handshakes
 *
 * A target for libFuzzer: `make fuzz`. The first byte says which side we are
 * and in what pieces the rest arrives. Our challenge and the key are fixed, so
 * that the right bytes are always the same: the recordings in
 * tests/mp/recorded.inc are among the inputs in tests/fuzz/handshake. What it
 * comes to must be what an independent reading of the same bytes says.
 *
 * needs: common/mp/auth.c -lcrypto
 */
#include "auth.h"

#include "io.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct mp_authkey key = { "secret", 6, mp_hmac };

static void require(int holds)
{
	if (!holds)
		abort();
}

/* --- the independent reading -------------------------------------------- */

struct text {
	const uint8_t *at;
	size_t size;
};

static uint64_t number(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;

	while (size-- > 0)
		value = value << 8 | *bytes++;
	return value;
}

/* The next message. 1, or 0: there is not all of it, or -1: it is none. */
static int next(struct text *rest, struct text *message)
{
	size_t head = rest->size >= 4 && number(rest->at, 4) == UINT32_MAX ? 12
									   : 4;
	uint64_t size;

	if (rest->size < head)
		return 0;
	size = number(rest->at + head - (head == 12 ? 8 : 4),
		      head == 12 ? 8 : 4);
	if (size > 256)
		return -1;
	if (size > rest->size - head)
		return 0;
	*message = (struct text){ rest->at + head, size };
	rest->at += head + size;
	rest->size -= head + size;
	return 1;
}

static bool begins(struct text text, const char *with)
{
	return text.size >= strlen(with) &&
	       memcmp(text.at, with, strlen(with)) == 0;
}

static bool is(struct text text, const char *what, const void *then,
	       size_t size)
{
	return text.size == strlen(what) + size && begins(text, what) &&
	       memcmp(text.at + strlen(what), then, size) == 0;
}

/* Is it one of the three answers to our challenge that are right? */
static bool is_answer(struct text text, const struct handshake *it)
{
	unsigned char md5[MP_DIGEST_MAX], sha256[MP_DIGEST_MAX];

	mp_hmac(&key, MP_MD5, it->challenge, sizeof(it->challenge), md5);
	mp_hmac(&key, MP_SHA256, it->challenge, sizeof(it->challenge), sha256);
	return is(text, "", md5, 16) || is(text, "{md5}", md5, 16) ||
	       is(text, "{sha256}", sha256, 32);
}

static bool is_challenge(struct text text)
{
	struct text behind = { text.at + 11, text.size - 11 };

	return begins(text, "#CHALLENGE#") && behind.size >= 20 &&
	       (behind.size == 20 || begins(behind, "{md5}") ||
		begins(behind, "{sha256}"));
}

/* 1, 0, or -1 with errno: what all these bytes come to. */
static int expect(struct text rest, const struct handshake *it,
		  bool is_listener)
{
	static const char listener[] = "ACV", client[] = "CVA";

	for (const char *step = is_listener ? listener : client; *step != '\0';
	     step++) {
		struct text message;
		int found = next(&rest, &message);

		errno = EPROTO;
		if (found <= 0)
			return found;
		if (*step == 'C' && !is_challenge(message))
			return -1;
		errno = EACCES;
		if (*step == 'A' && !is_answer(message, it))
			return -1;
		if (*step == 'V' && !is(message, "#WELCOME#", "", 0))
			return -1;
	}
	return 1;
}

/* --- and ours ----------------------------------------------------------- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct handshake it;
	size_t piece, at = 0;
	int end[2], done = 0, error, expected;
	bool is_listener;

	if (size == 0)
		return 0;
	is_listener = data[0] & 1;
	piece = data[0] >> 1 ? data[0] >> 1 : size;
	data++;
	size--;
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) == 0);
	handshake_begin(&it, &key, is_listener);
	for (int i = 0; i < HANDSHAKE_RANDOM; i++)
		it.challenge[strlen(HANDSHAKE_NAME) + i] = 100 + i;
	for (done = handshake_go_on(&it, end[1]); done == 0 && at < size;
	     done = handshake_go_on(&it, end[1])) {
		size_t some = size - at < piece ? size - at : piece;

		require(write_full(end[0], data + at, some) == 0);
		at += some;
	}
	error = errno;
	expected = expect((struct text){ data, size }, &it, is_listener);
	require(done == expected && (done >= 0 || error == errno));
	if (done == 0) { /* and then they close */
		close(end[0]);
		require(handshake_go_on(&it, end[1]) == -1 &&
			errno == ECONNRESET);
	} else {
		close(end[0]);
	}
	close(end[1]);
	return 0;
}
