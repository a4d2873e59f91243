/* client.c - connects to a listener; see listener.h. */
#include "listener.h"

#include "deadline.h"
#include "turns.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define GLANCE 0.001 /* seconds between two attempts */

/* region: connect */
/*
 * TCP connects on its own once it was told to, and the socket is writable when
 * that is done. A full AF_UNIX listener says EAGAIN instead, and nothing tells
 * when it has room: look again.
 */
static int connect_until(int fd, const struct mp_address *address,
			 double deadline)
{
	int error;
	socklen_t size = sizeof(error);

	while (connect(fd, &address->any, address->size) < 0) {
		if (errno == EINPROGRESS) {
			if (wait_for(fd, POLLOUT, deadline) < 0)
				return -1;
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
			errno = error;
			return error == 0 ? 0 : -1;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (time_left(deadline) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		sleep_for(GLANCE);
	}
	return 0;
}
/* endregion */

/* region: authenticate */
static int authenticate(int fd, const struct mp_authkey *authkey,
			double deadline)
{
	struct handshake handshake;
	int done;

	handshake_begin(&handshake, authkey, false);
	while ((done = handshake_go_on(&handshake, fd)) == 0)
		if (wait_for(fd, POLLIN, deadline) < 0)
			return -1;
	return done > 0 ? 0 : -1;
}
/* endregion */

/* region: client */
int mp_client(struct mp_connection *connection, const char *text,
	      const struct mp_authkey *authkey, double timeout)
{
	double deadline = deadline_after(timeout);
	struct mp_address address;
	int fd, error;

	if (check_authkey(authkey) < 0 || mp_address_parse(&address, text) < 0)
		return -1;
	fd = socket(address.any.sa_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (address.any.sa_family == AF_INET)
		send_at_once(fd);
	if (connect_until(fd, &address, deadline) == 0 &&
	    (authkey == NULL || authenticate(fd, authkey, deadline) == 0) &&
	    mp_connection_open(connection, fd) == 0)
		return 0;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}
/* endregion */
