/*
 * accept.c - who comes to a listener; see listener.h
 *
 * Without a key every peer is a connection at once. With one, it is a struct
 * peer first: a socket and how far its handshake is. accept waits for all of
 * them and for the listening socket together, and goes on where bytes are.
 */
#include "listener.h"

#include "deadline.h"
#include "io.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct peer {
	int fd;
	double deadline; /* for the message that is awaited */
	struct handshake handshake;
};

/* --- the peers ---------------------------------------------------------- */

static double patience_of(const struct mp_listener *it)
{
	return it->patience > 0 ? it->patience : MP_PATIENCE;
}

/* The last one moves into its place. */
static void forget(struct mp_listener *it, size_t i)
{
	it->peers[i] = it->peers[--it->peer_count];
}

/* shutdown(2): a child forked meanwhile may have a copy of the descriptor, and
 * the peer is to see the end all the same. */
static void send_away(struct mp_listener *it, size_t i)
{
	shutdown(it->peers[i].fd, SHUT_RDWR);
	close(it->peers[i].fd);
	forget(it, i);
}

/* The same, and nobody is told. */
static void drop(struct mp_listener *it, size_t i)
{
	it->dropped++;
	send_away(it, i);
}

/* After a fork: those are the parent's, who is talking to them. */
static void disown_peers(struct mp_listener *it)
{
	if (it->owner == getpid())
		return;
	while (it->peer_count > 0) {
		close(it->peers[0].fd);
		forget(it, 0);
	}
	it->owner = getpid();
}

void drop_peers(struct mp_listener *it)
{
	disown_peers(it);
	while (it->peer_count > 0)
		send_away(it, 0);
	free(it->peers);
	it->peers = NULL;
}

/* region: expire */
/* Drops who let us wait too long; or the one of whom it will be true first. */
static void drop_expired(struct mp_listener *it)
{
	double now = monotonic_now();

	for (size_t i = it->peer_count; i-- > 0;)
		if (it->peers[i].deadline <= now)
			drop(it, i);
}

static bool drop_oldest(struct mp_listener *it)
{
	size_t oldest = 0;

	for (size_t i = 1; i < it->peer_count; i++)
		if (it->peers[i].deadline < it->peers[oldest].deadline)
			oldest = i;
	if (it->peer_count == 0)
		return false;
	drop(it, oldest);
	return true;
}
/* endregion */

/* --- from a peer to a connection ---------------------------------------- */

static bool is_out_of_descriptors(void)
{
	return errno == EMFILE || errno == ENFILE;
}

/* Makes a connection of the socket; a handshake gives way if it must. */
static int welcome(struct mp_listener *it, struct mp_connection *connection,
		   int fd)
{
	int error;

	while (mp_connection_open(connection, fd) < 0) {
		error = errno;
		if (is_out_of_descriptors() && drop_oldest(it))
			continue;
		close(fd);
		errno = error;
		return -1;
	}
	return 1;
}

/* region: peers */
/*
 * A peer of whom bytes may have arrived. Each of its messages has its own time:
 * so nobody drags a handshake out byte by byte.
 * 1: it is a connection now. 0: on to the others. -1: EACCES, and others.
 */
static int go_on(struct mp_listener *it, size_t i,
		 struct mp_connection *connection)
{
	struct peer *peer = &it->peers[i];
	const int *step = peer->handshake.step;
	int fd = peer->fd, done = handshake_go_on(&peer->handshake, fd), error;

	if (done > 0) {
		forget(it, i);
		return welcome(it, connection, fd);
	}
	if (peer->handshake.step != step)
		peer->deadline = deadline_after(patience_of(it));
	if (done == 0)
		return 0;
	error = errno;
	if (error != EACCES && error != ENOTSUP) {
		drop(it, i);
		return 0;
	}
	send_away(it, i);
	errno = error;
	return -1;
}

/* A new peer: its handshake begins, and may be over soon. */
static int add_peer(struct mp_listener *it, int fd,
		    struct mp_connection *connection)
{
	size_t count = it->peer_count;
	struct peer *larger = realloc(it->peers, (count + 1) * sizeof(*larger));

	if (larger == NULL) {
		close(fd);
		return -1;
	}
	it->peers = larger;
	larger[count] = (struct peer){ .fd = fd };
	handshake_begin(&larger[count].handshake, it->authkey, true);
	it->peer_count++;
	return go_on(it, count, connection);
}
/* endregion */

/* region: stranger */
/* Somebody new. What went wrong with him alone, accept(2) tells us of, too. */
static int take_stranger(struct mp_listener *it,
			 struct mp_connection *connection)
{
	int fd = accept4(it->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && is_out_of_descriptors())
		return drop_oldest(it) ? 0 : -1;
	if (fd < 0)
		return errno == EBADF || errno == ENOMEM || errno == ENOBUFS ||
				       errno == EINVAL
			       ? -1
			       : 0;
	if (strncmp(it->bound, "tcp:", 4) == 0)
		send_at_once(fd);
	if (it->authkey == NULL)
		return welcome(it, connection, fd);
	return add_peer(it, fd, connection);
}
/* endregion */

/* --- accept ------------------------------------------------------------- */

/* What poll(2) is to look at: the peers, and behind them the listener. */
static struct pollfd *list_all(const struct mp_listener *it, double *deadline)
{
	size_t count = it->peer_count;
	struct pollfd *list = malloc((count + 1) * sizeof(*list));

	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		list[i] = (struct pollfd){ it->peers[i].fd, POLLIN, 0 };
		if (it->peers[i].deadline < *deadline)
			*deadline = it->peers[i].deadline;
	}
	list[count] = (struct pollfd){ it->fd, POLLIN, 0 };
	return list;
}

/* region: accept */
/* A round: who has sent something is served before somebody is dropped. */
static int serve(struct mp_listener *it, struct mp_connection *connection,
		 const struct pollfd *list)
{
	size_t count = it->peer_count;
	int answer = 0;

	/* From the last to the first: who is forgotten leaves the others that
	 * are still to come in their places. */
	for (size_t i = count; i-- > 0 && answer == 0;)
		if (list[i].revents != 0)
			answer = go_on(it, i, connection);
	if (answer == 0 && list[count].revents != 0)
		answer = take_stranger(it, connection);
	if (answer == 0)
		drop_expired(it);
	return answer;
}

int mp_listener_accept(struct mp_listener *listener,
		       struct mp_connection *connection, double timeout)
{
	double until = deadline_after(timeout);

	if (listener->fd < 0) {
		errno = EBADF;
		return -1;
	}
	disown_peers(listener);
	for (;;) {
		double deadline = until;
		struct pollfd *list = list_all(listener, &deadline);
		size_t count = listener->peer_count + 1;
		int ready = list == NULL ? -1
					 : poll_until(list, count, deadline);
		int answer = ready < 0 ? -1 : serve(listener, connection, list);

		free(list);
		if (answer != 0)
			return answer > 0 ? 0 : -1;
		if (time_left(until) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
}
/* endregion */
