/*
 * lab7-echo.c - a listener and a client for another terminal
 *
 *	build/lab7 --listen=ADDRESS [--authkey=KEY]
 *	build/lab7 --connect=ADDRESS [--authkey=KEY] --send=TEXT
 *
 * The listener forks a process for each client, as servers did for decades;
 * that one sends back what it receives. The other side may be a Python program.
 */
#include "lab7.h"

#include "stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGEST (1l << 30) /* bytes of a message that is echoed */

const char *listen_at, *connect_to, *authkey, *text_to_send;

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
		why);
	return 1;
}

/* errno, in words that help here. */
static const char *reason(void)
{
	switch (errno) {
	case EPERM:
		return "others can come from outside: needs an --authkey";
	case EADDRINUSE:
		return "somebody listens there, or it is another file";
	default:
		return strerror(errno);
	}
}

/* region: echo */
/* Each message back to where it came from, until the client has closed. */
static _Noreturn void echo(struct mp_connection *conn, pid_t parent)
{
	void *message;
	ssize_t size;

	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* not without the listener */
	speak_as("echo");
	say("process %d: a client", getpid());
	while (getppid() == parent &&
	       (size = mp_connection_recv_bytes(conn, &message, LARGEST, -1)) >=
		       0) {
		say("process %d: %zd bytes", getpid(), size);
		if (mp_connection_send_bytes(conn, message, size, -1) < 0)
			break;
		free(message);
	}
	say("process %d: %s", getpid(),
	    errno == ENODATA ? "it has closed" : strerror(errno));
	_exit(0);
}

static int listen_and_echo(const struct mp_authkey *key)
{
	struct mp_listener listener = { .address = listen_at, .authkey = key };
	struct mp_connection conn;
	pid_t me = getpid();
	sigset_t before;

	hold_signals(&before);
	if (mp_listener_open(&listener) < 0)
		return fail(listen_at, reason());
	keep_file(&listener);
	release_signals(&before);
	signal(SIGCHLD, SIG_IGN); /* who ends is reaped at once */
	show("listening at %s, until Ctrl-C", listener.bound);
	for (;;) {
		if (mp_listener_accept(&listener, &conn, -1) < 0) {
			if (errno != EACCES)
				return fail(listener.bound, strerror(errno));
			say("a client was refused: its key is another one");
			continue;
		}
		if (check(fork()) == 0) {
			mp_listener_close(&listener);
			echo(&conn, me);
		}
		mp_connection_close(&conn);
	}
}
/* endregion */

static int connect_and_send(const struct mp_authkey *key)
{
	struct mp_connection conn;
	void *answer;
	ssize_t size;

	if (mp_client(&conn, connect_to, key, PATIENCE) < 0)
		return fail(connect_to,
			    errno == EACCES && key != NULL
				    ? "permission denied: is the key the same?"
				    : strerror(errno));
	if (mp_connection_send_bytes(&conn, text_to_send, strlen(text_to_send),
				     PATIENCE) < 0)
		return fail(connect_to, strerror(errno));
	size = mp_connection_recv_bytes(&conn, &answer, LARGEST, PATIENCE);
	if (size < 0)
		return fail(connect_to, strerror(errno));
	fwrite(answer, 1, size, stdout);
	putchar('\n');
	free(answer);
	mp_connection_close(&conn);
	return fflush(stdout) == 0 ? 0 : fail("stdout", strerror(errno));
}

/* --- the command line --------------------------------------------------- */

static void check_address(const char *option, const char *text)
{
	struct mp_address unused;

	if (mp_address_parse(&unused, text) < 0)
		usage_error("--%s: '%s' is not unix:PATH, unix:@NAME or "
			    "tcp:HOST:PORT%s",
			    option, text,
			    errno == ENAMETOOLONG ? " of at most 107 bytes"
						  : "");
}

static void check_words(const char *scene)
{
	if (listen_at != NULL && connect_to != NULL)
		usage_error("--connect: not together with --listen");
	if (scene != NULL)
		usage_error("'%s': no scene goes with --%s", scene,
			    listen_at != NULL ? "listen" : "connect");
	if (connect_to != NULL && text_to_send == NULL)
		usage_error("--connect: needs --send=TEXT, too");
	if (listen_at != NULL && text_to_send != NULL)
		usage_error("--send: needs --connect=ADDRESS");
	if (authkey != NULL && authkey[0] == '\0')
		usage_error("--authkey: '' is not a key: at least one byte");
	if (listen_at != NULL)
		check_address("listen", listen_at);
	else
		check_address("connect", connect_to);
}

int listen_or_connect(const char *scene)
{
	struct mp_authkey key, *used = NULL;

	if (listen_at == NULL && connect_to == NULL) {
		if (text_to_send != NULL || authkey != NULL)
			usage_error("--%s: needs --%s=ADDRESS",
				    text_to_send != NULL ? "send" : "authkey",
				    text_to_send != NULL ? "connect"
							 : "listen");
		return -1;
	}
	check_words(scene);
	if (authkey != NULL) {
		if (!have_keys())
			return 1;
		key = key_of(authkey);
		used = &key;
	}
	return listen_at != NULL ? listen_and_echo(used)
				 : connect_and_send(used);
}
