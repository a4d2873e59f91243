/*
 * lab7-interop.c - CPython as the other side: the scene `interop`
 *
 * Whatever python3 is there plays a few lines of Python, first as the client of
 * our listener, then as the listener. What it prints is shown as its words.
 */
#include "lab7.h"

#include "io.h"
#include "stage.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* region: python */
#define IMPORTS                                             \
	"import sys\n"                                      \
	"from multiprocessing import AuthenticationError\n" \
	"from multiprocessing.connection import Client, Listener\n"

static const char client_script[] = IMPORTS
	"with Client(sys.argv[1], authkey=b'secret') as conn:\n"
	"    conn.send_bytes(b'Python %d.%d' % sys.version_info[:2])\n"
	"    print('the listener said', conn.recv_bytes().decode())\n"
	"try:\n"
	"    Client(sys.argv[1], authkey=b'wrong')\n"
	"except AuthenticationError as error:\n"
	"    print('AuthenticationError:', error)\n";

static const char listener_script[] = IMPORTS
	"with Listener(sys.argv[1], authkey=b'secret') as listener:\n"
	"    print('listening', flush=True)\n"
	"    with listener.accept() as conn:\n"
	"        conn.send_bytes(conn.recv_bytes().upper())\n"
	"    try:\n"
	"        listener.accept()\n"
	"    except AuthenticationError as error:\n"
	"        print('AuthenticationError:', error)\n";
/* endregion */

struct python {
	pid_t pid;
	int out; /* what it prints */
};

/* False if there is no python3. */
static bool start_python(struct python *it, const char *script,
			 const char *address)
{
	posix_spawn_file_actions_t actions;
	char *argv[] = { "python3", "-c", (char *)script,
			 (char *)address + strlen("unix:"), NULL };
	int end[2], error;

	check(pipe2(end, O_CLOEXEC));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, end[1], STDOUT_FILENO);
	error = posix_spawnp(&it->pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(end[1]); /* or its end would be no end of the file */
	it->out = end[0];
	if (error == 0)
		return true;
	close(it->out);
	return false;
}

/* A line that it printed, without its end; "" at the end of the file. */
static void read_line(const struct python *it, char line[2 * LINE])
{
	double until = monotonic_now() + PATIENCE;
	size_t size = 0;

	while (size < 2 * LINE - 1 &&
	       mp_wait(&it->out, 1, NULL, until - monotonic_now()) == 1 &&
	       read(it->out, line + size, 1) == 1 && line[size] != '\n')
		size++;
	line[size] = '\0';
}

static bool ended_well(const struct python *it)
{
	int status = -1;

	close(it->out);
	check(waitpid(it->pid, &status, 0));
	return status == 0;
}

/* Waits for a client, or for the end of the python that should be one. */
static bool somebody_comes(const struct mp_listener *listener,
			   const struct python *python)
{
	bool ready[2] = { false };

	mp_wait((int[]){ listener->fd, python->out }, 2, ready, PATIENCE);
	return ready[0];
}

static const char refused[] = "AuthenticationError: digest sent was rejected";

/* region: client */
/* CPython is the client. False if there is none. */
static bool meet_a_client(const char *address, const struct mp_authkey *key)
{
	struct mp_listener listener = { .address = address, .authkey = key };
	struct python python;
	struct mp_connection conn;
	char said[LINE] = "", heard[2 * LINE], end[2 * LINE];
	bool wrong_refused = false;

	check(mp_listener_open(&listener));
	if (!start_python(&python, client_script, address)) {
		mp_listener_close(&listener);
		return false;
	}
	if (somebody_comes(&listener, &python) &&
	    mp_listener_accept(&listener, &conn, PATIENCE) == 0) {
		receive_text(&conn, said);
		send_text(&conn, "HELLO");
		mp_connection_close(&conn);
		wrong_refused = mp_listener_accept(&listener, &conn, PATIENCE) <
					0 &&
				errno == EACCES;
	}
	read_line(&python, heard);
	read_line(&python, end);
	say("its client said: %s", said);
	show("  python3: %s", heard);
	show("  python3: %s", end);
	conclude(ended_well(&python) && strncmp(said, "Python ", 7) == 0 &&
			 strcmp(heard, "the listener said HELLO") == 0,
		 "CPython's client and our listener: both sides heard");
	conclude(wrong_refused && strcmp(end, refused) == 0,
		 "its wrong key: AuthenticationError there, EACCES here");
	mp_listener_close(&listener);
	return true;
}
/* endregion */

/* region: listener */
/* CPython listens. */
static void meet_a_listener(const char *address, const struct mp_authkey *key)
{
	struct mp_authkey wrong = key_of("wrong");
	struct python python;
	struct mp_connection conn;
	char line[2 * LINE], heard[LINE] = "";
	bool wrong_refused = false;

	if (!start_python(&python, listener_script, address))
		return;
	read_line(&python, line);
	if (mp_client(&conn, address, key, PATIENCE) == 0) {
		send_text(&conn, "hello");
		receive_text(&conn, heard);
		mp_connection_close(&conn);
		wrong_refused = mp_client(&conn, address, &wrong, PATIENCE) <
					0 &&
				errno == EACCES;
	}
	read_line(&python, line);
	say("its listener said: %s", heard);
	show("  python3: %s", line);
	conclude(ended_well(&python) && strcmp(heard, "HELLO") == 0,
		 "our client and CPython's listener: both sides heard");
	conclude(wrong_refused && strncmp(line, refused,
					  strlen("AuthenticationError: ")) == 0,
		 "our wrong key: EACCES here, AuthenticationError there");
}
/* endregion */

void play_interop(void)
{
	if (!have_keys())
		return;

	struct mp_authkey key = key_of("secret");
	struct folder folder;
	const char *address = folder_make(&folder);

	if (meet_a_client(address, &key))
		meet_a_listener(address, &key);
	else
		show("No python3 here: nobody to talk to.");
	folder_remove(&folder);
}
