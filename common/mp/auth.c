/* auth.c - a key for listeners and clients; see auth.h. */
#include "auth.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* region: hmac */
ssize_t mp_hmac(const struct mp_authkey *key, enum mp_digest which,
		const void *message, size_t size,
		unsigned char digest[MP_DIGEST_MAX])
{
	const EVP_MD *type = which == MP_MD5 ? EVP_md5() : EVP_sha256();
	unsigned int length = 0;

	if (HMAC(type, key->bytes, key->size, message, size, digest, &length))
		return length;
	errno = ENOTSUP;
	return -1;
}
/* endregion */
