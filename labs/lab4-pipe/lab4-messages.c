/*
 * lab4-messages.c - messages both ways, and whose copy they are
 *
 * The scenes `two-way` and `data-is-copied` of lab 4.
 */
#include "lab4.h"

#include "connection.h"
#include "stage.h"

#include <errno.h>
#include <string.h>

/* --- two-way ----------------------------------------------------------- */

/* region: two-way */
/* Sends a word, and then, a step later, receives one: was it that one? */
static long send_word(struct mp_connection *end, const char *word)
{
	say("sent \"%s\", and nobody has received yet", word);
	return mp_connection_send_bytes(end, word, strlen(word), PATIENCE);
}

static bool receive_word(struct mp_connection *end, const char *word)
{
	char text[16];
	long size = mp_connection_recv_bytes_into(end, text, sizeof(text),
						  PATIENCE);

	if (size >= 0)
		say("received \"%.*s\"", (int)size, text);
	return size == (long)strlen(word) && memcmp(text, word, size) == 0;
}

static int use_other_end(const void *args, size_t size)
{
	struct player me = *(const struct player *)args;
	struct mp_connection end = *(const struct mp_connection *)me.scene;

	(void)size;
	await_step(&me);
	answer(&me, send_word(&end, "pong"));
	await_step(&me);
	answer(&me, receive_word(&end, "ping"));
	return 0;
}

/* What the reading end of a one-way pair says to a send. */
static long send_the_wrong_way(void)
{
	struct mp_connection out, in;
	long answer;

	check(mp_pipe(&out, &in, false));
	answer = mp_connection_send_bytes(&out, "ping", 4, 0);
	answer = answer < 0 ? -errno : answer;
	mp_connection_close(&out);
	mp_connection_close(&in);
	return answer;
}

void play_two_way(void)
{
	struct mp_connection one, other;
	struct player child;
	bool both;
	long wrong;

	check(mp_pipe(&one, &other, true));
	start_player(&child, "child", use_other_end, &other);
	check(send_word(&one, "ping"));
	check(step(&child));
	both = receive_word(&one, "pong"); /* not its own "ping" */
	both = step(&child) && both;
	dismiss(&child);
	mp_connection_close(&one);
	mp_connection_close(&other);

	wrong = send_the_wrong_way();
	say("a send on the reading end of a one-way pair: %s", outcome(wrong));
	conclude(both, "a socketpair: either end sends and receives");
	conclude(wrong == -EBADF, "a pipe's end is for one of the two");
}
/* endregion */

/* --- data-is-copied ---------------------------------------------------- */

/* region: data-is-copied */
struct letter {
	struct mp_connection from;
	char *buffer; /* both processes see it, wherever it changes */
};

static int receive_late(const void *args, size_t size)
{
	struct player me = *(const struct player *)args;
	struct letter it = *(const struct letter *)me.scene;
	char text[16] = "";

	(void)size;
	await_step(&me); /* the buffer has been changed by now */
	check(mp_connection_recv_bytes_into(&it.from, text, sizeof(text),
					    PATIENCE));
	say("the buffer says \"%s\", I received \"%s\"", it.buffer, text);
	answer(&me,
	       strcmp(it.buffer, "after") == 0 && strcmp(text, "before") == 0);
	return 0;
}

void play_data_is_copied(void)
{
	struct letter it = { .buffer = shared_memory(sizeof("before")) };
	struct mp_connection to;
	struct player reader;
	bool copied;

	check(mp_pipe(&it.from, &to, false));
	start_player(&reader, "reader", receive_late, &it);
	strcpy(it.buffer, "before");
	check(mp_connection_send_bytes(&to, it.buffer, sizeof("before"), -1));
	strcpy(it.buffer, "after");
	say("sent the buffer, then changed it to \"%s\"", it.buffer);
	copied = step(&reader);
	dismiss(&reader);

	conclude(copied, "the receiver has what was sent: send copied it away");
	mp_connection_close(&it.from);
	mp_connection_close(&to);
	free_memory(it.buffer, sizeof("before"));
}
/* endregion */
