/*
 * lock.c - what a caller of mp/lock relies on
 *
 * Also the storms: a holder is killed while others contend, and a waiter just
 * after it was woken.
 */
#include "lock.h"

#include "../support.h"
#include "cpus.h"
#include "deadline.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define assert_fails(call, error)               \
	do {                                    \
		errno = 0;                      \
		assert_int_equal((call), -1);   \
		assert_int_equal(errno, error); \
	} while (0)

static void *share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static struct mp_lock opened(void)
{
	struct mp_lock lock;

	assert_return_code(mp_lock_open(&lock), errno);
	return lock;
}

/* For children that end with this process, also when a test fails. */
static pid_t fork_child(void)
{
	pid_t pid = forked();

	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* An exit status for an answer: 0, 1, or the errno. */
static int status_of(int answer)
{
	return answer < 0 ? errno : answer;
}

/* A child that asks for the lock, releases it, and exits with the answer. */
static pid_t start_asking(struct mp_lock *lock, double timeout)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		int status = status_of(mp_lock_acquire(lock, timeout));

		if (status <= 1 && mp_lock_release(lock) < 0)
			_exit(2);
		_exit(status);
	}
	return pid;
}

/* What another process is answered now. */
static int ask(struct mp_lock *lock)
{
	return end_of(start_asking(lock, 0));
}

/* A child that takes the lock and keeps it; the answer it had, as it tells. */
static pid_t start_holding(struct mp_lock *lock, int *answer)
{
	int end[2];
	pid_t pid;

	assert_return_code(pipe2(end, O_CLOEXEC), errno);
	pid = fork_child();
	if (pid == 0) {
		int it = mp_lock_acquire(lock, LONG);

		write_full(end[1], &it, sizeof(it));
		sleep(LONG);
		_exit(3);
	}
	close(end[1]);
	assert_int_equal(read_full(end[0], answer, sizeof(*answer)),
			 sizeof(*answer));
	close(end[0]);
	return pid;
}

static pid_t start_holder(struct mp_lock *lock)
{
	int answer;
	pid_t pid = start_holding(lock, &answer);

	assert_int_equal(answer, 0);
	return pid;
}

static void kill_it(pid_t pid)
{
	assert_return_code(kill(pid, SIGKILL), errno);
	assert_int_equal(end_of(pid), -SIGKILL);
}

/* A child's end, as end_of(); one that hangs is killed at the deadline. */
static int end_until(double deadline, pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	while (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0 && time_left(deadline) > 0)
		usleep(100);
	if (info.si_pid == 0)
		kill(pid, SIGKILL);
	return end_of(pid);
}

/* --- targets: exported, for spawn ---------------------------------------- */

/* Attaches and tries; what a child started by either method does. */
int attach_and_try(const void *args, size_t size)
{
	struct mp_lock lock = *(const struct mp_lock *)args;

	(void)size;
	if (mp_lock_attach(&lock) < 0)
		return errno;
	if (mp_lock_attach(&lock) < 0 || /* once more is harmless */
	    fcntl(lock.memory.fd, F_GETFD) != FD_CLOEXEC)
		return 3;
	return status_of(
		mp_lock_acquire(&lock, 0)); /* dies with it, if taken */
}

/* Releases what it does not hold. */
int attach_and_release(const void *args, size_t size)
{
	struct mp_lock lock = *(const struct mp_lock *)args;

	(void)size;
	if (mp_lock_attach(&lock) < 0)
		return 3;
	return status_of(mp_lock_release(&lock));
}

/* There is no more room for mappings. */
int attach_without_memory(const void *args, size_t size)
{
	struct mp_lock lock = *(const struct mp_lock *)args;

	(void)size;
	setrlimit(RLIMIT_AS, &(struct rlimit){ 4096, 4096 });
	return mp_lock_attach(&lock) < 0 && lock.mutex == NULL ? errno : 0;
}

static int run_by(enum mp_method method, mp_target *target,
		  struct mp_lock *lock, int keep)
{
	struct mp_process p = { .target = target,
				.args = lock,
				.size = sizeof(*lock),
				.method = method,
				.keep = &keep,
				.keep_count = keep >= 0 };

	assert_return_code(mp_process_start(&p), errno);
	return exitcode_of(&p);
}

/* --- taken and free ------------------------------------------------------ */

static void it_is_one_lock_in_every_process(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		struct mp_lock lock = opened();
		int fd = lock.memory.fd;

		assert_int_equal(mp_lock_acquire(&lock, 0), 0);
		assert_int_equal(run_by(*m, attach_and_try, &lock, fd),
				 ETIMEDOUT);
		assert_int_equal(mp_lock_release(&lock), 0);
		assert_int_equal(run_by(*m, attach_and_try, &lock, fd), 0);
		assert_int_equal(mp_lock_acquire(&lock, 0), 1); /* it died */
		assert_int_equal(mp_lock_release(&lock), 0);
		mp_lock_close(&lock);
	}
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* Signals without SA_RESTART, often or never. */
static void alarm_every(int microseconds)
{
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	setitimer(ITIMER_REAL,
		  &(struct itimerval){ { 0, microseconds },
				       { 0, microseconds } },
		  NULL);
}

static void timeouts_are_not_early(void **state)
{
	static const double timeouts[] = { 0, 1e-9, 0.01, 0.1, 0.25 };
	struct mp_lock lock = opened();
	pid_t holder = start_holder(&lock);

	(void)state;
	for (int i = 0; i < 10; i++) { /* without signals, and with them */
		double timeout = timeouts[i % 5], began = monotonic_now();

		alarm_every(i < 5 ? 0 : 700);
		assert_fails(mp_lock_acquire(&lock, timeout), ETIMEDOUT);
		assert_true(monotonic_now() - began >= timeout);
	}
	alarm_every(0);
	kill_it(holder);
	mp_lock_close(&lock);
}

/* Longer than a slice, and a time beyond all clocks. */
static void a_waiter_gets_it_however_long_it_takes(void **state)
{
	static const double timeouts[] = { -1, LONG, 1e300 };
	struct mp_lock lock = opened();
	pid_t pid[3];

	(void)state;
	assert_int_equal(mp_lock_acquire(&lock, -1), 0);
	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			alarm_every(700);
			_exit(mp_lock_acquire(&lock, timeouts[i]) != 0 ||
			      mp_lock_release(&lock) != 0);
		}
	}
	usleep(250000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(waitpid(pid[i], NULL, WNOHANG), 0);
	assert_int_equal(mp_lock_release(&lock), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(end_until(deadline_after(LONG), pid[i]), 0);
	mp_lock_close(&lock);
}

/* Woken, and not just by looking again every now and then. */
static void a_release_wakes_who_waits(void **state)
{
	struct mp_lock lock = opened();
	double best = LONG;

	(void)state;
	for (int i = 0; i < 20; i++) {
		double began;
		pid_t pid;

		assert_int_equal(mp_lock_acquire(&lock, 0), 0);
		pid = start_asking(&lock, -1);
		wait_until_asleep(pid);
		began = monotonic_now();
		assert_int_equal(mp_lock_release(&lock), 0);
		assert_int_equal(end_until(deadline_after(LONG), pid), 0);
		if (monotonic_now() - began < best)
			best = monotonic_now() - began;
	}
	assert_true(best < 0.05); /* half a slice */
	mp_lock_close(&lock);
}

static void the_holder_that_asks_again_is_told(void **state)
{
	static const double timeouts[] = { 0, 0.01, 0.15, -1 };
	struct mp_lock lock = opened();

	(void)state;
	assert_int_equal(mp_lock_acquire(&lock, 0), 0);
	for (int i = 0; i < 4; i++)
		assert_fails(mp_lock_acquire(&lock, timeouts[i]), EDEADLK);
	assert_int_equal(ask(&lock), ETIMEDOUT);
	assert_int_equal(mp_lock_release(&lock), 0); /* it was taken once */
	assert_int_equal(ask(&lock), 0);
	mp_lock_close(&lock);
}

/* --- who is the holder --------------------------------------------------- */

static void *release_in_a_thread(void *lock)
{
	return (void *)(intptr_t)status_of(mp_lock_release(lock));
}

static void *ask_in_a_thread(void *lock)
{
	return (void *)(intptr_t)status_of(mp_lock_acquire(lock, 0));
}

/* What another thread of this process is answered. */
static int in_a_thread(void *(*call)(void *), struct mp_lock *lock)
{
	pthread_t thread;
	void *answer;

	assert_int_equal(pthread_create(&thread, NULL, call, lock), 0);
	assert_int_equal(pthread_join(thread, &answer), 0);
	return (int)(intptr_t)answer;
}

static void nobody_but_the_holder_releases(void **state)
{
	struct mp_lock lock = opened();
	pid_t holder;

	(void)state;
	assert_fails(mp_lock_release(&lock), EPERM); /* it is free */
	assert_int_equal(mp_lock_acquire(&lock, 0), 0);
	EACH_METHOD(m)
		assert_int_equal(run_by(*m, attach_and_release, &lock,
					lock.memory.fd),
				 EPERM);
	assert_int_equal(in_a_thread(release_in_a_thread, &lock), EPERM);
	assert_int_equal(ask(&lock), ETIMEDOUT);
	assert_int_equal(mp_lock_release(&lock), 0);
	assert_fails(mp_lock_release(&lock), EPERM); /* once is enough */

	holder = start_holder(&lock);
	assert_fails(mp_lock_release(&lock), EPERM);
	assert_int_equal(ask(&lock), ETIMEDOUT);
	kill_it(holder);
	mp_lock_close(&lock);
}

static void another_thread_is_no_holder(void **state)
{
	struct mp_lock lock = opened();

	(void)state;
	assert_int_equal(mp_lock_acquire(&lock, 0), 0);
	assert_int_equal(in_a_thread(ask_in_a_thread, &lock), ETIMEDOUT);
	assert_int_equal(mp_lock_release(&lock), 0);
	assert_int_equal(in_a_thread(ask_in_a_thread, &lock), 0);
	/* That thread has ended, so it is the death of a holder. */
	assert_int_equal(mp_lock_acquire(&lock, 0), 1);
	assert_int_equal(mp_lock_release(&lock), 0);
	mp_lock_close(&lock);
}

/* The child of a holder is another process, whatever it inherited. */
static void a_fork_does_not_hold(void **state)
{
	struct mp_lock lock = opened();
	pid_t pid;

	(void)state;
	assert_int_equal(mp_lock_acquire(&lock, 0), 0);
	pid = fork_child();
	if (pid == 0) {
		int asked = status_of(mp_lock_acquire(&lock, 0));

		mp_lock_close(&lock);
		_exit(asked);
	}
	assert_int_equal(end_of(pid), ETIMEDOUT);
	assert_int_equal(ask(&lock), ETIMEDOUT);
	assert_int_equal(mp_lock_release(&lock), 0);
	mp_lock_close(&lock);
}

/* --- the death of a holder ----------------------------------------------- */

enum end { KILLED, EXITS, EXECS, ENDS };

/* A child that takes the lock and comes to its end with it. */
static void die_holding(struct mp_lock *lock, enum end end)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		if (mp_lock_acquire(lock, 0) != 0)
			_exit(1);
		if (end == KILLED)
			kill(getpid(), SIGKILL);
		if (end == EXITS)
			_exit(0);
		if (end == EXECS) /* a new image has no holder in it */
			execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	assert_int_equal(end_of(pid), end == KILLED ? -SIGKILL : 0);
}

static void the_next_is_told_of_a_death(void **state)
{
	struct mp_lock lock = opened();

	(void)state;
	for (enum end end = KILLED; end < ENDS; end++) {
		die_holding(&lock, end);
		assert_int_equal(mp_lock_acquire(&lock, 0), 1);
		assert_int_equal(ask(&lock), ETIMEDOUT);
		assert_fails(mp_lock_acquire(&lock, 0), EDEADLK);
		assert_int_equal(mp_lock_release(&lock), 0);
		assert_int_equal(mp_lock_acquire(&lock, 0), 0);
		assert_int_equal(mp_lock_release(&lock), 0);
	}
	mp_lock_close(&lock);
}

static void who_waits_is_told_too(void **state)
{
	static const double timeouts[] = { -1, LONG };
	struct mp_lock lock = opened();

	(void)state;
	for (int i = 0; i < 2; i++) {
		pid_t holder = start_holder(&lock);
		pid_t waiter = start_asking(&lock, timeouts[i]);

		wait_until_asleep(waiter);
		kill_it(holder);
		assert_int_equal(end_until(deadline_after(LONG), waiter), 1);
		assert_int_equal(ask(&lock), 0);
	}
	mp_lock_close(&lock);
}

/* Who was told, and died before it had mended anything. */
static void one_death_after_the_other(void **state)
{
	struct mp_lock lock = opened();
	int answer;

	(void)state;
	die_holding(&lock, KILLED);
	for (int i = 0; i < 3; i++) {
		pid_t pid = start_holding(&lock, &answer);

		assert_int_equal(answer, 1);
		kill_it(pid);
	}
	assert_int_equal(ask(&lock), 1);
	assert_int_equal(ask(&lock), 0);
	mp_lock_close(&lock);
}

static void other_deaths_are_not_told(void **state)
{
	struct mp_lock lock = opened();
	pid_t waiter;

	(void)state;
	assert_int_equal(ask(&lock), 0); /* has released it, and ended */
	assert_int_equal(mp_lock_acquire(&lock, 0), 0);
	waiter = start_asking(&lock, -1);
	wait_until_asleep(waiter);
	kill_it(waiter);
	assert_int_equal(mp_lock_release(&lock), 0);
	assert_int_equal(ask(&lock), 0);
	mp_lock_close(&lock);
}

/* --- attach, open, close ------------------------------------------------- */

static void what_was_not_handed_over_is_ebadf(void **state)
{
	struct mp_lock lock = opened(), other = opened(), wrong = lock;

	(void)state;
	assert_int_equal(run_by(MP_SPAWN, attach_and_try, &lock, -1), EBADF);
	/* The number is open there, but it is not this lock's. */
	wrong.memory.fd = other.memory.fd;
	assert_int_equal(run_by(MP_SPAWN, attach_and_try, &wrong,
				other.memory.fd),
			 EBADF);
	mp_lock_close(&lock);
	mp_lock_close(&other);
}

static void attach_does_nothing_where_it_is_there(void **state)
{
	struct mp_lock lock = opened();
	pthread_mutex_t *mutex = lock.mutex;
	ssize_t before = count_descriptors();

	(void)state;
	assert_int_equal(mp_lock_attach(&lock), 0);
	assert_ptr_equal(lock.mutex, mutex);
	assert_int_equal(count_descriptors(), before);
	mp_lock_close(&lock);
}

static int open_with_few_descriptors(void)
{
	struct mp_lock lock;
	ssize_t before = count_descriptors();
	struct rlimit all;
	int error;

	getrlimit(RLIMIT_NOFILE, &all);
	limit_descriptors(0);
	error = mp_lock_open(&lock) < 0 ? errno : 0;
	setrlimit(RLIMIT_NOFILE, &all);
	if (error != EMFILE || count_descriptors() != before)
		return 1;
	limit_descriptors(1); /* it needs no more than that */
	return mp_lock_open(&lock) < 0 || mp_lock_acquire(&lock, 0) != 0;
}

static void no_descriptors_left_is_emfile(void **state)
{
	(void)state;
	apart(open_with_few_descriptors);
}

static int open_without_memory(void)
{
	struct mp_lock lock;
	ssize_t before = count_descriptors();
	struct rlimit all;
	int error;

	getrlimit(RLIMIT_AS, &all);
	setrlimit(RLIMIT_AS, &(struct rlimit){ 4096, all.rlim_max });
	error = mp_lock_open(&lock) < 0 ? errno : 0;
	setrlimit(RLIMIT_AS, &all);
	return error != ENOMEM || count_descriptors() != before;
}

static void no_memory_left_is_enomem(void **state)
{
	struct mp_lock lock = opened();

	(void)state;
	apart(open_without_memory);
	assert_int_equal(run_by(MP_SPAWN, attach_without_memory, &lock,
				lock.memory.fd),
			 ENOMEM);
	mp_lock_close(&lock);
}

static void close_gives_it_back(void **state)
{
	struct mp_lock lock = opened(), other = opened(), here = lock;

	(void)state;
	assert_int_equal(fcntl(lock.memory.fd, F_GETFD), FD_CLOEXEC);
	here.memory.fd = dup(lock.memory.fd); /* another way to the memory */
	here.memory.address = NULL;
	assert_int_equal(mp_lock_attach(&here), 0);
	assert_int_equal(mp_lock_acquire(&lock, 0), 0);
	mp_lock_close(&lock);
	mp_lock_close(&lock);		 /* once more is harmless */
	assert_int_equal(ask(&here), 0); /* given back: 1 would be a death */

	/* Who has closed one that it held, is told of as ever. */
	pid_t pid = fork_child();
	if (pid == 0) {
		mp_lock_acquire(&other, 0);
		mp_lock_acquire(&here, 0);
		mp_lock_close(&here);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(end_of(pid), -SIGKILL);
	assert_int_equal(ask(&other), 1);
	assert_int_equal(ask(&here), 0);
	mp_lock_close(&here);
	mp_lock_close(&other);
}

/* A waiter gets what a close gives back, and who closes takes nothing away. */
static void close_is_a_release_and_no_more(void **state)
{
	struct mp_lock lock = opened();
	pid_t holder = start_holder(&lock), pid = fork_child();

	(void)state;
	if (pid == 0) {
		mp_lock_close(&lock); /* does not hold it */
		_exit(0);
	}
	assert_int_equal(end_of(pid), 0);
	assert_int_equal(ask(&lock), ETIMEDOUT);
	kill_it(holder);
	assert_int_equal(ask(&lock), 1);

	assert_int_equal(mp_lock_acquire(&lock, 0), 0);
	pid = start_asking(&lock, LONG);
	wait_until_asleep(pid);
	mp_lock_close(&lock);
	assert_int_equal(end_until(deadline_after(LONG), pid), 0);
}

/* --- a mutex in memory of the caller's own ------------------------------- */

struct counter {
	long count;
	pthread_mutex_t mutex;
};

int count_up(const void *args, size_t size)
{
	struct mp_shared memory = *(const struct mp_shared *)args;
	struct counter *counter;
	struct mp_lock lock = { 0 };
	int wrong = 0;

	(void)size;
	if (mp_shared_attach(&memory) < 0)
		return 1;
	counter = memory.address;
	lock.mutex = &counter->mutex;
	for (int i = 0; i < rounds(200000); i++) {
		wrong += mp_lock_acquire(&lock, i % 2 ? -1 : LONG) != 0;
		counter->count++;
		wrong += mp_lock_release(&lock) != 0;
	}
	return wrong > 0;
}

#define COUNTING 4

static void placed_it_is_a_lock_for_all(void **state)
{
	struct mp_shared memory;
	struct counter *counter;
	struct mp_lock lock;
	struct mp_process p[COUNTING];

	(void)state;
	assert_return_code(mp_shared_open(&memory, sizeof(*counter)), errno);
	counter = memory.address;
	mp_lock_place(&lock, &counter->mutex);
	for (int i = 0; i < COUNTING; i++) {
		p[i] = (struct mp_process){ .target = count_up,
					    MP_ARGS(memory),
					    .method = both_methods[i % 2],
					    .keep = &memory.fd,
					    .keep_count = 1 };
		assert_return_code(mp_process_start(&p[i]), errno);
	}
	for (int i = 0; i < COUNTING; i++)
		assert_int_equal(exitcode_of(&p[i]), 0);
	assert_int_equal(counter->count, COUNTING * rounds(200000));

	die_holding(&lock, KILLED);
	assert_int_equal(ask(&lock), 1);
	assert_int_equal(ask(&lock), 0);
	mp_shared_close(&memory);
}

/* --- storm: a holder is killed ------------------------------------------- */

#define CONTENDERS 4

/* In memory that all share. What the lock protects is the two numbers. */
struct ledger {
	struct mp_lock lock;
	volatile long one, other; /* equal, unless somebody died between */
	_Atomic pid_t inside;	  /* who has the lock, or died with it */
	_Atomic long told, wrong;
	_Atomic long turns[CONTENDERS + 1]; /* of each; the last: victims */
	_Atomic bool enough;
};

static void take_a_turn(struct ledger *it, int who)
{
	int answer = mp_lock_acquire(&it->lock, -1);

	if (answer == 1) {
		it->told++;
		it->other = it->one; /* mended */
	} else if (answer != 0 || it->inside != 0 || it->one != it->other) {
		it->wrong++;
	}
	it->inside = getpid();
	it->one++;
	for (int i = 0; i < 200; i++) /* a while, so that many die just here */
		atomic_signal_fence(memory_order_seq_cst);
	it->other++;
	it->inside = 0;
	if (mp_lock_release(&it->lock) < 0)
		it->wrong++;
	it->turns[who]++;
}

static pid_t start_turns(struct ledger *it, int who)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		while (!it->enough)
			take_a_turn(it, who);
		_exit(0);
	}
	return pid;
}

/* Does each of them get on? One more turn, and another that began after now. */
static bool get_on(struct ledger *it, int from, int to)
{
	double deadline = deadline_after(LONG);

	for (int who = from; who < to; who++) {
		long before = it->turns[who];

		while (it->turns[who] < before + 2) {
			if (it->wrong > 0 || time_left(deadline) == 0)
				return false;
			usleep(20);
		}
	}
	return true;
}

/* A victim joins them, and is killed sooner or later. */
static bool survive_a_kill(struct ledger *it)
{
	pid_t victim = start_turns(it, CONTENDERS);
	bool begun = get_on(it, CONTENDERS, CONTENDERS + 1);

	usleep(random() % 300);
	kill_it(victim);
	return begun && get_on(it, 0, CONTENDERS);
}

static void a_killed_holder_holds_up_nobody(void **state)
{
	struct ledger *it = share(sizeof(*it));
	pid_t pid[CONTENDERS];
	int kills = 0, hung = 0;
	double deadline;

	(void)state;
	it->lock = opened();
	for (int i = 0; i < CONTENDERS; i++)
		pid[i] = start_turns(it, i);
	while (kills < rounds(1000) && it->told <= kills && survive_a_kill(it))
		kills++;
	it->enough = true;
	deadline = deadline_after(LONG);
	for (int i = 0; i < CONTENDERS; i++)
		hung += end_until(deadline, pid[i]) != 0;
	assert_int_equal(hung, 0);
	assert_int_equal(it->wrong, 0);
	assert_int_equal(kills, rounds(1000));
	assert_in_range(it->told, 1, kills); /* 0: nobody ever died inside */
	assert_int_equal(ask(&it->lock), 0);
	assert_int_equal(it->one, it->other);
	mp_lock_close(&it->lock);
	munmap(it, sizeof(*it));
}

/* --- storm: a waiter is killed just after it was woken ------------------- */

/* The mutex as it is, without what mp_lock does about it. */
static int bare_wait(struct mp_lock *lock)
{
	return pthread_mutex_lock(lock->mutex);
}

static int lock_wait(struct mp_lock *lock)
{
	return mp_lock_acquire(lock, -1);
}

static pid_t start_waiter(struct mp_lock *lock,
			  int (*wait_for_it)(struct mp_lock *lock))
{
	pid_t pid = fork_child();

	if (pid == 0)
		_exit(status_of(wait_for_it(lock)) || mp_lock_release(lock));
	wait_until_asleep(pid);
	return pid;
}

static int strike(struct mp_lock *lock, pid_t victim, int *struck)
{
	int taken, end;

	sched_setscheduler(victim, SCHED_IDLE, &(struct sched_param){ 0 });
	mp_lock_release(lock);
	taken = mp_lock_acquire(lock, 0) == 0;
	kill(victim, SIGKILL);
	end = end_of(
		victim); /* the kernel, too, wakes if the lock is free now */
	if (taken)
		mp_lock_release(lock);
	*struck += taken && end == -SIGKILL;
	return end;
}

#define AT_ONCE 10 /* locks: each takes a slice to recover */

struct round {
	struct mp_lock lock;
	bool killed; /* the victim */
	pid_t other;
};

static void begin_round(struct round *it, int *struck)
{
	pid_t victim;

	it->lock = opened();
	assert_int_equal(mp_lock_acquire(&it->lock, 0), 0);
	victim = start_waiter(&it->lock, lock_wait);
	it->other = start_waiter(&it->lock, lock_wait);
	it->killed = strike(&it->lock, victim, struck) != 0;
}

/* Did the other get the lock, and is it as good as ever? */
static bool end_round(struct round *it, double deadline)
{
	int answer = end_until(deadline, it->other), then = ask(&it->lock);

	mp_lock_close(&it->lock);
	/* 1: the victim was quicker, and died as the holder. */
	return (answer == 0 || (answer == 1 && it->killed)) && then == 0;
}

static void a_killed_waiter_holds_up_nobody(void **state)
{
	cpu_set_t cpus = stay_on_one_cpu();
	struct round round[AT_ONCE];
	int begun = 0, good = 0, struck = 0;
	double deadline;

	(void)state;
	while (begun < rounds(1000) && good == begun) {
		for (int i = 0; i < AT_ONCE; i++, begun++)
			begin_round(&round[i], &struck);
		deadline = deadline_after(LONG);
		for (int i = 0; i < AT_ONCE; i++)
			good += end_round(&round[i], deadline);
	}
	use_cpus(&cpus);
	assert_int_equal(good, rounds(1000));
	assert_true(struck > rounds(1000) / 2);
}

/* The same with the mutex alone: what the module's slices are there for. */
static void the_mutex_alone_would_hang(void **state)
{
	cpu_set_t cpus = stay_on_one_cpu();
	bool hung = false;

	(void)state;
	for (int i = 0; i < 20 && !hung; i++) {
		struct mp_lock lock = opened();
		double until = monotonic_now() + 0.3;
		pid_t victim, other;
		int ended = 0, struck = 0;

		assert_int_equal(mp_lock_acquire(&lock, 0), 0);
		victim = start_waiter(&lock, bare_wait);
		other = start_waiter(&lock, bare_wait);
		strike(&lock, victim, &struck);
		while (ended == 0 && monotonic_now() < until)
			ended = waitpid(other, NULL, WNOHANG);
		if (ended == 0)
			hung = mp_lock_acquire(&lock, 0) == 0; /* it is free! */
		if (ended == 0)
			kill_it(other);
		mp_lock_close(&lock);
	}
	use_cpus(&cpus);
	if (!hung)
		skip(); /* a better libc, or a better kernel */
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_one_lock_in_every_process),
		TEST(timeouts_are_not_early),
		TEST(a_waiter_gets_it_however_long_it_takes),
		TEST(a_release_wakes_who_waits),
		TEST(the_holder_that_asks_again_is_told),
		TEST(nobody_but_the_holder_releases),
		TEST(another_thread_is_no_holder),
		TEST(a_fork_does_not_hold),
		TEST(the_next_is_told_of_a_death),
		TEST(who_waits_is_told_too),
		TEST(one_death_after_the_other),
		TEST(other_deaths_are_not_told),
		TEST(what_was_not_handed_over_is_ebadf),
		TEST(attach_does_nothing_where_it_is_there),
		TEST(no_descriptors_left_is_emfile),
		TEST(no_memory_left_is_enomem),
		TEST(close_gives_it_back),
		TEST(close_is_a_release_and_no_more),
		TEST(placed_it_is_a_lock_for_all),
		TEST(a_killed_holder_holds_up_nobody),
		TEST(a_killed_waiter_holds_up_nobody),
		TEST(the_mutex_alone_would_hang),
	};

	mp_guard(argc, argv);
	return cmocka_run_group_tests_name("mp/lock", tests, NULL, NULL);
}
