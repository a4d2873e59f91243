/*
 * listener.c - an address, and a socket that listens there; see listener.h
 *
 * Who comes is met in accept.c.
 */
#include "listener.h"

#include "deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define GLANCE	0.001 /* seconds between two looks at a lock */
#define GLANCES 1000

int check_authkey(const struct mp_authkey *authkey)
{
	if (authkey == NULL || (authkey->size > 0 && authkey->hmac != NULL))
		return 0;
	errno = EINVAL;
	return -1;
}

/* Or TCP keeps a small message back until the one before is acknowledged. */
void send_at_once(int fd)
{
	int yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

/* --- socket files ------------------------------------------------------- */

/*
 * Locks the folder of a path against other listeners, so that none takes a file
 * for stale between our bind and our listen, or removes what we have just made.
 * The descriptor to close, or -1: then nothing is taken over.
 */
static int lock_folder(const char *path)
{
	char copy[MP_ADDRESS_SIZE];
	int fd, locked;

	strcpy(copy, path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	for (int i = 0; i < GLANCES; i++) {
		locked = flock(fd, LOCK_EX | LOCK_NB);
		if (locked == 0)
			return fd;
		sleep_for(GLANCE);
	}
	close(fd);
	return -1;
}

/* region: stale */
/*
 * Is it the socket file of a listener that was killed? Its name is still there,
 * but nobody answers. A file that is no socket refuses connections, too.
 */
static bool is_stale(const struct mp_address *address)
{
	struct stat status;
	int fd, answer, error;

	if (lstat(mp_address_path(address), &status) < 0 ||
	    !S_ISSOCK(status.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	answer = connect(fd, &address->any, address->size);
	error = errno;
	close(fd);
	return answer < 0 && error == ECONNREFUSED;
}
/* endregion */

/* region: bind */
/* fchmod(2) before: so the file never has another mode. */
static int bind_path(struct mp_listener *it, const struct mp_address *address,
		     bool is_locked)
{
	const char *path = mp_address_path(address);
	struct stat status;
	int answer;

	if (fchmod(it->fd, 0600) < 0)
		return -1;
	answer = bind(it->fd, &address->any, address->size);
	if (answer < 0 && errno == EADDRINUSE) {
		if (is_locked && is_stale(address) && unlink(path) == 0)
			answer = bind(it->fd, &address->any, address->size);
		else
			errno = EADDRINUSE;
	}
	if (answer < 0 || stat(path, &status) < 0)
		return -1;
	it->creator = getpid();
	it->device = status.st_dev;
	it->inode = status.st_ino;
	return 0;
}

static int bind_and_listen(struct mp_listener *it,
			   const struct mp_address *address)
{
	const char *path = mp_address_path(address);
	int yes = 1, folder = -1, answer, error;

	if (path != NULL) {
		folder = lock_folder(path);
		answer = bind_path(it, address, folder >= 0);
	} else {
		/* A port is free as soon as its listener is gone. */
		setsockopt(it->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		answer = bind(it->fd, &address->any, address->size);
	}
	if (answer == 0)
		answer = listen(it->fd,
				it->backlog > 0 ? it->backlog : MP_BACKLOG);
	error = errno;
	if (folder >= 0)
		close(folder);
	errno = error;
	return answer;
}
/* endregion */

/* --- all of it ---------------------------------------------------------- */

static int check_listener(const struct mp_listener *it,
			  struct mp_address *address)
{
	if (check_authkey(it->authkey) < 0 ||
	    mp_address_parse(address, it->address) < 0)
		return -1;
	if (it->authkey == NULL && !mp_address_is_local(address)) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

int mp_listener_open(struct mp_listener *listener)
{
	struct mp_listener it = { .address = listener->address,
				  .authkey = listener->authkey,
				  .backlog = listener->backlog,
				  .patience = listener->patience,
				  .owner = getpid() };
	struct mp_address address;
	int error;

	listener->fd = -1;
	if (check_listener(&it, &address) < 0)
		return -1;
	it.fd = socket(address.any.sa_family,
		       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (it.fd < 0)
		return -1;
	mp_address_print(&address, it.bound);
	if (bind_and_listen(&it, &address) < 0 ||
	    getsockname(it.fd, &address.any, &address.size) < 0) {
		error = errno;
		mp_listener_close(&it);
		errno = error;
		return -1;
	}
	mp_address_print(&address, it.bound); /* now with its port */
	*listener = it;
	return 0;
}

/* Its file, if it still is ours: another one may have the name by now. */
static void remove_file(const struct mp_listener *it)
{
	const char *path = it->bound + strlen("unix:");
	struct stat status;

	if (it->creator == getpid() && lstat(path, &status) == 0 &&
	    status.st_dev == it->device && status.st_ino == it->inode)
		unlink(path);
}

void mp_listener_close(struct mp_listener *listener)
{
	if (listener->fd < 0)
		return;
	drop_peers(listener);
	remove_file(listener);
	close(listener->fd);
	listener->fd = -1;
}
