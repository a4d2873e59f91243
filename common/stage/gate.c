/* gate.c - gates and reports between the processes of a scene; see gate.h. */
#include "gate.h"

#include "check.h"
#include "io.h"
#include "run.h"
#include "timeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

double step_patience(void)
{
	return run()->stepping ? -1 : PATIENCE;
}

void gate_make(struct gate *gate)
{
	int end[2];

	check(pipe2(end, O_CLOEXEC));
	*gate = (struct gate){ end[0], end[1] };
}

/* The number that both ends of a pipe have in common: its inode. */
static uint64_t channel(int fd)
{
	struct stat status;

	check(fstat(fd, &status));
	return status.st_ino;
}

void gate_open(const struct gate *gate)
{
	arrow_send(channel(gate->out));
	check(write_full(gate->out, "", 1));
}

void gate_wait(struct gate *gate)
{
	char byte;

	if (gate->out >= 0)
		close(gate->out); /* or we would wait for ourselves */
	gate->out = -1;
	hear(gate->in, &byte, 1);
}

void gate_close(struct gate *gate)
{
	close(gate->in);
	if (gate->out >= 0)
		close(gate->out);
	*gate = (struct gate){ -1, -1 };
}

void report(int fd, const void *data, size_t size)
{
	arrow_send(channel(fd));
	check(write_full(fd, data, size));
}

void hear(int fd, void *data, size_t size)
{
	struct pollfd end = { .fd = fd, .events = POLLIN };
	int ready;

	do
		ready = poll(&end, 1, (int)(step_patience() * 1000));
	while (ready < 0 && errno == EINTR);
	if (ready == 0) {
		errno = ETIMEDOUT;
		die("nobody reports");
	}
	if (check(read_full(fd, data, size)) == (long)size) {
		arrow_receive(channel(fd));
		return;
	}
	errno = EPROTO;
	die("whoever should report has ended");
}
