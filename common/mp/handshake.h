/*
 * handshake.h - does the other side know the key?
 *
 * Python: deliver_challenge() and answer_challenge() of
 * multiprocessing.connection, and on the wire the same. Each side sends the
 * other random bytes, and wants them back as a digest that only somebody with
 * the key can make (HMAC, RFC 2104). The key itself never travels:
 *
 *	listener                                client
 *	#CHALLENGE#{sha256}<40 bytes>   ->
 *	                                <-      {sha256}<HMAC of those 48 bytes>
 *	#WELCOME#, or #FAILURE#         ->
 *	                                <-      #CHALLENGE#{sha256}<40 bytes>
 *	{sha256}<HMAC of them>          ->
 *	                                <-      #WELCOME#, or #FAILURE#
 *
 * That is what CPython says since 3.12. Up to 3.11 a challenge was 20 bytes
 * without a name, and an answer the 16 bytes of HMAC-MD5. We send the new
 * challenge, and understand either form of what comes.
 *
 * It proves who is there, once. It encrypts nothing, and what follows is not
 * protected by it.
 *
 * Never waits: it goes on with the bytes that have arrived, so that a listener
 * can have many of them at once. It reads no byte beyond its own.
 */
#ifndef MP_HANDSHAKE_H
#define MP_HANDSHAKE_H

#include "frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum mp_digest { MP_MD5, MP_SHA256 };

#define MP_DIGEST_MAX 32 /* bytes of the longest */

/* A key, and what makes digests with it: MP_AUTHKEY() of auth.h fills it in. */
struct mp_authkey {
	const void *bytes;
	size_t size;
	/* The digest of a message. Its length, or -1: ENOTSUP. */
	ssize_t (*hmac)(const struct mp_authkey *key, enum mp_digest which,
			const void *message, size_t size,
			unsigned char digest[MP_DIGEST_MAX]);
};

/* The rest is for accept.c and client.c. */

#define HANDSHAKE_LONGEST 256 /* bytes of a message, as in CPython */
#define HANDSHAKE_RANDOM  40  /* bytes of a challenge */
#define HANDSHAKE_NAME	  "{sha256}"

struct handshake {
	const struct mp_authkey *key;
	const int *step; /* what is to be done next; see handshake.c */
	unsigned char challenge[sizeof(HANDSHAKE_NAME) - 1 + HANDSHAKE_RANDOM];
	unsigned char frame[FRAME_HEAD + HANDSHAKE_LONGEST]; /* what comes */
	size_t have; /* bytes of it that are there */
};

/* The listener's side, or the client's. Its challenge is random. */
void handshake_begin(struct handshake *handshake, const struct mp_authkey *key,
		     bool is_listener);

/*
 * Goes on as far as it can on the socket. Each message that is complete moves
 * step on.
 * 1: done, both know the key. 0: it needs more bytes from the peer.
 * -1: EACCES      the peer's digest was wrong, or the peer refused ours
 *     EPROTO      what came is no part of a handshake
 *     ECONNRESET  the peer has closed
 *     ENOTSUP     this libcrypto has no such digest (MD5, as a policy)
 */
int handshake_go_on(struct handshake *handshake, int fd);

#endif
