/*
 * lab7-key.c - who may connect: the scene `authkey`
 *
 * The lab listens with a key. Four clients come: one says nothing, one has the
 * key, one a wrong one, one none. Each is a process, and tells how it fared.
 * Without libcrypto there are no digests, and so no keys: the scene says so.
 */
#include "lab7.h"

#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

double patience = 0.5;

#ifdef HAVE_LIBCRYPTO

#include "auth.h"

bool have_keys(void)
{
	return true;
}

struct mp_authkey key_of(const char *text)
{
	return (struct mp_authkey)MP_AUTHKEY(text);
}

#else

bool have_keys(void)
{
	show("This lab was built without libcrypto, which makes the digests.");
	show("Install it (Debian: apt install libssl-dev pkgconf), then make.");
	return false;
}

struct mp_authkey key_of(const char *text)
{
	return (struct mp_authkey){ .bytes = text };
}

#endif

/* --- the clients -------------------------------------------------------- */

/* How a client fared. */
struct outcome {
	int error;	   /* errno, or 0: it is connected */
	char answer[LINE]; /* what it heard then */
};

struct guest {
	const char *key; /* NULL: none */
	const char *address;
	struct gate connected;	   /* opened by the silent one */
	struct gate told;	   /* its outcome comes through it */
	const char *span;	   /* what it does, in the chart */
	struct mp_process process; /* its name says what it is */
};

enum { SILENT, RIGHT, WRONG, NONE, GUESTS };

static void tell(const struct guest *it, const struct outcome *outcome)
{
	report(it->told.out, outcome, sizeof(*outcome));
}

/* region: clients */
/* Has a key, right or wrong: says hello if that is taken. */
static int come_with_a_key(const void *args, size_t size)
{
	const struct guest *it = args;
	struct mp_authkey key = key_of(it->key);
	struct outcome outcome = { 0 };
	struct mp_connection conn;

	(void)size;
	span_begin(it->span);
	if (mp_client(&conn, it->address, &key, PATIENCE) == 0) {
		send_text(&conn, "hello");
		receive_text(&conn, outcome.answer);
		mp_connection_close(&conn);
	} else {
		outcome.error = errno;
	}
	span_end();
	tell(it, &outcome);
	return 0;
}

/* Has none, and says hello at once. What it hears is not meant as an answer. */
static int come_without_a_key(const void *args, size_t size)
{
	const struct guest *it = args;
	struct outcome outcome = { 0 };
	char challenge[LINE];
	struct mp_connection conn;

	(void)size;
	span_begin(it->span);
	check(mp_client(&conn, it->address, NULL, PATIENCE));
	send_text(&conn, "hello");
	receive_text(&conn, challenge);
	receive_text(&conn, outcome.answer);
	say("I heard %.19s and %s", challenge, outcome.answer);
	mp_connection_close(&conn);
	span_end();
	tell(it, &outcome);
	return 0;
}

/* Connects, and waits for the end. */
static int come_and_say_nothing(const void *args, size_t size)
{
	const struct guest *it = args;
	struct mp_connection conn;
	char line[LINE];

	(void)size;
	check(mp_client(&conn, it->address, NULL, PATIENCE));
	span_begin(it->span);
	gate_open(&it->connected);
	while (mp_connection_recv_bytes_into(&conn, line, LINE, PATIENCE) >= 0)
		; /* the challenge */
	span_end();
	span_begin("dropped");
	span_end();
	mp_connection_close(&conn);
	return 0;
}
/* endregion */

/* --- the scene ---------------------------------------------------------- */

static void send_guest(struct guest *it, mp_target *target)
{
	gate_make(&it->connected);
	gate_make(&it->told);
	it->process.target = target;
	it->process.args = it;
	it->process.size = sizeof(*it);
	check(mp_process_start(&it->process));
	arrow_start(it->process.pid);
	close(it->told.out); /* or we would wait for ever for a dead one */
	it->told.out = -1;
}

static void farewell(struct guest *it)
{
	check(mp_process_join(&it->process, PATIENCE));
	arrow_join(it->process.pid);
	gate_close(&it->connected);
	gate_close(&it->told);
}

/* region: serve */
/* Accepts one, and if it is welcome answers it. 0, or what accept said. */
static int serve_one(struct mp_listener *listener, double timeout)
{
	struct mp_connection conn;
	char line[LINE];
	int error = 0;

	span_begin("accept");
	if (mp_listener_accept(listener, &conn, timeout) < 0)
		error = errno;
	span_end();
	if (error != 0)
		return error;
	receive_text(&conn, line);
	send_text(&conn, "HELLO");
	mp_connection_close(&conn);
	return strcmp(line, "hello") == 0 ? 0 : EPROTO;
}

/* The silent one first; the others while it is there. */
static void receive_guests(struct mp_listener *listener,
			   struct guest guest[GUESTS], int served[GUESTS],
			   struct outcome outcome[GUESTS])
{
	send_guest(&guest[SILENT], come_and_say_nothing);
	gate_wait(&guest[SILENT].connected);
	send_guest(&guest[RIGHT], come_with_a_key);
	served[RIGHT] = serve_one(listener, PATIENCE);
	send_guest(&guest[WRONG], come_with_a_key);
	served[WRONG] = serve_one(listener, PATIENCE);
	send_guest(&guest[NONE], come_without_a_key);
	served[NONE] = serve_one(listener, PATIENCE);
	served[SILENT] = serve_one(listener, patience); /* nobody comes */
	for (int i = RIGHT; i <= NONE; i++)
		hear(guest[i].told.in, &outcome[i], sizeof(outcome[i]));
	for (int i = SILENT; i <= NONE; i++)
		farewell(&guest[i]);
}
/* endregion */

/* region: authkey */
void play_authkey(void)
{
	if (!have_keys())
		return;

	struct mp_authkey key = key_of("secret");
	struct mp_listener listener = { .address = "tcp:127.0.0.1:0",
					.authkey = &key,
					.patience = patience };
	const char *at = listener.bound;
	struct guest guest[GUESTS] = {
		{ NULL, at, .span = "silent", .process.name = "silent" },
		{ "secret", at, .span = "heard", .process.name = "right key" },
		{ "Secret", at, .span = "refused",
		  .process.name = "wrong key" },
		{ NULL, at, .span = "refused", .process.name = "no key" },
	};
	struct outcome outcome[GUESTS];
	struct record record = record_start();
	int served[GUESTS];

	check(mp_listener_open(&listener));
	receive_guests(&listener, guest, served, outcome);
	record_stop(&record);
	show_chart(&record);
	conclude(served[RIGHT] == 0 &&
			 strcmp(outcome[RIGHT].answer, "HELLO") == 0,
		 "the right key: either side proved it, and hello was heard");
	conclude(served[WRONG] == EACCES && outcome[WRONG].error == EACCES,
		 "a wrong key: refused, EACCES on both sides");
	conclude(served[NONE] == EACCES &&
			 strcmp(outcome[NONE].answer, "#FAILURE#") == 0,
		 "no key: its hello was no answer to the challenge, refused");
	conclude(
		listener.dropped == 1 &&
			total_length(&record, "silent") >= patience &&
			ended_before(&record, "heard", "dropped"),
		"silent: dropped after %g s; the right key was heard meanwhile",
		patience);
	mp_listener_close(&listener);
}
/* endregion */
