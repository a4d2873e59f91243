/* handshake.c - does the other side know the key? See handshake.h. */
#include "handshake.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define CHALLENGE "#CHALLENGE#"
#define WELCOME	  "#WELCOME#"
#define FAILURE	  "#FAILURE#"
#define MD5_NAME  "{md5}"

#define MD5_SIZE      16 /* bytes of an answer in the old form */
#define OLD_CHALLENGE 20 /* bytes of a challenge in the old form */

#define LENGTH(text) (sizeof(text) - 1)

/* region: steps */
/* The two halves, in the order of either side. DONE has nothing behind it. */
enum step { SEND_CHALLENGE, CHECK_ANSWER, ANSWER, TAKE_VERDICT, DONE };

static const int listener_steps[] = { SEND_CHALLENGE, CHECK_ANSWER, ANSWER,
				      TAKE_VERDICT, DONE };
static const int client_steps[] = { ANSWER, TAKE_VERDICT, SEND_CHALLENGE,
				    CHECK_ANSWER, DONE };
/* endregion */

static int fail(int error)
{
	errno = error;
	return -1;
}

/* Until the random bytes are there: a moment after the machine's start. */
static void draw(unsigned char *bytes, size_t size)
{
	while (getrandom(bytes, size, 0) != (ssize_t)size)
		; /* EINTR */
}

void handshake_begin(struct handshake *it, const struct mp_authkey *key,
		     bool is_listener)
{
	it->key = key;
	it->step = is_listener ? listener_steps : client_steps;
	it->have = 0;
	memcpy(it->challenge, HANDSHAKE_NAME, LENGTH(HANDSHAKE_NAME));
	draw(it->challenge + LENGTH(HANDSHAKE_NAME), HANDSHAKE_RANDOM);
}

/* --- messages ----------------------------------------------------------- */

/* A prefix and what follows, as a frame. All of a handshake fits into an empty
 * socket: so there is always room. */
static int send_message(int fd, const char *prefix, const void *rest,
			size_t size)
{
	unsigned char frame[FRAME_HEAD + HANDSHAKE_LONGEST];
	size_t length = strlen(prefix);
	size_t head = frame_head(frame, length + size);
	size_t all = head + length + size;

	memcpy(frame + head, prefix, length);
	memcpy(frame + head + length, rest, size);
	if (send(fd, frame, all, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)all)
		return 0;
	return fail(ECONNRESET);
}

/* region: reader */
/*
 * How many bytes the frame has that is coming; as long as that is not known,
 * its head. size is then the length of the message, or less than 0. -1: EPROTO.
 */
static ssize_t frame_end(const struct handshake *it, int64_t *size)
{
	size_t head = FRAME_SHORT;

	*size = -1;
	if (it->have >= FRAME_SHORT && frame_is_long(it->frame))
		head = FRAME_HEAD;
	if (it->have < head)
		return head;
	*size = frame_length(it->frame);
	if (*size < 0 || *size > HANDSHAKE_LONGEST)
		return fail(EPROTO);
	return head + *size;
}

/*
 * Takes what has arrived of a message, and not a byte of what is behind it:
 * that is the caller's. 1: it is complete, at *message. 0: more is to come.
 */
static int take_message(struct handshake *it, int fd,
			const unsigned char **message, size_t *length)
{
	int64_t size;
	ssize_t end, n;

	while ((end = frame_end(it, &size)) > (ssize_t)it->have) {
		n = recv(fd, it->frame + it->have, end - it->have,
			 MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n == 0 || (n < 0 && errno != EINTR))
			return fail(ECONNRESET);
		if (n > 0)
			it->have += n;
	}
	if (end < 0)
		return -1;
	*message = it->frame + end - size;
	*length = size;
	it->have = 0;
	return 1;
}
/* endregion */

/* --- digests ------------------------------------------------------------ */

/* Is it so much longer than the prefix, at least, and does it begin with it? */
static bool begins_with(const unsigned char *message, size_t size,
			const char *prefix)
{
	size_t length = strlen(prefix);

	return size >= length && memcmp(message, prefix, length) == 0;
}

/* region: equal */
/* The time this takes tells nothing of where the first difference is: or a
 * stranger could find a digest byte by byte. */
static bool equal(const volatile unsigned char *one,
		  const volatile unsigned char *other, size_t size)
{
	unsigned char difference = 0;

	while (size-- > 0)
		difference |= *one++ ^ *other++;
	return difference == 0;
}
/* endregion */

/* Which digest a message names, and the length of the name: none is MD5's old
 * form. -1: EPROTO, one that we do not know. */
static int digest_of(const unsigned char *message, size_t size, size_t old_size,
		     const char **name)
{
	*name = "";
	if (size == old_size)
		return MP_MD5;
	*name = HANDSHAKE_NAME;
	if (begins_with(message, size, HANDSHAKE_NAME))
		return MP_SHA256;
	*name = MD5_NAME;
	if (begins_with(message, size, MD5_NAME))
		return MP_MD5;
	return fail(EPROTO);
}

/* region: check-answer */
/* The peer's answer to our challenge: tells it whether that was right. */
static int check_answer(struct handshake *it, int fd,
			const unsigned char *answer, size_t size)
{
	unsigned char right[MP_DIGEST_MAX];
	const char *name;
	int which = digest_of(answer, size, MD5_SIZE, &name);
	ssize_t length = -1;

	if (which >= 0) {
		length = it->key->hmac(it->key, which, it->challenge,
				       sizeof(it->challenge), right);
		if (length < 0)
			return -1;
	}
	if (length >= 0 && size == strlen(name) + length &&
	    equal(answer + strlen(name), right, length))
		return send_message(fd, WELCOME, "", 0);
	send_message(fd, FAILURE, "", 0);
	return fail(EACCES);
}
/* endregion */

/* region: answer */
/* The peer's challenge: answers it in the form it came in. */
static int answer_challenge(struct handshake *it, int fd,
			    const unsigned char *message, size_t size)
{
	unsigned char digest[MP_DIGEST_MAX];
	const char *name;
	ssize_t length;
	int which;

	if (!begins_with(message, size, CHALLENGE))
		return fail(EPROTO);
	message += LENGTH(CHALLENGE);
	size -= LENGTH(CHALLENGE);
	which = digest_of(message, size, OLD_CHALLENGE, &name);
	if (which < 0 || size < OLD_CHALLENGE)
		return fail(EPROTO);
	length = it->key->hmac(it->key, which, message, size, digest);
	if (length < 0)
		return -1;
	return send_message(fd, name, digest, length);
}
/* endregion */

/* --- all of it ---------------------------------------------------------- */

static int take_verdict(const unsigned char *verdict, size_t size)
{
	if (size == LENGTH(WELCOME) && begins_with(verdict, size, WELCOME))
		return 0;
	return fail(EACCES);
}

/* region: go-on */
int handshake_go_on(struct handshake *it, int fd)
{
	for (; *it->step != DONE; it->step++) {
		const unsigned char *message;
		size_t size;
		int taken, answer;

		if (*it->step == SEND_CHALLENGE) {
			if (send_message(fd, CHALLENGE, it->challenge,
					 sizeof(it->challenge)) < 0)
				return -1;
			continue;
		}
		taken = take_message(it, fd, &message, &size);
		if (taken <= 0)
			return taken;
		answer = *it->step == CHECK_ANSWER
				 ? check_answer(it, fd, message, size)
			 : *it->step == ANSWER
				 ? answer_challenge(it, fd, message, size)
				 : take_verdict(message, size);
		if (answer < 0)
			return -1;
	}
	return 1;
}
/* endregion */
