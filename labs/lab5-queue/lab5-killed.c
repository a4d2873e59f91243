/*
 * lab5-killed.c - killed at moments that the lab chooses
 *
 * The first half of the scene `killed` of lab 5. The lab's child, the victim,
 * puts or gets up to the moment, and stops there; the lab kills it, and looks.
 *
 * How does one stop in the middle of a copy? By a message that lies on a cliff:
 * two pages of memory mapped to a file of one page. Who touches the second one
 * gets SIGBUS, see mmap(2), and its handler does not return.
 */
#include "lab5.h"

#include "process.h"
#include "stage.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* region: cliff */
static struct {
	struct mp_queue queue; /* has room for just one message */
	struct gate there;     /* opened by the victim: it has come so far */
	char *cliff;	       /* a message, its second half out of reach */
	char *message;	       /* a whole one */
	size_t size;	       /* of either */
} stand;

/* SIGBUS, with half of the message copied: no further. */
static _Noreturn void stop_there(int signal)
{
	(void)signal;
	gate_open(&stand.there);
	sleep(PATIENCE); /* until SIGKILL */
	_exit(1);
}

static void build_stand(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int fd = check(memfd_create("cliff", MFD_CLOEXEC));

	check(ftruncate(fd, page));
	stand.cliff =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (stand.cliff == MAP_FAILED)
		die("mmap");
	close(fd);
	stand.size = 2 * page - MP_QUEUE_COST;
	stand.message = malloc(stand.size);
	if (stand.message == NULL)
		die("malloc");
	check(mp_queue_open(&stand.queue, 2 * page));
	/* Each message fills the ring, which shall end in its middle, as the
	 * cliff does: the first half is copied before the second is touched. */
	check(mp_queue_put(&stand.queue, stand.message,
			   page - 2 * MP_QUEUE_COST, PATIENCE));
	check(mp_queue_get(&stand.queue, stand.message, stand.size, PATIENCE));
}
/* endregion */

static void leave_stand(void)
{
	mp_queue_close(&stand.queue);
	free(stand.message);
	munmap(stand.cliff, stand.size + MP_QUEUE_COST);
}

static void put_message(uint64_t number)
{
	fill_message(stand.message, stand.size, number);
	check(mp_queue_put(&stand.queue, stand.message, stand.size, PATIENCE));
}

/* The number of the oldest message; -1 if it is not whole. */
static int64_t get_message(void)
{
	ssize_t size = check(mp_queue_get(&stand.queue, stand.message,
					  stand.size, PATIENCE));

	return message_number(stand.message, size);
}

/* --- the moments ------------------------------------------------------- */

/* region: moments */
enum moment {
	COPYING_IN,
	COPYING_OUT,
	ASLEEP_IN_PUT,
	ASLEEP_IN_GET,
	AFTER_PUT,
	AFTER_GET,
	MOMENTS
};

static const struct {
	const char *what;
	int before;  /* messages in the queue */
	bool asleep; /* and a second one sleeps as it does */
} moments[MOMENTS] = {
	[COPYING_IN] = { "a producer, copying its message in", 0, false },
	[COPYING_OUT] = { "a consumer, copying a message out", 1, false },
	[ASLEEP_IN_PUT] = { "one of two asleep in put", 1, true },
	[ASLEEP_IN_GET] = { "one of two asleep in get", 0, true },
	[AFTER_PUT] = { "a producer, after its put", 0, false },
	[AFTER_GET] = { "a consumer, after its get", 1, false },
};

/* The victim, up to its moment. The second sleeper does the same, and lives. */
static int come_to(const void *args, size_t size)
{
	enum moment moment = *(const enum moment *)args;

	(void)size;
	signal(SIGBUS, stop_there);
	if (moments[moment].asleep)
		gate_open(&stand.there);
	switch (moment) {
	case COPYING_IN:
		return mp_queue_put(&stand.queue, stand.cliff, stand.size,
				    PATIENCE);
	case COPYING_OUT:
		return mp_queue_get(&stand.queue, stand.cliff, stand.size,
				    PATIENCE);
	case ASLEEP_IN_PUT:
		put_message(1);
		return 0;
	case ASLEEP_IN_GET:
		return get_message() < 0;
	case AFTER_PUT:
		put_message(1);
		break;
	default:
		get_message();
	}
	stop_there(0);
}
/* endregion */

/* Takes the second sleeper out of its call. Did it go well for it? */
static bool wake_other(enum moment moment, struct mp_process *other)
{
	bool whole = true;

	if (moment == ASLEEP_IN_PUT)
		whole = get_message() >= 0; /* there is room */
	else
		put_message(1); /* there is a message */
	check(mp_process_join(other, PATIENCE));
	return whole && mp_process_exitcode(other) == 0;
}

/* What is in the queue is whole, and it works as before. */
static bool goes_on(void)
{
	bool whole = true;

	while (mp_queue_count(&stand.queue) > 0)
		whole &= get_message() >= 0;
	put_message(2);
	return get_message() == 2 && whole;
}

/* region: kill */
/* How many more are in the queue than before; *well: nobody else noticed. */
static int kill_at(enum moment moment, bool *well)
{
	struct mp_process victim = { .target = come_to, MP_ARGS(moment) };
	struct mp_process other = { .target = come_to, MP_ARGS(moment) };
	int before = moments[moment].before, after;

	gate_make(&stand.there);
	for (int i = 0; i < before; i++)
		put_message(i);
	check(mp_process_start(&victim));
	if (moments[moment].asleep)
		check(mp_process_start(&other));
	gate_wait(&stand.there);
	*well = !moments[moment].asleep ||
		(falls_asleep(victim.pid) && falls_asleep(other.pid));
	check(mp_process_kill(&victim));
	check(mp_process_join(&victim, PATIENCE));
	after = mp_queue_count(&stand.queue);
	if (moments[moment].asleep)
		*well = wake_other(moment, &other) && *well;
	*well = goes_on() && *well;
	gate_close(&stand.there);
	show("  %-38s %6d %6d  %s", moments[moment].what, before, after,
	     *well ? "goes on" : "harmed");
	return after - before;
}
/* endregion */

void play_killed(void)
{
	int more[MOMENTS], harmed = 0;
	bool well;

	build_stand();
	show("  %-38s %6s %6s", "killed: messages in the queue", "before",
	     "after");
	for (enum moment moment = 0; moment < MOMENTS; moment++) {
		more[moment] = kill_at(moment, &well);
		harmed += !well;
	}
	leave_stand();
	conclude(more[COPYING_IN] == 0 && more[COPYING_OUT] == 0 &&
			 more[ASLEEP_IN_PUT] == 0 && more[ASLEEP_IN_GET] == 0,
		 "in the middle of put or get: as if it had not begun");
	conclude(more[AFTER_PUT] == 1 && more[AFTER_GET] == -1,
		 "after put its message stays; after get that one is lost");
	conclude(harmed == 0, "the others put and get on: %d of %d times",
		 MOMENTS - harmed, MOMENTS);
	play_storm();
}
