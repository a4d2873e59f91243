/* wait.c - wait for one of several; see wait.h. */
#include "wait.h"

#include "deadline.h"
#include "io.h"

#include <errno.h>
#include <stdlib.h>

#define FEW 16 /* of more, the list is in memory of malloc(3) */

/* How many of the list are ready; -1 if one of them is no descriptor. */
static int count_ready(const struct pollfd *list, size_t count, bool *ready)
{
	int all = 0;

	for (size_t i = 0; i < count; i++) {
		if (list[i].revents & POLLNVAL) {
			errno = EBADF;
			return -1;
		}
		if (ready != NULL)
			ready[i] = list[i].revents != 0;
		all += list[i].revents != 0;
	}
	return all;
}

/* region: wait */
int mp_wait(const int *fds, size_t count, bool *ready, double timeout)
{
	struct pollfd few[FEW], *list = few;
	int answer;

	if (count > FEW)
		list = calloc(count, sizeof(*list));
	if (list == NULL)
		return -1;
	for (size_t i = 0; i < count; i++)
		list[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	answer = poll_until(list, count, deadline_after(timeout));
	if (answer >= 0)
		answer = count_ready(list, count, ready);
	if (list != few)
		free(list);
	return answer;
}
/* endregion */
