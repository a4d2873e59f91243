/*
 * pool.c - what a caller of mp/pool relies on
 *
 * Tasks here are told by their item what to do: items from EXITS on are mean.
 */
#include "pool.h"

#include "../support.h"
#include "deadline.h"
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT 1000

#define assert_fails(call, error)               \
	do {                                    \
		errno = 0;                      \
		assert_int_equal((call), -1);   \
		assert_int_equal(errno, error); \
	} while (0)

enum { EXITS = 1000000, ABORTS, KILLS, CLOSES, LIES, FAILS, INTERRUPTS };

static long numbers[COUNT], squares[COUNT];

/* --- tasks ------------------------------------------------------------------- */

/* All sockets of this process, which are its channel: closed, or written to. */
static void harm_channel(bool close_it)
{
	struct stat status;

	for (int fd = 3; fd < 1000; fd++) {
		if (fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode))
			continue;
		if (close_it)
			close(fd);
		else if (send(fd, "garbage", 7, 0) < 0)
			abort();
	}
}

int square(const void *item, void *result)
{
	long number = *(const long *)item;

	prctl(PR_SET_DUMPABLE, 0); /* abort leaves no core file */
	switch (number) {
	case EXITS:
		exit(3);
	case ABORTS:
		abort();
	case KILLS:
		raise(SIGKILL);
		break;
	case CLOSES:
		harm_channel(true);
		sleep(LONG); /* the parent is to end it */
		break;
	case LIES:
		harm_channel(false);
		sleep(LONG);
		break;
	case FAILS:
		return 42;
	case INTERRUPTS:
		kill(0, SIGINT);
		sleep(LONG);
	}
	*(long *)result = number * number;
	return 0;
}

static int nameless(const void *item, void *result)
{
	return square(item, result);
}

int take_a_while(const void *item, void *result)
{
	usleep(20000);
	return square(item, result);
}

int take_for_ever(const void *item, void *result)
{
	(void)item;
	(void)result;
	sleep(LONG);
	return 0;
}

int ignore_sigterm(const void *item, void *result)
{
	signal(SIGTERM, SIG_IGN);
	return take_for_ever(item, result);
}

int answer_42(const void *item, void *result)
{
	(void)item;
	(void)result;
	return 42;
}

int do_nothing(const void *item, void *result)
{
	(void)item;
	(void)result;
	return 0;
}

/* --- helpers -------------------------------------------------------------------- */

static struct mp_pool opened(size_t workers, enum mp_method method)
{
	struct mp_pool pool = { .workers = workers, .method = method };

	assert_return_code(mp_pool_open(&pool), errno);
	assert_int_equal(mp_pool_alive(&pool), pool.workers);
	return pool;
}

static struct mp_map map_of(size_t chunk)
{
	for (int i = 0; i < COUNT; i++)
		numbers[i] = i;
	memset(squares, -1, sizeof(squares));
	return (struct mp_map){ .task = square,
				MP_ITEMS(numbers),
				MP_RESULTS(squares),
				.chunk = chunk };
}

/* All results are there, but for those the map says are not. */
static void check_squares(const struct mp_map *map)
{
	for (size_t i = 0; i < map->count; i++) {
		bool lost = numbers[i] >= EXITS;

		for (size_t l = 0; l < map->lost_count && l < MP_LOST; l++)
			lost |= map->lost[l].item == i;
		if (!lost)
			assert_int_equal(squares[i], numbers[i] * numbers[i]);
	}
}

/* --- tests ------------------------------------------------------------------------ */

static void chunks_are_pythons(void **state)
{
	static const size_t expected[][3] = { { 10, 2, 2 },  { 17, 4, 2 },
					      { 100, 4, 7 }, { 1000, 8, 32 },
					      { 0, 4, 1 },   { 1, 4, 1 },
					      { 33, 8, 2 },  { 32, 8, 1 },
					      { 5, 0, 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(mp_pool_chunksize(expected[i][0],
						   expected[i][1]),
				 expected[i][2]);
}

static void results_are_in_the_order_of_items(void **state)
{
	static const size_t workers[] = { 1, 3, 8 },
			    chunks[] = { 0, 1, 7, 5000 };

	(void)state;
	EACH_METHOD(m)
		for (int w = 0; w < 3; w++) {
			struct mp_pool pool = opened(workers[w], *m);

			for (int c = 0; c < 4; c++) {
				struct mp_map map = map_of(chunks[c]);

				assert_int_equal(mp_pool_map(&pool, &map), 0);
				check_squares(&map);
			}
			mp_pool_close(&pool);
			assert_return_code(mp_pool_join(&pool), errno);
		}
}

static void two_hundred_workers(void **state)
{
	struct mp_pool pool = opened(200, MP_FORK);
	struct mp_map map = map_of(0);
	long sum = 0;

	(void)state;
	assert_int_equal(mp_pool_map(&pool, &map), 0);
	for (int i = 0; i < COUNT; i++)
		sum += squares[i];
	assert_int_equal(sum, 332833500);
	mp_pool_terminate(&pool);
}

static void no_items_are_no_trouble(void **state)
{
	struct mp_pool pool = opened(2, MP_FORK);
	struct mp_map map = { .task = square };

	(void)state;
	assert_int_equal(mp_pool_map(&pool, &map), 0);
	map = (struct mp_map){ .task = square, .item_size = 8 };
	assert_int_equal(mp_pool_map(&pool, &map), 0);
	mp_pool_terminate(&pool);
}

static void results_need_not_be_wanted(void **state)
{
	struct mp_pool pool = opened(2, MP_FORK);
	struct mp_map map = map_of(0);

	(void)state;
	map.results = NULL;
	map.task = nameless; /* and a forked worker needs no name */
	map.result_size = 8;
	/* Written they are all the same: the memory grows with each of these, and
	 * for some counts the results begin a page. */
	for (map.count = 1; map.count < COUNT; map.count++)
		if (mp_pool_map(&pool, &map) != 0)
			break;
	assert_int_equal(map.count, COUNT);
	mp_pool_terminate(&pool);
}

static void larger_maps_get_larger_memory(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		struct mp_pool pool = opened(3, *m);
		size_t wrong = 0;

		for (size_t count = 1; count < 3000000; count *= 12) {
			long *items = calloc(count, sizeof(*items));
			long *results = calloc(count, sizeof(*results));
			struct mp_map map = { .task = square,
					      .items = items,
					      .count = count,
					      .item_size = sizeof(*items),
					      .results = results,
					      .result_size = sizeof(*results) };

			for (size_t i = 0; i < count; i++)
				items[i] = i % EXITS;
			assert_int_equal(mp_pool_map(&pool, &map), 0);
			for (size_t i = 0; i < count; i++)
				wrong += results[i] != items[i] * items[i];
			free(items);
			free(results);
		}
		assert_int_equal(wrong, 0);
		mp_pool_terminate(&pool);
	}
}

struct handed {
	int times[COUNT];
	int wrong;
};

static void take_result(size_t item, const void *result, void *context)
{
	struct handed *handed = context;

	handed->times[item]++;
	handed->wrong += *(const long *)result != numbers[item] * numbers[item];
}

static void each_result_is_handed_on_once(void **state)
{
	struct mp_pool pool = opened(4, MP_FORK);

	(void)state;
	for (size_t chunk = 0; chunk <= 7; chunk += 7) {
		struct handed handed = { 0 };
		struct mp_map map = map_of(chunk);

		numbers[10] = FAILS;
		numbers[500] = KILLS;
		map.done = take_result;
		map.context = &handed;
		map.results = NULL;
		map.result_size = sizeof(long);
		assert_int_equal(mp_pool_map(&pool, &map), 2);
		for (int i = 0; i < COUNT; i++)
			assert_int_equal(handed.times[i], i != 10 && i != 500);
		assert_int_equal(handed.wrong, 0);
	}
	mp_pool_terminate(&pool);
}

static void take_slowly(size_t item, const void *result, void *context)
{
	(void)item;
	(void)result;
	++*(int *)context;
	usleep(1000);
}

/* Results come as fast as they are taken: there is always one. */
static void who_takes_results_gives_up_in_time(void **state)
{
	struct mp_pool pool = opened(2, MP_FORK);
	struct mp_map map = map_of(1);
	int taken = 0;

	(void)state;
	map.task = do_nothing;
	map.done = take_slowly;
	map.context = &taken;
	assert_return_code(mp_pool_map_async(&pool, &map), errno);
	assert_fails(mp_pool_wait(&pool, 0.05), ETIMEDOUT);
	assert_in_range(taken, 1, COUNT - 1);
	assert_int_equal(mp_pool_wait(&pool, -1), 0);
	assert_int_equal(taken, COUNT);
	mp_pool_terminate(&pool);
}

static void misuse_has_an_errno(void **state)
{
	struct mp_pool pool = { .workers = 2 };
	struct mp_map map = map_of(0), other = map_of(0);

	(void)state;
	assert_fails(mp_pool_map(&pool, &map), ESHUTDOWN);
	assert_fails(mp_pool_wait(&pool, -1), EINVAL);
	mp_pool_terminate(&pool);
	assert_int_equal(mp_pool_join(&pool), 0);
	pool = opened(2, MP_SPAWN);
	assert_fails(mp_pool_wait(&pool, -1), EINVAL);
	assert_fails(mp_pool_join(&pool), EBUSY);
	map.task = NULL;
	assert_fails(mp_pool_map(&pool, &map), EINVAL);
	map.task = nameless;
	assert_fails(mp_pool_map(&pool, &map), ENXIO);
	map.task = square;
	map.count = (size_t)1 << 31;
	assert_fails(mp_pool_map(&pool, &map), EINVAL);
	map.count = COUNT;
	map.item_size = SIZE_MAX / 2;
	assert_int_equal(mp_pool_map(&pool, &map), -1); /* ENOMEM or EFBIG */
	map = map_of(0);
	map.task = take_a_while;
	map.count = 4;
	assert_return_code(mp_pool_map_async(&pool, &map), errno);
	assert_fails(mp_pool_map_async(&pool, &other), EBUSY);
	assert_fails(mp_pool_wait(&pool, 0), ETIMEDOUT);
	assert_int_equal(mp_pool_wait(&pool, -1), 0);
	mp_pool_close(&pool);
	assert_fails(mp_pool_map(&pool, &map), ESHUTDOWN);
	assert_return_code(mp_pool_join(&pool), errno);
	assert_fails(mp_pool_map(&pool, &map), ESHUTDOWN);
}

static struct mp_pool shared_pool;

static int use_the_parents_pool(void)
{
	struct mp_map map = map_of(0);

	if (mp_pool_map(&shared_pool, &map) != -1 || errno != ECHILD)
		return 1;
	mp_pool_terminate(&shared_pool); /* not ours: does nothing */
	return 0;
}

static void only_who_opened_it_may_use_it(void **state)
{
	struct mp_map map = map_of(0);

	(void)state;
	shared_pool = opened(2, MP_FORK);
	apart(use_the_parents_pool);
	assert_int_equal(mp_pool_map(&shared_pool, &map), 0);
	mp_pool_terminate(&shared_pool);
}

static void close_and_join_finish_the_work(void **state)
{
	struct mp_pool pool = opened(2, MP_FORK);
	struct mp_map map = map_of(1);

	(void)state;
	map.task = take_a_while;
	map.count = 6;
	assert_return_code(mp_pool_map_async(&pool, &map), errno);
	mp_pool_close(&pool);
	assert_return_code(mp_pool_join(&pool), errno);
	check_squares(&map);
}

static void terminate_waits_for_nobody(void **state)
{
	double began = monotonic_now();

	(void)state;
	for (int stubborn = 0; stubborn <= 1; stubborn++) {
		struct mp_pool pool = opened(3, MP_FORK);
		struct mp_map map = map_of(1);

		map.task = stubborn ? ignore_sigterm : take_for_ever;
		assert_return_code(mp_pool_map_async(&pool, &map), errno);
		usleep(20000);
		mp_pool_terminate(&pool);
		mp_pool_terminate(&pool);
	}
	assert_true(monotonic_now() - began < LONG / 2);
}

static struct mp_queue full;

int put_into_a_full_queue(const void *item, void *result)
{
	(void)result;
	return mp_queue_put(&full, item, sizeof(long), -1);
}

static void a_full_queue_holds_up_no_terminate(void **state)
{
	double began = monotonic_now();
	struct mp_map map = map_of(1);
	struct mp_pool pool;
	char message[4092] = "";

	(void)state;
	assert_return_code(mp_queue_open(&full, 4096), errno);
	assert_return_code(mp_queue_put(&full, message, 4092, 0), errno);
	pool = opened(3, MP_FORK);
	map.task = put_into_a_full_queue;
	assert_return_code(mp_pool_map_async(&pool, &map), errno);
	assert_int_equal(mp_pool_wait(&pool, 0.05), -1); /* all of them wait */
	assert_int_equal(errno, ETIMEDOUT);
	mp_pool_terminate(&pool);
	assert_true(monotonic_now() - began < LONG / 2);
	/* And the queue is as good as it was. */
	assert_int_equal(mp_queue_get(&full, message, sizeof(message), LONG),
			 4092);
	assert_int_equal(mp_queue_count(&full), 0);
	mp_queue_close(&full);
}

static void errors_are_told_and_the_rest_is_done(void **state)
{
	struct mp_pool pool = opened(3, MP_FORK);
	struct mp_map map = map_of(0);

	(void)state;
	numbers[123] = FAILS;
	assert_int_equal(mp_pool_map(&pool, &map), 1);
	assert_int_equal(map.failed, 1);
	assert_int_equal(map.error, 42);
	assert_int_equal(map.failed_item, 123);
	assert_int_equal(map.lost_count, 0);
	check_squares(&map);
	numbers[900] = FAILS;
	assert_int_equal(mp_pool_map(&pool, &map), 2);
	assert_true(map.failed_item == 123 || map.failed_item == 900);
	map = map_of(0); /* and no error stays */
	assert_int_equal(mp_pool_map(&pool, &map), 0);
	assert_int_equal(map.failed, 0);
	mp_pool_terminate(&pool);
}

static void a_lost_item_is_told_and_the_rest_is_done(void **state)
{
	static const int mean[][2] = { { EXITS, 3 },
				       { ABORTS, -SIGABRT },
				       { KILLS, -SIGKILL },
				       { CLOSES, -SIGKILL },
				       { LIES, -SIGKILL } };

	(void)state;
	EACH_METHOD(m) {
		struct mp_pool pool = opened(3, *m);

		for (int i = 0; i < 5; i++)
			for (size_t chunk = 0; chunk <= 1; chunk++) {
				struct mp_map map = map_of(chunk);

				numbers[77] = mean[i][0];
				assert_int_equal(mp_pool_map(&pool, &map), 1);
				assert_int_equal(map.lost_count, 1);
				assert_int_equal(map.lost[0].item, 77);
				assert_int_equal(map.lost[0].exitcode,
						 mean[i][1]);
				check_squares(&map);
				map = map_of(chunk);
				assert_int_equal(mp_pool_map(&pool, &map), 0);
				assert_int_equal(mp_pool_alive(&pool), 3);
			}
		mp_pool_terminate(&pool);
	}
}

static void more_may_be_lost_than_are_listed(void **state)
{
	struct mp_pool pool = opened(2, MP_FORK);
	struct mp_map map = map_of(0);

	(void)state;
	for (int i = 0; i < 100; i += 2)
		numbers[i] = KILLS;
	assert_int_equal(mp_pool_map(&pool, &map), 50);
	assert_int_equal(map.lost_count, 50);
	check_squares(&map);
	mp_pool_terminate(&pool);
}

/* --- killed from outside -------------------------------------------------------------- */

static pid_t any_worker(void)
{
	pid_t pids[16];
	size_t count = mp_active_children(pids, 16);

	assert_true(count > 0);
	return pids[random() % count];
}

static void killed_at_random(void **state)
{
	struct mp_pool pool = opened(3, MP_FORK);

	(void)state;
	for (int i = 0; i < rounds(1000); i++) {
		struct mp_map map = map_of(i % 3);
		pid_t victim = any_worker(), killer;
		ssize_t missing;

		if (i % 4 == 0) { /* an idle one */
			kill(victim, SIGKILL);
			missing = mp_pool_map(&pool, &map);
			assert_int_equal(missing, 0);
		} else {
			killer = fork();
			if (killer == 0) {
				usleep(random() % 1500);
				kill(victim, SIGKILL);
				_exit(0);
			}
			missing = mp_pool_map(&pool, &map);
			assert_int_equal(end_of(killer), 0);
			assert_in_range(missing, 0, 1);
			assert_int_equal(missing, map.lost_count);
		}
		check_squares(&map);
	}
	mp_pool_terminate(&pool);
}

/* Each item has failed or is lost: none is both. */
static void killed_while_items_fail(void **state)
{
	enum { MANY = 2000000 };
	struct mp_pool pool = opened(2, MP_FORK);

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct mp_map map = { .task = answer_42, .count = MANY };
		pid_t victim = any_worker();

		assert_return_code(mp_pool_map_async(&pool, &map), errno);
		usleep(random() % 3000);
		kill(victim, SIGKILL);
		assert_int_equal(mp_pool_wait(&pool, LONG), MANY);
		assert_int_equal(map.failed + map.lost_count, MANY);
		assert_in_range(map.lost_count, 0, 1);
	}
	mp_pool_terminate(&pool);
}

static void on_interrupt(int signal)
{
	(void)signal;
}

/* The parent has a handler, and so lives: it has reaped all. */
static void signals_end_no_worker(void **state)
{
	struct sigaction action = { .sa_handler = on_interrupt }, old;
	struct mp_map map = map_of(0);
	struct mp_pool pool;
	pid_t before[16], after[16];

	(void)state;
	sigaction(SIGUSR1, &action, &old); /* without SA_RESTART */
	pool = opened(3, MP_FORK);
	assert_int_equal(mp_active_children(before, 16), 3);
	for (int i = 0; i < 3; i++) {
		wait_until_asleep(before[i]);
		kill(before[i], SIGUSR1);
	}
	assert_int_equal(mp_pool_map(&pool, &map), 0);
	assert_int_equal(mp_active_children(after, 16), 3);
	assert_memory_equal(before, after, 3 * sizeof(pid_t));
	mp_pool_terminate(&pool);
	sigaction(SIGUSR1, &old, NULL);
}

static void maps_leave_no_byte(void **state)
{
	struct mp_pool pool = opened(3, MP_FORK);
	size_t before = 0;

	(void)state;
	for (int i = 0; i < rounds(1000); i++) {
		struct mp_map map = map_of(0);

		numbers[5] = i % 10 == 0 ? KILLS : 5;
		mp_pool_map(&pool, &map);
		if (i == 10)
			before = mallinfo2().uordblks;
	}
	assert_int_equal(mallinfo2().uordblks, before);
	mp_pool_terminate(&pool);
}

/* --- a pool that cannot be ------------------------------------------------------------- */

static void end_at_start(void)
{
	_exit(9);
}

static int open_with_workers_that_die(void)
{
	struct mp_pool pool = { .workers = 4 };

	pthread_atfork(NULL, NULL, end_at_start);
	if (mp_pool_open(&pool) == 0 || errno != ECHILD)
		return 1;
	return waitpid(-1, NULL, 0) != -1 || errno != ECHILD;
}

static void a_worker_that_dies_at_its_start_fails_the_pool(void **state)
{
	(void)state;
	apart(open_with_workers_that_die);
}

static int open_as_a_user_with_few_processes(void)
{
	ssize_t before = count_descriptors();
	struct mp_pool pool = { .workers = 8 };

	if (geteuid() != 0)
		return 0; /* the limit counts what else this user runs */
	setrlimit(RLIMIT_NPROC, &(struct rlimit){ 4, 4 });
	if (setuid(NOBODY) < 0)
		return 2;
	if (mp_pool_open(&pool) == 0 || errno != EAGAIN)
		return 3;
	if (waitpid(-1, NULL, 0) != -1 || errno != ECHILD)
		return 4;
	return count_descriptors() != before;
}

static void a_full_process_table_is_eagain(void **state)
{
	(void)state;
	apart(open_as_a_user_with_few_processes);
}

static int open_with_few_descriptors(void)
{
	ssize_t before = count_descriptors();

	for (int more = 0; more < 8; more++) {
		struct mp_pool pool = { .workers = 3 };

		limit_descriptors(more);
		if (mp_pool_open(&pool) == 0)
			mp_pool_terminate(&pool); /* pidfds it can do without */
		else if (errno != EMFILE)
			return 1;
		limit_descriptors(20);
		if (count_descriptors() != before)
			return 2;
	}
	return 0;
}

static void no_descriptors_left_is_emfile(void **state)
{
	(void)state;
	apart(open_with_few_descriptors);
}

/* --- Ctrl-C ------------------------------------------------------------------------------- */

static int interrupted_with_a_handler(void)
{
	struct mp_pool pool = { .workers = 3 };
	struct mp_map map = map_of(1);
	double began;

	setpgid(0, 0);
	signal(SIGINT, on_interrupt);
	numbers[20] = INTERRUPTS;
	if (mp_pool_open(&pool) < 0)
		return 1;
	began = monotonic_now();
	if (mp_pool_map(&pool, &map) != -1 || errno != EINTR)
		return 2;
	if (monotonic_now() - began > 1 + (storm() ? 0 : 4))
		return 3;
	return waitpid(-1, NULL, 0) != -1 || errno != ECHILD;
}

static void ctrl_c_ends_a_map(void **state)
{
	(void)state;
	apart(interrupted_with_a_handler);
}

/* The parent dies, by whatever signal: so do the workers. */
static void workers_do_not_outlive_the_parent(void **state)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGINT };

	(void)state;
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* to learn of them all */
	for (int i = 0; i < 3; i++) {
		pid_t parent = fork();
		int left = 0;

		if (parent == 0) {
			struct mp_pool pool = { .workers = 3 };
			struct mp_map map = map_of(1);

			map.task = take_for_ever;
			signal(SIGINT, SIG_DFL);
			if (mp_pool_open(&pool) == 0 &&
			    mp_pool_map_async(&pool, &map) == 0)
				raise(signals[i]);
			_exit(1);
		}
		assert_int_equal(end_of(parent), -signals[i]);
		while (waitpid(-1, NULL, 0) > 0)
			left++;
		assert_int_equal(left, 3);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(chunks_are_pythons),
		TEST(results_are_in_the_order_of_items),
		TEST(two_hundred_workers),
		TEST(no_items_are_no_trouble),
		TEST(results_need_not_be_wanted),
		TEST(larger_maps_get_larger_memory),
		TEST(each_result_is_handed_on_once),
		TEST(who_takes_results_gives_up_in_time),
		TEST(misuse_has_an_errno),
		TEST(only_who_opened_it_may_use_it),
		TEST(close_and_join_finish_the_work),
		TEST(terminate_waits_for_nobody),
		TEST(a_full_queue_holds_up_no_terminate),
		TEST(errors_are_told_and_the_rest_is_done),
		TEST(a_lost_item_is_told_and_the_rest_is_done),
		TEST(more_may_be_lost_than_are_listed),
		TEST(killed_at_random),
		TEST(killed_while_items_fail),
		TEST(signals_end_no_worker),
		TEST(maps_leave_no_byte),
		TEST(a_worker_that_dies_at_its_start_fails_the_pool),
		TEST(a_full_process_table_is_eagain),
		TEST(no_descriptors_left_is_emfile),
		TEST(ctrl_c_ends_a_map),
		TEST(workers_do_not_outlive_the_parent),
	};

	mp_guard(argc, argv);
	return cmocka_run_group_tests_name("mp/pool", tests, NULL, NULL);
}
