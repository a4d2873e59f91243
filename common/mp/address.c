/* address.c - where a listener is to be found; see address.h. */
#include "address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static int invalid(int error)
{
	errno = error;
	return -1;
}

/* region: unix */
/* An abstract name begins with a 0 byte and ends where the size says. */
static int parse_unix(struct mp_address *address, const char *text)
{
	bool is_abstract = text[0] == '@';
	size_t length = strlen(text);

	if (length <= is_abstract)
		return invalid(EINVAL);
	if (length > LONGEST + is_abstract)
		return invalid(ENAMETOOLONG);
	address->local.sun_family = AF_UNIX;
	memcpy(address->local.sun_path, text, length + !is_abstract);
	if (is_abstract)
		address->local.sun_path[0] = '\0';
	address->size =
		offsetof(struct sockaddr_un, sun_path) + length + !is_abstract;
	return 0;
}
/* endregion */

static int parse_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int port = atoi(text);

	if (digits == 0 || digits > 5 || text[digits] != '\0' || port > 65535)
		return invalid(EINVAL);
	return port;
}

/* region: tcp */
static int parse_tcp(struct mp_address *address, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[sizeof("255.255.255.255")] = "";
	int port;

	if (colon == NULL || colon - text >= (long)sizeof(host) ||
	    (port = parse_port(colon + 1)) < 0)
		return invalid(EINVAL);
	memcpy(host, text, colon - text);
	if (host[0] == '\0' || strcmp(host, "localhost") == 0)
		strcpy(host, "127.0.0.1");
	address->tcp.sin_family = AF_INET;
	address->tcp.sin_port = htons(port);
	address->size = sizeof(address->tcp);
	return inet_pton(AF_INET, host, &address->tcp.sin_addr) == 1
		       ? 0
		       : invalid(EINVAL);
}
/* endregion */

int mp_address_parse(struct mp_address *address, const char *text)
{
	*address = (struct mp_address){ .size = 0 };
	if (text == NULL)
		return invalid(EINVAL);
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(address, text + 5);
	if (strncmp(text, "tcp:", 4) == 0)
		return parse_tcp(address, text + 4);
	return invalid(EINVAL);
}

void mp_address_print(const struct mp_address *address,
		      char text[MP_ADDRESS_SIZE])
{
	const char *path = address->local.sun_path;
	char host[INET_ADDRSTRLEN];

	if (address->any.sa_family == AF_INET)
		snprintf(text, MP_ADDRESS_SIZE, "tcp:%s:%d",
			 inet_ntop(AF_INET, &address->tcp.sin_addr, host,
				   sizeof(host)),
			 ntohs(address->tcp.sin_port));
	else if (path[0] == '\0')
		snprintf(text, MP_ADDRESS_SIZE, "unix:@%.107s", path + 1);
	else
		snprintf(text, MP_ADDRESS_SIZE, "unix:%.107s", path);
}

const char *mp_address_path(const struct mp_address *address)
{
	if (address->any.sa_family != AF_UNIX ||
	    address->local.sun_path[0] == '\0')
		return NULL;
	return address->local.sun_path;
}

bool mp_address_is_local(const struct mp_address *address)
{
	return address->any.sa_family == AF_UNIX ||
	       ntohl(address->tcp.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}
