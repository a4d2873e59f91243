/*
 * auth.h - a key for listeners and clients
 *
 * Python: authkey=b'...'. The digests of the handshake (handshake.h) are made
 * by libcrypto; see HMAC(3ssl). It stands apart from listener.h because it alone
 * needs that library: a program that uses MP_AUTHKEY is linked with -lcrypto,
 * any other is not.
 *
 *	struct mp_authkey key = MP_AUTHKEY("secret");
 *	struct mp_listener listener = { .address = "tcp::0", .authkey = &key };
 */
#ifndef MP_AUTH_H
#define MP_AUTH_H

#include "handshake.h"

#include <string.h>

/* The initialiser of a struct mp_authkey: a text, which must stay. */
#define MP_AUTHKEY(text)                                               \
	{                                                              \
		.bytes = (text), .size = strlen(text), .hmac = mp_hmac \
	}

/* For struct mp_authkey. The digest's length, or -1: ENOTSUP, it is disabled
 * here (MD5 may be, as a policy). */
ssize_t mp_hmac(const struct mp_authkey *key, enum mp_digest which,
		const void *message, size_t size,
		unsigned char digest[MP_DIGEST_MAX]);

#endif
