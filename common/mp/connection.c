/*
 * connection.c - the ends of a connection; see connection.h
 *
 * What goes through them is in send.c and receive.c.
 */
#include "connection.h"

#include "turns.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A write to nobody is to be EPIPE, and no death. */
static void ignore_sigpipe(void)
{
	struct sigaction action;

	if (sigaction(SIGPIPE, NULL, &action) == 0 &&
	    action.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

/* region: open */
int mp_connection_open(struct mp_connection *connection, int fd)
{
	struct mp_connection it = { .fd = fd };
	int flags = fcntl(fd, F_GETFL);
	struct stat status;

	if (flags < 0 || fstat(fd, &status) < 0 ||
	    mp_shared_open(&it.memory, sizeof(*it.turns)) < 0)
		return -1;
	it.turns = it.memory.address;
	turns_place(it.turns);
	it.readable = (flags & O_ACCMODE) != O_WRONLY;
	it.writable = (flags & O_ACCMODE) != O_RDONLY;
	it.atomic = S_ISFIFO(status.st_mode) ? PIPE_BUF : 0;
	fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	ignore_sigpipe();
	*connection = it;
	return 0;
}

int mp_pipe(struct mp_connection *first, struct mp_connection *second,
	    bool duplex)
{
	int end[2], error;

	if ((duplex ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end)
		    : pipe2(end, O_CLOEXEC)) < 0)
		return -1;
	if (mp_connection_open(first, end[0]) == 0) {
		if (mp_connection_open(second, end[1]) == 0)
			return 0;
		mp_shared_close(&first->memory);
	}
	error = errno;
	close(end[0]);
	close(end[1]);
	errno = error;
	return -1;
}
/* endregion */

int mp_connection_attach(struct mp_connection *connection)
{
	if (mp_shared_attach(&connection->memory) < 0 ||
	    fcntl(connection->fd, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	connection->turns = connection->memory.address;
	ignore_sigpipe();
	return 0;
}

int mp_connection_poll(struct mp_connection *connection, double timeout)
{
	if (check_may(connection->readable) < 0)
		return -1;
	if (connection->turns->has_length)
		return 1;
	return mp_wait(&connection->fd, 1, NULL, timeout);
}

void mp_connection_close(struct mp_connection *connection)
{
	if (!connection->readable && !connection->writable)
		return;
	close(connection->fd);
	mp_shared_close(&connection->memory);
	*connection = (struct mp_connection){ .fd = -1 };
}
