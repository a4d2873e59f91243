/*
 * forkserver.c - an early, small process that forks for others; see forkserver.h
 *
 * The caller's side: it starts the server, and asks it for children.
 */
#include "forkserver.h"

#include "deadline.h"
#include "io.h"
#include "mp_spawn.h"
#include "rights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER 30.0 /* seconds to wait for the server's */

/* Closes it, and leaves errno to tell of what went wrong before. */
static void drop(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
}

/* region: open */
int mp_forkserver_open(struct mp_forkserver *server)
{
	int end[2], answer;

	server->socket = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, end) < 0)
		return -1;
	server->process = (struct mp_process){ .target = mp_forkserver_serve,
					       MP_ARGS(end[1]),
					       .method = MP_SPAWN,
					       .name = "forkserver",
					       MP_KEEP(end[1]),
					       .daemon = true };
	answer = mp_process_start(&server->process);
	drop(end[1]); /* or we would not notice that the server has ended */
	if (answer < 0)
		drop(end[0]);
	else
		server->socket = end[0];
	return answer;
}
/* endregion */

/* region: ask */
static int ask(int socket, const struct mp_process *child, int answers,
	       int handle)
{
	struct forkserver_request request = { .daemon = child->daemon,
					      .count = 2 + child->keep_count,
					      .number = { answers, handle } };

	if (child->keep_count > MP_FORKSERVER_KEEP) {
		errno = E2BIG;
		return -1;
	}
	for (size_t i = 0; i < child->keep_count; i++)
		request.number[2 + i] = child->keep[i];
	return send_rights(socket, &request, sizeof(request), request.number,
			   request.count);
}
/* endregion */

/* The server's first answer: the child's pid. -1: an errno. */
static pid_t hear_pid(int answers)
{
	struct pollfd end = { .fd = answers, .events = POLLIN };
	int ready = poll_until(&end, 1, deadline_after(ANSWER));
	pid_t pid;

	if (ready == 0)
		errno = ETIMEDOUT;
	if (ready <= 0)
		return -1;
	if (read_full(answers, &pid, sizeof(pid)) != sizeof(pid))
		pid = -EPIPE;
	if (pid < 0)
		errno = -pid;
	return pid < 0 ? -1 : pid;
}

/* region: start */
int mp_forkserver_start(const struct mp_forkserver *server,
			struct mp_process *child)
{
	int answers[2], handle, asked;
	pid_t pid;

	if (mp_process_prepare(child) < 0)
		return -1;
	handle = mp_spawn_hand_over(child);
	if (handle < 0)
		return -1;
	if (pipe2(answers, O_CLOEXEC) < 0) {
		drop(handle);
		return -1;
	}
	fflush(NULL); /* so that our lines come before the child's */
	asked = ask(server->socket, child, answers[1], handle);
	drop(answers[1]); /* now the server has the only one */
	drop(handle);
	pid = asked < 0 ? -1 : hear_pid(answers[0]);
	if (pid < 0) {
		drop(answers[0]);
		return -1;
	}
	child->pid = pid;
	child->parent = server->process.pid;
	child->sentinel = answers[0];
	return 0;
}
/* endregion */

/* region: join */
int mp_forkserver_join(struct mp_process *child, double timeout)
{
	struct pollfd end = { .fd = child->sentinel, .events = POLLIN };
	int ready;

	if (child->ended)
		return 0;
	errno = child->pid == 0 ? ESRCH : ECHILD;
	if (child->pid == 0 || child->parent == getpid() || end.fd < 0)
		return -1;
	ready = poll_until(&end, 1, deadline_after(timeout));
	if (ready == 0)
		errno = ETIMEDOUT;
	if (ready <= 0)
		return -1;
	child->ended =
		read_full(end.fd, &child->status, sizeof(child->status)) ==
		sizeof(child->status);
	close(end.fd);
	child->sentinel = -1;
	errno = ECHILD; /* if there was no status in it */
	return child->ended ? 0 : -1;
}
/* endregion */

int mp_forkserver_close(struct mp_forkserver *server, double timeout)
{
	if (server->socket >= 0)
		close(server->socket);
	server->socket = -1;
	return mp_process_join(&server->process, timeout);
}
