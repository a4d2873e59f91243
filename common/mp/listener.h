/*
 * listener.h - connections between processes that have nothing in common
 *
 * Python: multiprocessing.connection, Listener and Client. Built on socket(2),
 * bind(2), listen(2), accept(2) and connect(2), over AF_UNIX or TCP; what comes
 * out is a connection as any (connection.h). The addresses are in address.h.
 *
 *	struct mp_listener listener = { .address = "unix:/tmp/echo" };
 *
 *	mp_listener_open(&listener);
 *	mp_listener_accept(&listener, &connection, -1);
 *
 * and in another process
 *
 *	mp_client(&connection, "unix:/tmp/echo", NULL, -1);
 *
 * With a key, either side proves to the other that it knows it (handshake.h). A
 * peer that is slow, or silent, or no such peer at all holds up nobody: the
 * listener goes on with all that are there, each as its bytes arrive, and drops
 * who lets it wait too long. That happens within accept, and in no thread.
 *
 * After a fork(2) both processes may accept; whose handshake had begun belongs
 * to the parent.
 */
#ifndef MP_LISTENER_H
#define MP_LISTENER_H

#include "address.h"
#include "connection.h"
#include "handshake.h"

#define MP_BACKLOG  128 /* peers that wait to be accepted, by default */
#define MP_PATIENCE 5.0 /* seconds for a message of a handshake, by default */

struct mp_listener {
	/* The caller's part, as Python's keyword arguments; the rest is 0. */
	const char *address;		  /* see address.h */
	const struct mp_authkey *authkey; /* see auth.h; NULL: none */
	int backlog;			  /* 0: MP_BACKLOG */
	double patience;		  /* seconds; 0: MP_PATIENCE */

	/* What open and accept fill in. */
	char bound[MP_ADDRESS_SIZE]; /* the address, with the port it got */
	int fd;			     /* for mp_wait(): somebody new is there */
	size_t dropped;		     /* peers: too slow, or no such peers */
	struct peer *peers;	     /* in the middle of a handshake */
	size_t peer_count;	     /* how many of them */
	pid_t owner;		     /* the process that they belong to */
	pid_t creator;		     /* of the file, which it alone removes */
	dev_t device;		     /* which file that is, */
	ino_t inode;		     /* whoever has the name by now */
};

/*
 * Listens at an address. Python: Listener(address, backlog=, authkey=).
 *
 * A socket file is made with mode 0600. If the file of a listener is there that
 * was killed, it is taken over; nothing else is ever removed.
 * -1: EINVAL     no address, or an empty key
 *     ENAMETOOLONG  a path or a name of more than 107 bytes
 *     EADDRINUSE somebody listens there, or the path is no socket's
 *     EPERM      TCP beyond this machine without an authkey
 *     EACCES, ENOENT, ENOTDIR, EROFS ...  for the path; EACCES for a port
 *     EADDRNOTAVAIL  no host of this machine
 *     EMFILE, ENFILE, ENOMEM
 */
int mp_listener_open(struct mp_listener *listener);

/*
 * Waits for a client, at most timeout seconds, and makes a connection of it.
 * Python: accept().
 * -1: ETIMEDOUT  there was none
 *     EACCES     one was refused, or refused us: the key is not the same.
 *                Others are not affected; call again. Python:
 *                AuthenticationError
 *     ENOTSUP    a digest that was asked for is disabled here, see auth.h
 *     EMFILE, ENFILE, ENOMEM  and there is no handshake to be dropped for it
 *     EBADF      the listener is closed
 */
int mp_listener_accept(struct mp_listener *listener,
		       struct mp_connection *connection, double timeout);

/* Ends it, with the handshakes that are going on, and removes its file. Python:
 * close(). In a forked child it just closes this process's descriptors. */
void mp_listener_close(struct mp_listener *listener);

/*
 * Connects to a listener, within timeout seconds for all of it. Python:
 * Client(address, authkey=).
 * -1: ECONNREFUSED, ENOENT  nobody listens there
 *     ETIMEDOUT  it has not answered in time; a listener without a key says
 *                nothing to who has one
 *     EACCES     the key is not the same (Python: AuthenticationError), or the
 *                file is not for us
 *     EPROTO     the peer does not speak as a listener with a key
 *     ECONNRESET it has closed
 *     EINVAL, ENAMETOOLONG  no address, or an empty key
 *     EMFILE, ENFILE, ENOMEM, and other errnos of connect(2)
 */
int mp_client(struct mp_connection *connection, const char *address,
	      const struct mp_authkey *authkey, double timeout);

/* For listener.c, accept.c and client.c: is it a key, or none? -1: EINVAL. */
int check_authkey(const struct mp_authkey *authkey);

/* accept.c's: forgets the peers; to who is still there, that is the end. */
void drop_peers(struct mp_listener *listener);

/* A small message goes out at once, and does not wait for the one before. */
void send_at_once(int fd);

#endif
