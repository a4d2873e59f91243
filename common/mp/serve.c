/*
 * serve.c - what a fork server does; see forkserver.h
 *
 * The server's side: it waits for requests and for the ends of its children, and
 * does as little as that, so that a fork of it is cheap and has nothing in it.
 */
#include "forkserver.h"

#include "io.h"
#include "mp_spawn.h"
#include "rights.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that has not ended. */
struct child {
	pid_t pid;
	bool daemon;
	int answers; /* the pipe: its pid went there, its status will */
};

/* Signals that the server treats in its own way, and its children do not. */
static const int treated[] = { SIGCHLD, SIGTERM, SIGPIPE };

#define TREATED (sizeof(treated) / sizeof(treated[0]))

struct server {
	int socket;	    /* -1: no more requests */
	size_t count, room; /* of list: used, and there */
	struct child *list;
	sigset_t waiting;	 /* the signals blocked while it waits, */
	sigset_t blocked_before; /* and before it began; how they */
	struct sigaction before[TREATED]; /* were treated then */
};

/* --- signals ----------------------------------------------------------- */

static volatile sig_atomic_t asked_to_end;

/* SIGCHLD comes to wake ppoll(2), no more. */
static void on_signal(int signal)
{
	if (signal == SIGTERM)
		asked_to_end = 1;
}

/* region: signals */
/*
 * SIGCHLD and SIGTERM are blocked but for the moments of waiting, or one could
 * come just before it. SIGINT, Ctrl-C, stays blocked: a child that just begins
 * has it pending until all is as before, where an ignored one would be lost.
 */
static void treat_signals(struct server *it)
{
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGCHLD);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &it->blocked_before);
	it->waiting = it->blocked_before;
	sigaddset(&it->waiting, SIGINT);
	sigdelset(&it->waiting, SIGCHLD);
	sigdelset(&it->waiting, SIGTERM);
	for (size_t i = 0; i < TREATED; i++) {
		struct sigaction action = { .sa_handler = on_signal };

		if (treated[i] == SIGPIPE)
			action.sa_handler = SIG_IGN; /* who asked may be gone */
		sigaction(treated[i], &action, &it->before[i]);
	}
}
/* endregion */

static void treat_signals_as_before(const struct server *it)
{
	for (size_t i = 0; i < TREATED; i++)
		sigaction(treated[i], &it->before[i], NULL);
	sigprocmask(SIG_SETMASK, &it->blocked_before, NULL);
}

/* --- the child --------------------------------------------------------- */

/* region: place */
/*
 * Gives each descriptor its number. What has that number already can only be
 * one that waits for its own: it goes elsewhere.
 */
static int place(int *fds, const int *number, int count)
{
	for (int i = 0; i < count; i++) {
		for (int j = i + 1; j < count; j++)
			if (fds[j] == number[i] && (fds[j] = dup(fds[j])) < 0)
				return -1;
		if (fds[i] == number[i])
			continue;
		if (dup2(fds[i], number[i]) < 0)
			return -1;
		close(fds[i]);
	}
	return 0;
}
/* endregion */

/* region: become */
/* The child: drops what is the server's, and becomes what was asked for. */
static _Noreturn void become(const struct server *it,
			     const struct forkserver_request *request, int *fds)
{
	treat_signals_as_before(it);
	close(it->socket);
	for (size_t i = 0; i < it->count; i++)
		close(it->list[i].answers);
	close(fds[0]); /* the server alone tells of our end */
	if (place(fds + 1, request->number + 1, request->count - 1) < 0) {
		perror("forkserver: a child's descriptors");
		_exit(2);
	}
	mp_spawn_become(request->number[1]);
}
/* endregion */

/* --- the server -------------------------------------------------------- */

/* Makes room for one more, before there is one. */
static int make_room(struct server *it)
{
	size_t room = it->room == 0 ? 16 : 2 * it->room;
	struct child *larger;

	if (it->count < it->room)
		return 0;
	larger = realloc(it->list, room * sizeof(*larger));
	if (larger == NULL)
		return -1;
	it->list = larger;
	it->room = room;
	return 0;
}

/* No more requests. Daemons end with it; the others may take their time. */
static void retire(struct server *it)
{
	if (it->socket < 0)
		return;
	close(it->socket);
	it->socket = -1;
	for (size_t i = 0; i < it->count; i++)
		if (it->list[i].daemon)
			kill(it->list[i].pid, SIGTERM);
}

/* Who gave up waiting for an answer wants no child any more. */
static bool is_awaited(int answers)
{
	struct pollfd end = { .fd = answers };

	return poll(&end, 1, 0) == 0; /* 1, POLLERR: no reader is left */
}

/* region: take */
static void take_request(struct server *it)
{
	struct forkserver_request request;
	int fds[FORKSERVER_MOST];
	size_t count = FORKSERVER_MOST;
	int flags = 0;
	pid_t pid = -1;

	if (receive_rights(it->socket, &request, sizeof(request), fds, &count,
			   &flags) < (ssize_t)sizeof(request)) {
		retire(it); /* nobody is left who could ask */
		return;
	}
	errno = EMFILE; /* where not all of them have come */
	if ((int)count == request.count && is_awaited(fds[0]) &&
	    make_room(it) == 0)
		pid = fork();
	if (pid == 0)
		become(it, &request, fds);

	pid = pid < 0 ? -errno : pid;
	for (size_t i = 1; i < count; i++)
		close(fds[i]);
	if (count > 0)
		write_full(fds[0], &pid, sizeof(pid));
	if (pid > 0)
		it->list[it->count++] =
			(struct child){ pid, request.daemon, fds[0] };
	else if (count > 0)
		close(fds[0]);
}
/* endregion */

/* region: reap */
/* Who has ended? Its status goes to whoever joins it. */
static void reap(struct server *it)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < it->count; i++)
			if (it->list[i].pid == pid) {
				write_full(it->list[i].answers, &status,
					   sizeof(status));
				close(it->list[i].answers);
				it->list[i] = it->list[--it->count];
				break;
			}
}
/* endregion */

/* region: serve */
int mp_forkserver_serve(const void *args, size_t size)
{
	struct server it = { .socket = *(const int *)args };

	(void)size;
	treat_signals(&it);
	while (it.socket >= 0 || it.count > 0) {
		struct pollfd request = { .fd = it.socket, .events = POLLIN };

		if (ppoll(&request, 1, NULL, &it.waiting) > 0)
			take_request(&it);
		if (asked_to_end)
			retire(&it);
		reap(&it);
	}
	free(it.list);
	return 0;
}
/* endregion */
