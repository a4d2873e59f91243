/*
 * lab4-players.c - children that take their steps when they are told to
 *
 * What the scenes of lab 4 have in common: who may go on is the lab's decision,
 * by gates, so that each scene has one order of things, on any machine.
 */
#include "lab4.h"

#include "stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* region: player */
void start_player(struct player *player, const char *name, mp_target *part,
		  const void *scene)
{
	*player = (struct player){ .process = { .target = part,
						.args = player,
						.size = sizeof(*player) },
				   .scene = scene };
	snprintf(player->process.name, MP_NAME_SIZE, "%s", name);
	gate_make(&player->steps);
	gate_make(&player->answers);
	check(start_process(&player->process));
	close(player->answers.out); /* or its death would be no end there */
	player->answers.out = -1;
}

long step(const struct player *player)
{
	let_step(player);
	return hear_answer(player);
}
/* endregion */

void let_step(const struct player *player)
{
	gate_open(&player->steps);
}

long hear_answer(const struct player *player)
{
	long value;

	hear(player->answers.in, &value, sizeof(value));
	return value;
}

/* region: hold */
void hold(const struct player *player)
{
	siginfo_t info;

	check(kill(player->process.pid, SIGSTOP));
	check(waitid(P_PID, player->process.pid, &info,
		     WSTOPPED | WEXITED | WNOWAIT));
}

void let_go_on(const struct player *player)
{
	check(kill(player->process.pid, SIGCONT));
}
/* endregion */

void may_be_held(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void dismiss(struct player *player)
{
	check(join_process(&player->process, PATIENCE));
	if (player->process.status != 0)
		exit(1); /* told why */
	gate_close(&player->steps);
	gate_close(&player->answers);
}

void await_step(struct player *me)
{
	gate_wait(&me->steps);
}

void answer(const struct player *me, long value)
{
	report(me->answers.out, &value, sizeof(value));
}

long try_read(int fd, void *bytes, size_t size)
{
	ssize_t n = read(fd, bytes, size);

	return n < 0 ? -errno : n;
}

long try_write(int fd, const void *bytes, size_t size)
{
	ssize_t n = write(fd, bytes, size);

	return n < 0 ? -errno : n;
}

const char *outcome(long answer)
{
	static char text[80];

	if (answer >= 0)
		snprintf(text, sizeof(text), "%ld", answer);
	else
		snprintf(text, sizeof(text), "%s",
			 answer == -EAGAIN	? "EAGAIN"
			 : answer == -EPIPE	? "EPIPE"
			 : answer == -EBADF	? "EBADF"
			 : answer == -ENODATA	? "ENODATA"
			 : answer == -ETIMEDOUT ? "ETIMEDOUT"
						: strerror(-answer));
	return text;
}

long waiting_in(int fd)
{
	int bytes;

	check(ioctl(fd, FIONREAD, &bytes));
	return bytes;
}

void await_change(int fd, long waiting)
{
	double deadline = deadline_after(PATIENCE);

	while (waiting_in(fd) == waiting) {
		if (time_left(deadline) == 0) {
			errno = ETIMEDOUT;
			die("nobody reads or writes");
		}
		sleep_for(0.001); /* nothing tells of it: look again */
	}
}

void fill(int fd, long bytes)
{
	static const char zeros[65536];
	long page = sysconf(_SC_PAGESIZE);

	for (long n; bytes > 0; bytes -= n) {
		n = bytes < page ? bytes : page;
		check(try_write(fd, zeros, n) == n ? 0 : -1);
	}
}
