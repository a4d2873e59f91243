/*
 * lab6-join.c - what a lock does, and what join does without it
 *
 * The scene `what-serializes` of lab 6, and the doors by which it and `deadlock`
 * force that all who want a lock want it at once.
 */
#include "lab6.h"

#include <errno.h>
#include <stdio.h>

#define CHILDREN 3

/* --- doors ------------------------------------------------------------- */

void come(struct door *door)
{
	door->came++;
}

/* Nothing tells of it, so it looks again and again. */
void wait_for_all(struct door *door)
{
	double deadline = deadline_after(PATIENCE);

	while (door->came < door->expected) {
		if (time_left(deadline) == 0) {
			errno = ETIMEDOUT;
			die("somebody did not come");
		}
		sleep_for(0.0005);
	}
}

/* region: take */
int take(struct mp_lock *lock, struct door *door, double timeout)
{
	int answer = mp_lock_acquire(lock, 0);

	if (answer >= 0) {
		come(door);
		return answer;
	}
	door->turned_away++;
	span_begin("waits");
	come(door);
	wait_for_all(door);
	answer = mp_lock_acquire(lock, timeout);
	span_end();
	return answer;
}
/* endregion */

/* --- what-serializes --------------------------------------------------- */

/* What the children of one run share. */
struct room {
	struct mp_lock lock;
	bool locked; /* is it used? */
	struct door door;
	_Atomic int done;
};

/* region: critical-section */
/*
 * A child: stays in the room a while, alone if the lock is used. It does not
 * leave before all who are expected have come; so if they are not in together,
 * that is not because somebody was late.
 */
static int critical_section(const void *args, size_t size)
{
	struct room *room = (struct room *)args;

	(void)size;
	if (room->locked)
		check(take(&room->lock, &room->door, PATIENCE));
	span_begin("in the critical section");
	if (!room->locked)
		come(&room->door);
	sleep_for(hold);
	wait_for_all(&room->door);
	span_end();
	if (room->locked)
		check(mp_lock_release(&room->lock));
	room->done++;
	return 0;
}
/* endregion */

static struct mp_process visitor(struct room *room, int number)
{
	struct mp_process p = { .target = critical_section,
				.args = room,
				.size = sizeof(*room) };

	snprintf(p.name, sizeof(p.name), "Process-%d", number + 1);
	return p;
}

/* region: join-inside */
static void join_inside_the_loop(struct room *room)
{
	for (int i = 0; i < CHILDREN; i++) {
		struct mp_process p = visitor(room, i);

		room->door.expected = i + 1;
		check(start_process(&p));
		check(join_process(&p, PATIENCE));
	}
}
/* endregion */

/* region: join-after */
static void join_after_the_loop(struct room *room)
{
	struct mp_process p[CHILDREN];

	room->door.expected = CHILDREN;
	for (int i = 0; i < CHILDREN; i++) {
		p[i] = visitor(room, i);
		check(start_process(&p[i]));
	}
	for (int i = 0; i < CHILDREN; i++)
		check(join_process(&p[i], PATIENCE));
}
/* endregion */

/* region: what-serializes */
struct outcome {
	int at_once, waited, done; /* children */
};

static struct outcome record_visits(struct record *record, const char *label,
				    void (*visit)(struct room *), bool locked)
{
	struct room *room = shared_memory(sizeof(*room));
	struct outcome it;

	check(mp_lock_open(&room->lock));
	room->locked = locked;
	*record = record_start();
	mark(label);
	visit(room);
	record_stop(record);
	it = (struct outcome){ most_at_once(record, "in the critical section"),
			       room->door.turned_away, room->done };
	mp_lock_close(&room->lock);
	free_memory(room, sizeof(*room));
	return it;
}

void play_what_serializes(void)
{
	static const char *const label[] = { "join inside, no lock",
					     "join inside, lock",
					     "join after, no lock",
					     "join after, lock" };
	struct record record[4];
	struct outcome it[4];

	for (int i = 0; i < 4; i++)
		it[i] = record_visits(&record[i], label[i],
				      i < 2 ? join_inside_the_loop
					    : join_after_the_loop,
				      i % 2 == 1);
	show_charts(record, label, 4);
	for (int i = 0; i < 4; i += 2)
		conclude(it[i].done == CHILDREN && it[i + 1].done == CHILDREN &&
				 it[i].at_once == (i == 0 ? 1 : CHILDREN) &&
				 it[i + 1].at_once == 1 &&
				 it[i + 1].waited ==
					 (i == 0 ? 0 : CHILDREN - 1),
			 "join %s: %d at once without the lock, %d with it, "
			 "%d waited",
			 i == 0 ? "inside" : "after", it[i].at_once,
			 it[i + 1].at_once, it[i + 1].waited);
}
/* endregion */
