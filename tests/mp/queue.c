/*
 * queue.c - what a caller of mp/queue relies on
 *
 * The heart of it: a process is killed after each single instruction of a put
 * and of a get (ptrace(2)), and the queue stays usable.
 */
#include "queue.h"

#include "../support.h"
#include "cpus.h"
#include "deadline.h"
#include "lock.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define assert_fails(call, error)               \
	do {                                    \
		errno = 0;                      \
		assert_int_equal((call), -1);   \
		assert_int_equal(errno, error); \
	} while (0)

static char buffer[1 << 20];

static void open_queue(struct mp_queue *queue, size_t capacity)
{
	assert_return_code(mp_queue_open(queue, capacity), errno);
}

/* --- one process -------------------------------------------------------------- */

static void messages_come_out_as_they_went_in(void **state)
{
	struct mp_queue queue;
	char message[704];

	(void)state;
	open_queue(&queue, 4096);
	for (int round = 0; round < 1000; round++) { /* over the end often */
		size_t size = (round * 37) % (sizeof(message) - 2);

		memset(message, round, sizeof(message));
		for (int i = 0; i < 3; i++)
			assert_int_equal(
				mp_queue_put(&queue, message, size + i, 0), 0);
		assert_int_equal(mp_queue_count(&queue), 3);
		for (size_t i = 0; i < 3; i++) {
			memset(buffer, ~round, sizeof(message) + 3);
			assert_int_equal(mp_queue_get(&queue, buffer,
						      sizeof(buffer), 0),
					 size + i);
			assert_memory_equal(buffer, message, size + i);
		}
	}
	assert_int_equal(mp_queue_put(&queue, NULL, 0, 0), 0);
	assert_int_equal(mp_queue_get(&queue, NULL, 0, 0), 0);
	mp_queue_close(&queue);
}

static void its_sizes_are_what_it_says(void **state)
{
	struct mp_queue queue;

	(void)state;
	assert_fails(mp_queue_open(&queue, 0), EINVAL);
	assert_fails(mp_queue_open(&queue, (size_t)MP_QUEUE_MAX + 1), EINVAL);
	open_queue(&queue, 5000);
	assert_int_equal(mp_queue_largest(&queue), 8192 - MP_QUEUE_COST);
	assert_fails(mp_queue_put(&queue, buffer, 8192 - MP_QUEUE_COST + 1, -1),
		     EMSGSIZE);
	assert_int_equal(mp_queue_put(&queue, buffer, 8192 - MP_QUEUE_COST, -1),
			 0);
	assert_fails(mp_queue_put(&queue, "", 0, 0), ETIMEDOUT);
	assert_int_equal(mp_queue_get(&queue, buffer, sizeof(buffer), 0),
			 8192 - MP_QUEUE_COST);
	/* Its cost: so many of a size fit, and no more. */
	for (int i = 0; i < 8192 / (8 + MP_QUEUE_COST); i++)
		assert_int_equal(mp_queue_put(&queue, buffer, 8, 0), 0);
	assert_fails(mp_queue_put(&queue, buffer, 8, 0), ETIMEDOUT);
	mp_queue_close(&queue);
}

static void a_message_too_long_for_the_buffer_stays(void **state)
{
	struct mp_queue queue;

	(void)state;
	open_queue(&queue, 4096);
	mp_queue_put(&queue, "hello", 5, -1);
	assert_fails(mp_queue_get(&queue, buffer, 4, -1), ENOBUFS);
	assert_int_equal(mp_queue_count(&queue), 1);
	assert_int_equal(mp_queue_get(&queue, buffer, 5, -1), 5);
	mp_queue_close(&queue);
}

static void timeouts_are_not_early(void **state)
{
	struct mp_queue queue;
	double began = monotonic_now();

	(void)state;
	open_queue(&queue, 4096);
	assert_fails(mp_queue_get(&queue, buffer, 1, 0), ETIMEDOUT);
	assert_fails(mp_queue_get(&queue, buffer, 1, 0.1), ETIMEDOUT);
	assert_true(monotonic_now() - began >= 0.1);
	mp_queue_put(&queue, buffer, 4092, -1);
	began = monotonic_now();
	assert_fails(mp_queue_put(&queue, "x", 1, 0.1), ETIMEDOUT);
	assert_true(monotonic_now() - began >= 0.1);
	assert_true(monotonic_now() - began < LONG);
	mp_queue_close(&queue);
}

static void a_shutdown_drains(void **state)
{
	struct mp_queue queue;

	(void)state;
	open_queue(&queue, 4096);
	mp_queue_put(&queue, "a", 1, -1);
	mp_queue_shutdown(&queue);
	mp_queue_shutdown(&queue);
	assert_fails(mp_queue_put(&queue, "b", 1, -1), EPIPE);
	assert_int_equal(mp_queue_get(&queue, buffer, 1, -1), 1);
	assert_fails(mp_queue_get(&queue, buffer, 1, -1), ENODATA);
	mp_queue_close(&queue);
}

/* --- several ------------------------------------------------------------------- */

static void a_shutdown_wakes_all(void **state)
{
	struct mp_queue empty, full;
	pid_t pid[8];

	(void)state;
	open_queue(&empty, 4096);
	open_queue(&full, 4096);
	mp_queue_put(&full, buffer, 4092, -1);
	for (int i = 0; i < 8; i++) {
		pid[i] = fork();
		if (pid[i] != 0)
			continue;
		if (i < 4)
			_exit(mp_queue_get(&empty, buffer, 1, LONG) == -1 &&
			      errno == ENODATA);
		_exit(mp_queue_put(&full, "", 0, LONG) == -1 && errno == EPIPE);
	}
	usleep(20000); /* most sleep by now; who does not is told all the same */
	mp_queue_shutdown(&empty);
	mp_queue_shutdown(&full);
	for (int i = 0; i < 8; i++)
		assert_int_equal(end_of(pid[i]), 1);
	mp_queue_close(&empty);
	mp_queue_close(&full);
}

int put_one(const void *args, size_t size)
{
	struct mp_queue queue = *(const struct mp_queue *)args;

	(void)size;
	if (mp_queue_attach(&queue) < 0 ||
	    mp_queue_put(&queue, "from a child", 13, LONG) < 0)
		return errno;
	mp_queue_close(&queue);
	return 0;
}

static void a_child_may_end_before_its_message_is_got(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		struct mp_queue queue;

		open_queue(&queue, 4096);
		struct mp_process p = { .target = put_one,
					MP_ARGS(queue),
					.method = *m,
					MP_KEEP(queue.memory.fd) };
		assert_return_code(mp_process_start(&p), errno);
		assert_int_equal(exitcode_of(&p), 0);
		assert_int_equal(mp_queue_get(&queue, buffer, 100, LONG), 13);
		assert_string_equal(buffer, "from a child");
		mp_queue_close(&queue);
	}
}

static void what_was_not_handed_over_is_ebadf(void **state)
{
	struct mp_queue queue;

	(void)state;
	open_queue(&queue, 4096);
	struct mp_process p = { .target = put_one,
				MP_ARGS(queue),
				.method = MP_SPAWN };
	assert_return_code(mp_process_start(&p), errno);
	assert_int_equal(exitcode_of(&p), EBADF);
	mp_queue_close(&queue);
}

static int open_with_few_descriptors(void)
{
	struct mp_queue queue;

	limit_descriptors(0);
	return mp_queue_open(&queue, 4096) == 0 || errno != EMFILE;
}

static void no_descriptors_left_is_emfile(void **state)
{
	(void)state;
	apart(open_with_few_descriptors);
}

#define SIDES 4

/* Each item says whose it is and which. A consumer sees each producer's in their
 * order; all together see each once. */
struct item {
	int producer, number;
};

static int consume(struct mp_queue *queue, unsigned char *seen, int each)
{
	int last[SIDES] = { -1, -1, -1, -1 };
	struct item item;
	ssize_t size;

	while ((size = mp_queue_get(queue, &item, sizeof(item), LONG)) ==
	       sizeof(item)) {
		if (item.number <= last[item.producer])
			return 1;
		last[item.producer] = item.number;
		seen[item.producer * each + item.number]++;
	}
	return size != -1 || errno != ENODATA;
}

static void each_item_once_and_in_order(void **state)
{
	int each = rounds(1000000) / SIDES;
	unsigned char *seen = mmap(NULL, SIDES * each, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct mp_queue queue;
	pid_t producer[SIDES], consumer[SIDES];

	(void)state;
	open_queue(&queue, 4096);
	for (int i = 0; i < SIDES; i++) {
		consumer[i] = fork();
		if (consumer[i] == 0)
			_exit(consume(&queue, seen, each));
		producer[i] = fork();
		if (producer[i] == 0) {
			for (struct item it = { i, 0 }; it.number < each;
			     it.number++)
				if (mp_queue_put(&queue, &it, sizeof(it),
						 LONG) < 0)
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < SIDES; i++)
		assert_int_equal(end_of(producer[i]), 0);
	mp_queue_shutdown(&queue);
	for (int i = 0; i < SIDES; i++)
		assert_int_equal(end_of(consumer[i]), 0);
	for (int i = 0; i < SIDES * each; i++)
		assert_int_equal(seen[i], 1);
	munmap(seen, SIDES * each);
	mp_queue_close(&queue);
}

/* --- killed ----------------------------------------------------------------------- */

static void put_for_ever(struct mp_queue *queue)
{
	char message[100];

	for (unsigned char i = 1;; i = i % 100 + 1) {
		memset(message, i, i);
		mp_queue_put(queue, message, i, -1);
	}
}

static void get_for_ever(struct mp_queue *queue)
{
	for (;;)
		mp_queue_get(queue, buffer, sizeof(buffer), -1);
}

/* Gets until it is told that there are no more; all of them whole. */
static int check_all(struct mp_queue *queue)
{
	ssize_t size;

	while ((size = mp_queue_get(queue, buffer, sizeof(buffer), LONG)) > 0)
		for (ssize_t i = 0; i < size; i++)
			if (buffer[i] != (char)size)
				return 1;
	return size != -1 || errno != ENODATA;
}

static void killed_users_leave_it_whole(void **state)
{
	(void)state;
	for (int i = 0; i < rounds(1000); i++) {
		struct mp_queue queue;
		pid_t victim[2], healthy, checker;

		open_queue(&queue, 4096);
		for (int v = 0; v < 2; v++) {
			victim[v] = fork();
			if (victim[v] == 0)
				v == 0 ? put_for_ever(&queue)
				       : get_for_ever(&queue);
		}
		healthy = fork();
		if (healthy == 0)
			put_for_ever(&queue);
		checker = fork();
		if (checker == 0)
			_exit(check_all(&queue));
		usleep(random() % 3000);
		for (int v = 0; v < 2; v++)
			kill(victim[v], SIGKILL);
		for (int v = 0; v < 2; v++)
			assert_int_equal(end_of(victim[v]), -SIGKILL);
		usleep(random() % 1000);
		kill(healthy, SIGKILL);
		assert_int_equal(end_of(healthy), -SIGKILL);
		mp_queue_shutdown(&queue);
		assert_int_equal(end_of(checker), 0);
		mp_queue_close(&queue);
	}
}

static long taken; /* instructions by the last victim */

/*
 * A child does the call, single-stepped, and is killed after `steps`
 * instructions. False when it got through.
 */
static bool killed_after(long steps, void (*call)(struct mp_queue *),
			 struct mp_queue *queue)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		call(queue);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (taken = 0; WIFSTOPPED(status) && taken < steps; taken++) {
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (!WIFSTOPPED(status))
		return false;
	kill(pid, SIGKILL);
	assert_int_equal(end_of(pid), -SIGKILL);
	return true;
}

static void put_victim(struct mp_queue *queue)
{
	mp_queue_put(queue, "victim", 6, -1);
}

static void get_victim(struct mp_queue *queue)
{
	mp_queue_get(queue, buffer, sizeof(buffer), -1);
}

/* Has the sleeper ended, and well? If nobody helps it, it has a second. */
static bool has_ended(pid_t pid, double seconds)
{
	double until = monotonic_now() + seconds;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (monotonic_now() >= until)
			return false;
		usleep(50);
	}
	assert_int_equal(status, 0);
	return true;
}

/*
 * Two sleep in a get; one message comes, and one of the two is killed before it
 * could run: all on one CPU, so that it is woken, and no more. If the wake had
 * been for it alone, the other would sleep on beside the message.
 */
static void a_killed_sleeper_takes_no_wake_with_it(void **state)
{
	cpu_set_t cpus = stay_on_one_cpu();

	(void)state;
	for (int i = 0; i < rounds(200); i++) {
		struct mp_queue queue;
		pid_t pid[2], victim, other;

		open_queue(&queue, 4096);
		for (int s = 0; s < 2; s++) {
			pid[s] = fork();
			if (pid[s] == 0)
				_exit(mp_queue_get(&queue, buffer, 8, LONG) !=
				      1);
			wait_until_asleep(pid[s]);
		}
		victim = pid[i % 2];
		other = pid[(i + 1) % 2];
		mp_queue_put(&queue, "x", 1, -1);
		kill(victim, SIGKILL);
		end_of(victim);
		if (!has_ended(other, mp_queue_count(&queue) > 0 ? 1 : 0)) {
			/* or it slept on; else the victim had the message */
			assert_int_equal(mp_queue_count(&queue), 0);
			mp_queue_put(&queue, "y", 1, -1);
			assert_true(has_ended(other, LONG));
		}
		mp_queue_close(&queue);
	}
	use_cpus(&cpus);
}

/* One sleeps in get. If the victim's message was put before its end, that alone
 * ends the sleep; if not, the next one does. */
static bool kill_a_producer(long steps)
{
	struct mp_queue queue;
	pid_t sleeper;
	bool killed;

	open_queue(&queue, 4096);
	sleeper = fork();
	if (sleeper == 0)
		_exit(mp_queue_get(&queue, buffer, 8, LONG) < 5);
	wait_until_asleep(sleeper);
	killed = killed_after(steps, put_victim, &queue);
	if (!has_ended(sleeper, mp_queue_count(&queue) > 0 ? 1 : 0)) {
		assert_int_equal(mp_queue_count(&queue),
				 0); /* or it slept on */
		assert_return_code(mp_queue_put(&queue, "after", 5, LONG),
				   errno);
		assert_true(has_ended(sleeper, LONG));
	}
	mp_queue_close(&queue);
	return killed;
}

/* One sleeps in put, for room: the queue is full with FULL messages. */
#define FULL 40
static bool kill_a_consumer(long steps)
{
	struct mp_queue queue;
	pid_t sleeper;
	bool killed;

	open_queue(&queue, 4096);
	for (int i = 1; i < FULL; i++)
		mp_queue_put(&queue, buffer, 100, -1);
	mp_queue_put(&queue, buffer, 36, -1);
	sleeper = fork();
	if (sleeper == 0)
		_exit(mp_queue_put(&queue, "sleeper", 7, LONG) < 0);
	wait_until_asleep(sleeper);
	killed = killed_after(steps, get_victim, &queue);
	if (!has_ended(sleeper, mp_queue_count(&queue) < FULL ? 1 : 0)) {
		/* or it slept on beside the room */
		assert_int_equal(mp_queue_count(&queue), FULL);
		mp_queue_get(&queue, buffer, sizeof(buffer), LONG);
		assert_true(has_ended(sleeper, LONG));
	}
	mp_queue_close(&queue);
	return killed;
}

/* The same where the victim really takes a message. */
static bool kill_a_taker(long steps)
{
	struct mp_queue queue;
	bool killed;
	ssize_t size;

	open_queue(&queue, 4096);
	mp_queue_put(&queue, "one", 3, -1);
	mp_queue_put(&queue, "other", 5, -1);
	killed = killed_after(steps, get_victim, &queue);
	size = mp_queue_get(&queue, buffer, 100, LONG);
	assert_true(size == 3 || size == 5);
	if (size == 3)
		assert_int_equal(mp_queue_get(&queue, buffer, 100, LONG), 5);
	assert_fails(mp_queue_get(&queue, buffer, 100, 0), ETIMEDOUT);
	mp_queue_close(&queue);
	return killed;
}

static void killed_after_any_instruction(void **state)
{
	static bool (*const kinds[])(long) = { kill_a_producer, kill_a_consumer,
					       kill_a_taker };

	(void)state;
	if (ptrace(PTRACE_PEEKUSER, getpid(), NULL, NULL) < 0 &&
	    errno == ENOSYS)
		return;
	for (int i = 0; i < 3; i++) {
		long steps = 0;

		assert_false(kinds[i](LONG_MAX)); /* how many are there? */
		assert_true(taken > 100);

		long stride = storm() ? 1 : taken / 20 + 1;

		while (kinds[i](steps))
			steps += stride;
	}
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(messages_come_out_as_they_went_in),
		TEST(its_sizes_are_what_it_says),
		TEST(a_message_too_long_for_the_buffer_stays),
		TEST(timeouts_are_not_early),
		TEST(a_shutdown_drains),
		TEST(a_shutdown_wakes_all),
		TEST(a_child_may_end_before_its_message_is_got),
		TEST(what_was_not_handed_over_is_ebadf),
		TEST(no_descriptors_left_is_emfile),
		TEST(each_item_once_and_in_order),
		TEST(killed_users_leave_it_whole),
		TEST(a_killed_sleeper_takes_no_wake_with_it),
		TEST(killed_after_any_instruction),
	};

	mp_guard(argc, argv);
	return cmocka_run_group_tests_name("mp/queue", tests, NULL, NULL);
}
