/* lock.c - rows of the bench: the lock, and counting; see bench.h. */
#include "lock.h"

#include "bench.h"
#include "connection.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define PAIRS 100000
#define CALLS 2000

/* What the partner and this process share. */
static struct {
	pthread_mutex_t ours, bare;
	_Atomic int64_t atomic;
	int64_t locked;
	_Atomic int
		running; /* 0: the partner may go; 1, 2: which lock it takes */
	_Atomic int ended;
} * shared;

static struct mp_shared memory;
static struct mp_lock lock, placed;

static void begin(void)
{
	if (mp_shared_open(&memory, sizeof(*shared)) < 0)
		fail("mp_shared_open");
	shared = memory.address;
	mp_lock_place(&lock, &shared->ours);
	mp_lock_place(&placed, &shared->bare);
}

static void end(void)
{
	mp_shared_close(&memory);
}

static void ours_pair(void)
{
	mp_lock_acquire(&lock, -1);
	mp_lock_release(&lock);
}

/* The same kind of mutex, by its own calls. */
static void bare_pair(void)
{
	pthread_mutex_lock(&shared->bare);
	pthread_mutex_unlock(&shared->bare);
}

static void ours_pairs(void)
{
	for (int i = 0; i < PAIRS; i++)
		ours_pair();
}

static void bare_pairs(void)
{
	for (int i = 0; i < PAIRS; i++)
		bare_pair();
}

/* The partner takes the same lock all the time while a row's call runs. */
static void contend(void)
{
	while (!shared->ended)
		if (shared->running == 1)
			ours_pair();
		else if (shared->running == 2)
			bare_pair();
}

static void begin_contended(void)
{
	begin();
	start_partner(contend);
}

static void end_contended(void)
{
	shared->ended = 1;
	join_partners();
	end();
}

static void ours_contended(void)
{
	shared->running = 1;
	ours_pairs();
	shared->running = 0;
}

static void bare_contended(void)
{
	shared->running = 2;
	bare_pairs();
	shared->running = 0;
}

/* --- counting ---------------------------------------------------------------- */

static void count_atomic(void)
{
	for (int i = 0; i < PAIRS; i++)
		atomic_fetch_add(&shared->atomic, 1);
}

static void count_locked(void)
{
	for (int i = 0; i < PAIRS; i++) {
		mp_lock_acquire(&lock, -1);
		shared->locked++;
		mp_lock_release(&lock);
	}
}

/* A process that owns the number, and adds what it is told to. */
static struct mp_connection client, manager;

static void manage(void)
{
	int64_t number = 0, add;

	while (mp_connection_recv_bytes_into(&manager, &add, sizeof(add), -1) ==
	       sizeof(add)) {
		number += add;
		mp_connection_send_bytes(&manager, &number, sizeof(number), -1);
	}
}

static void count_managed(void)
{
	int64_t one = 1, number;

	for (int i = 0; i < CALLS; i++)
		if (mp_connection_send_bytes(&client, &one, sizeof(one), -1) <
			    0 ||
		    mp_connection_recv_bytes_into(&client, &number,
						  sizeof(number), -1) < 0)
			fail("the manager");
}

static void begin_managed(void)
{
	pin(); /* as the round trips, which these are */
	if (mp_pipe(&client, &manager, true) < 0)
		fail("mp_pipe");
	start_partner(manage);
}

static void end_managed(void)
{
	mp_connection_send_bytes(&client, "", 0, -1);
	join_partners();
	mp_connection_close(&client);
	mp_connection_close(&manager);
	unpin();
}

const struct row lock_rows[] = {
	{ "lock-pair", "ns", 1e9, PAIRS, begin, ours_pairs, bare_pairs, true,
	  end },
	{ "lock-pair-contended", "ns", 1e9, PAIRS, begin_contended,
	  ours_contended, bare_contended, true, end_contended },
	{ "increment-atomic", "ns", 1e9, PAIRS, begin, count_atomic, NULL,
	  false, end },
	{ "increment-locked", "ns", 1e9, PAIRS, begin, count_locked, NULL, true,
	  end },
	{ "increment-manager", "us", 1e6, CALLS, begin_managed, count_managed,
	  NULL, true, end_managed },
	{ 0 }
};
