/*
 * lab7.c - connections between strangers: sockets, keys, open files
 *
 * Usage: build/lab7 [OPTION]... [SCENE]...     (--help names them)
 *        build/lab7 --listen=ADDRESS [--authkey=KEY]
 *        build/lab7 --connect=ADDRESS [--authkey=KEY] --send=TEXT
 *
 * The lab listens; its children know an address, and connect. Here are the
 * scenes on what a socket is. What else a connection can do is in
 *
 *	lab7-key.c	who may connect
 *	lab7-pass.c	what else may cross: open files
 *	lab7-interop.c	CPython as the other side
 *	lab7-echo.c	--listen and --connect
 *	lab7-folder.c	socket files, and who removes them
 */
#include "lab7.h"

#include "process.h"
#include "stage.h"
#include "wait.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void send_text(struct mp_connection *to, const char *text)
{
	check(mp_connection_send_bytes(to, text, strlen(text), PATIENCE));
}

void receive_text(struct mp_connection *from, char text[LINE])
{
	ssize_t size = check(
		mp_connection_recv_bytes_into(from, text, LINE - 1, PATIENCE));

	text[size] = '\0';
}

/* --- program ------------------------------------------------------------ */

/* In the chapter these stand beside the Python, and are half a page wide. */
/* clang-format off */
/* region: client */
int client(const void *args, size_t size)
{
	struct mp_connection conn;
	char line[LINE];

	(void)size; /* an address, with its 0 */
	check(mp_client(&conn, args, NULL,
		PATIENCE));
	send_text(&conn, "hello");
	receive_text(&conn, line);
	mp_connection_close(&conn);
	printf("the listener said %s\n", line);
	return 0;
}
/* endregion */

/* region: program */
static void play_program(void)
{
	struct folder dir;
	struct mp_listener listener = {
		.address = folder_make(&dir),
	};
	struct mp_process p = {
		.target = client,
		MP_ARGS(listener.bound),
	};
	struct mp_connection conn;
	char line[LINE];

	check(mp_listener_open(&listener));
	check(mp_process_start(&p));
	check(mp_listener_accept(&listener,
		&conn, PATIENCE));
	receive_text(&conn, line);
	send_text(&conn, "HELLO");
	mp_connection_close(&conn);
	check(mp_process_join(&p, -1));
	mp_listener_close(&listener);
	folder_remove(&dir);
	if (p.status != 0)
		exit(1); /* told why */
	printf("the client said %s\n", line);
}
/* endregion */
/* clang-format on */

/* --- by-hand ------------------------------------------------------------ */

/* region: by-hand */
/* The client knows the address, and inherits no connection. 0: it got the
 * answer to its own words. */
static int connect_by_hand(const struct sockaddr_un *address)
{
	int fd = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	int me = getpid(), answer = 0;

	check(connect(fd, (void *)address, sizeof(*address)));
	check(write(fd, &me, sizeof(me)));
	check(read(fd, &answer, sizeof(answer)));
	return answer == -me ? 0 : 1;
}

static void play_by_hand(void)
{
	struct folder folder;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { PATIENCE, 0 };
	int listening = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	int fd[2], told, known = 0, answered = 0, status;
	struct ucred peer;
	pid_t client[2];

	strcpy(address.sun_path, folder_make(&folder) + strlen("unix:"));
	check(bind(listening, (void *)&address, sizeof(address)));
	check(listen(listening, 2)); /* as many may wait to be accepted */
	/* Or a client that never comes would hang us. */
	setsockopt(listening, SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	for (int i = 0; i < 2; i++) {
		client[i] = check(fork());
		if (client[i] == 0) {
			close(listening);
			if (i > 0)
				close(fd[0]); /* the other one's */
			_exit(connect_by_hand(&address));
		}
		fd[i] = check(accept(listening, NULL, NULL));
	}
	for (int i = 1; i >= 0; i--) { /* the last one is answered first */
		socklen_t size = sizeof(peer);

		check(getsockopt(fd[i], SOL_SOCKET, SO_PEERCRED, &peer, &size));
		check(read(fd[i], &told, sizeof(told)));
		say("accept: descriptor %d, process %d, who says %d", fd[i],
		    peer.pid, told);
		known += peer.pid == client[i] && told == client[i];
		told = -told;
		check(write(fd[i], &told, sizeof(told)));
		close(fd[i]);
		check(waitpid(peer.pid, &status, 0));
		answered += status == 0;
	}
	close(listening);
	folder_remove(&folder);
	conclude(known == 2,
		 "accept gave each client a stream; the system says who it is");
	conclude(answered == 2,
		 "what went in at one end came out at its other");
}
/* endregion */

/* --- families ----------------------------------------------------------- */

struct meeting {
	struct mp_listener listener; /* its address: what was asked for */
	char line[LINE];	     /* what the client said */
	bool answered;		     /* and what it heard was right */
	int mode;		     /* of the file; 0: there is none */
	int error;		     /* of who connects afterwards */
};

int ask_for_capitals(const void *args, size_t size)
{
	struct mp_connection conn;
	char line[LINE];

	(void)size;
	check(mp_client(&conn, args, NULL, PATIENCE));
	send_text(&conn, "hello");
	receive_text(&conn, line);
	mp_connection_close(&conn);
	return strcmp(line, "HELLO") == 0 ? 0 : 1;
}

/* region: families */
/* The client is spawned: all it has of us is the text of the address. */
static void meet(struct meeting *it)
{
	struct mp_listener *listener = &it->listener;
	struct mp_process p = { .target = ask_for_capitals,
				MP_ARGS(listener->bound),
				.method = MP_SPAWN };
	struct mp_connection conn;
	struct stat status;

	check(mp_listener_open(listener));
	check(mp_process_start(&p));
	check(mp_listener_accept(listener, &conn, PATIENCE));
	receive_text(&conn, it->line);
	send_text(&conn, "HELLO");
	mp_connection_close(&conn);
	check(mp_process_join(&p, PATIENCE));
	it->answered = strcmp(it->line, "hello") == 0 &&
		       mp_process_exitcode(&p) == 0;
	if (stat(listener->bound + strlen("unix:"), &status) == 0)
		it->mode = status.st_mode & 0777;
	mp_listener_close(listener);
	it->error = mp_client(&conn, listener->bound, NULL, PATIENCE) < 0
			    ? errno
			    : 0;
}
/* endregion */

static void show_meeting(const struct meeting *it)
{
	char file[16] = "no file";

	if (it->mode != 0)
		sprintf(file, "mode %04o", it->mode & 0777);
	show("  %-32.32s %-6s %-10s %s", it->listener.bound, it->line, file,
	     strerror(it->error));
}

static void play_families(void)
{
	struct folder folder;
	char name[MP_ADDRESS_SIZE];
	struct meeting path = { .listener.address = folder_make(&folder) };
	struct meeting abstract = { .listener.address = name };
	struct meeting tcp = { .listener.address = "tcp:127.0.0.1:0" };
	int port = 0;

	sprintf(name, "unix:@lab7-%d", getpid());
	meet(&path);
	meet(&abstract);
	meet(&tcp);
	folder_remove(&folder);

	show("  %-32s %-6s %-10s %s", "where", "heard", "file",
	     "connecting after close");
	show_meeting(&path);
	show_meeting(&abstract);
	show_meeting(&tcp);
	sscanf(tcp.listener.bound, "tcp:127.0.0.1:%d", &port);
	conclude(path.answered && abstract.answered && tcp.answered,
		 "one program, three kinds of address: each client was heard");
	conclude(path.mode == 0600 && path.error == ENOENT,
		 "a path is a file, for its owner alone; close removed it");
	conclude(abstract.mode == 0 && abstract.error == ECONNREFUSED,
		 "an abstract name is no file, and went with its listener");
	conclude(port > 0 && tcp.error == ECONNREFUSED,
		 "port 0 became a free one, %d", port);
}

/* --- stream ------------------------------------------------------------- */

/* Both ends of a TCP connection, in this process. */
static void connect_both(struct mp_connection *here,
			 struct mp_connection *there)
{
	struct mp_listener listener = { .address = "tcp:127.0.0.1:0" };

	check(mp_listener_open(&listener));
	check(mp_client(here, listener.bound, NULL, PATIENCE));
	check(mp_listener_accept(&listener, there, PATIENCE));
	mp_listener_close(&listener);
}

/* Until so many bytes can be read. */
static void await_bytes(int fd, int size)
{
	double until = monotonic_now() + PATIENCE;
	int there = 0;

	while (there < size && monotonic_now() < until)
		check(ioctl(fd, FIONREAD, &there));
}

/* region: no-boundaries */
/* Writes, and then reads: does anything tell one write from the next? */
static void stream_by_hand(int out, int in)
{
	char all[16], parts[16];
	ssize_t size = 0;
	int reads = 0;

	check(write(out, "one", 3));
	check(write(out, "two", 3));
	check(write(out, "three", 5));
	await_bytes(in, 11);
	ssize_t got = check(read(in, all, sizeof(all)));

	say("3 writes: a read of 16 bytes got \"%.*s\"", (int)got, all);
	check(write(out, "onetwothree", 11));
	for (; size < 11 && mp_wait(&in, 1, NULL, PATIENCE) == 1; reads++)
		size += check(read(in, parts + size, 4));
	say("1 write: it took %d reads of 4 bytes", reads);
	conclude(got == 11 && size == 11 && memcmp(parts, all, 11) == 0,
		 "3 writes came as 1 read, 1 write as %d: no boundaries",
		 reads);
}
/* endregion */

/* region: boundaries */
/* The same words as frames: a length, 4 bytes, and what it counts. */
static void stream_of_frames(int out, struct mp_connection *in)
{
	static const char frames[] = "\0\0\0\3one\0\0\0\3two\0\0\0\5three";
	const size_t size = sizeof(frames) - 1, last = size - 9;
	char one[LINE], two[LINE], three[LINE], again[LINE];

	check(write(out, frames, size));
	receive_text(in, one);
	receive_text(in, two);
	receive_text(in, three);
	say("1 write of %zu bytes: messages \"%s\", \"%s\", \"%s\"", size, one,
	    two, three);
	for (size_t at = last; at < size; at++)
		check(write(out, frames + at, 1));
	receive_text(in, again);
	say("9 writes of one byte: a message, \"%s\"", again);
	conclude(strcmp(one, "one") == 0 && strcmp(two, "two") == 0 &&
			 strcmp(three, "three") == 0,
		 "with the length before each, 1 write was 3 messages");
	conclude(strcmp(again, "three") == 0 && mp_connection_poll(in, 0) == 0,
		 "and 9 writes were 1: the frame gives the boundaries back");
}
/* endregion */

static void play_stream(void)
{
	struct mp_connection here, there;

	connect_both(&here, &there);
	stream_by_hand(here.fd, there.fd);
	stream_of_frames(here.fd, &there);
	mp_connection_close(&here);
	mp_connection_close(&there);
}

/* --- all of them -------------------------------------------------------- */

static const struct scene scenes[] = {
	{ "program", "what do the C program and the Python program print?",
	  play_program },
	{ "by-hand", "two clients come to one address: who hears whom?",
	  play_by_hand },
	{ "families", "a path, a name, a port: what is the difference?",
	  play_families },
	{ "stream", "three words are written: does the reader see three?",
	  play_stream },
	{ "authkey", "a wrong key, none, a silent client: who waits for them?",
	  play_authkey },
	{ "pass-descriptor", "can a process open a file for a stranger?",
	  play_pass_descriptor },
	{ "interop", "does CPython notice that it is not talking to CPython?",
	  play_interop },
	{ 0 }
};

static const struct option_row options[] = {
	{ "patience", OPTION_SECONDS, &patience, 0.05, 10,
	  .help = "for a silent client in `authkey`" },
	{ "memory", OPTION_SIZE, &memory_size, 1 << 20, 1 << 30,
	  .help = "that crosses in `pass-descriptor`" },
	{ "listen", OPTION_TEXT, &listen_at, .choices = "ADDRESS",
	  .help = "echo; unix:PATH, unix:@NAME, tcp:HOST:PORT" },
	{ "connect", OPTION_TEXT, &connect_to, .choices = "ADDRESS",
	  .help = "connect there, and --send" },
	{ "send", OPTION_TEXT, &text_to_send, .choices = "TEXT",
	  .help = "a message; prints the answer" },
	{ "authkey", OPTION_TEXT, &authkey, .choices = "KEY",
	  .help = "for --listen and --connect" },
	{ 0 }
};

int main(int argc, char *argv[])
{
	mp_guard(argc, argv);
	stage_instead(listen_or_connect);
	return stage_main(argc, argv,
			  &(struct lab){ __FILE__, "sockets", scenes,
					 options });
}
