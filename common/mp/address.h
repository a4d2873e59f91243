/*
 * address.h - where a listener is to be found
 *
 * As text, because people type it and processes hand it on:
 *
 *	unix:/tmp/echo		a path; a file of that name is made
 *	unix:@echo		an abstract name: no file, see unix(7)
 *	tcp:127.0.0.1:6000	a host and a port; port 0 is any free one
 *
 * A path or a name has at most 107 bytes. A host is four numbers, or localhost,
 * or nothing, which is 127.0.0.1: no name is looked up, as nothing bounds the
 * time of that. In Python: '/tmp/echo', '\0echo', ('127.0.0.1', 6000).
 */
#ifndef MP_ADDRESS_H
#define MP_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MP_ADDRESS_SIZE 128 /* bytes of the text, its final 0 included */

/* The same as the system calls take it. */
struct mp_address {
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct sockaddr_in tcp;
	};
	socklen_t size;
};

/* -1: EINVAL, it is no address; ENAMETOOLONG. */
int mp_address_parse(struct mp_address *address, const char *text);

/* The text of it. */
void mp_address_print(const struct mp_address *address,
		      char text[MP_ADDRESS_SIZE]);

/* The path of a file, or NULL: it is none. */
const char *mp_address_path(const struct mp_address *address);

/* Can nobody connect to it but from this machine? */
bool mp_address_is_local(const struct mp_address *address);

#endif
