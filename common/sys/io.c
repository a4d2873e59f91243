/* io.c - reads, writes and waits that finish; see io.h. */
#include "io.h"

#include "deadline.h"

#include <errno.h>
#include <unistd.h>

ssize_t read_full(int fd, void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)buffer + done, size - done);

		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += n;
	}
	return done;
}

int write_full(int fd, const void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, (const char *)buffer + done, size - done);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += n;
	}
	return 0;
}

int poll_until(struct pollfd *list, size_t count, double deadline)
{
	int ready;

	do {
		double left = time_left(deadline);
		struct timespec timeout = timespec_of(left);

		ready = ppoll(list, count, left < 0 ? NULL : &timeout, NULL);
	} while (ready < 0 && errno == EINTR);
	return ready;
}
