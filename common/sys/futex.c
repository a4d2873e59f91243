/* futex.c - sleep until a word in shared memory changes; see futex.h. */
#include "futex.h"

#include "deadline.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As <linux/futex.h> has them, which musl-gcc does not find. */
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1

int futex_wait(_Atomic uint32_t *word, uint32_t expected, double deadline)
{
	double left = time_left(deadline);
	struct timespec timeout = timespec_of(left);

	if (left == 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	/* EINTR and EAGAIN (it has changed) are for the caller's next look. */
	if (syscall(SYS_futex, word, FUTEX_WAIT, expected,
		    left < 0 ? NULL : &timeout, NULL, 0) < 0 &&
	    errno == ETIMEDOUT)
		return -1;
	return 0;
}

void futex_wake_all(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
