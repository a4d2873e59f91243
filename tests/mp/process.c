/*
 * process.c - what a caller of mp/process relies on
 *
 * Every test leaves no descriptor and no child (see support.h); starts and joins
 * leave no allocated byte either.
 */
#include "process.h"

#include "../support.h"
#include "deadline.h"
#include "descriptors.h"
#include "io.h"
#include "mp_spawn.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- targets: exported, for spawn -------------------------------------- */

/* Sends down args[0] what it knows of itself. */
int tell_name(const void *args, size_t size)
{
	const struct mp_current *me = mp_current_process();

	(void)size;
	return write_full(*(const int *)args, me->name, sizeof(me->name)) < 0;
}

int tell_grandchild_name(const void *args, size_t size)
{
	int fd = *(const int *)args;
	struct mp_process p = {
		.target = tell_name, .args = args, .size = size, MP_KEEP(fd)
	};

	if (mp_process_start(&p) < 0 || mp_process_join(&p, LONG) < 0)
		return 1;
	return mp_process_exitcode(&p);
}

int tell_first_word(const void *args, size_t size)
{
	const char *word = mp_current_process()->argv[0];

	(void)size;
	return write_full(*(const int *)args, word, strlen(word)) < 0;
}

/* 0 if the open descriptors are 0 to 2 and the one in args. */
int check_descriptors(const void *args, size_t size)
{
	int *open, kept = *(const int *)args, others = 0;
	ssize_t count = open_descriptors(&open);

	(void)size;
	for (ssize_t i = 0; i < count; i++)
		others += open[i] > 2 && open[i] != kept;
	free(open);
	return count < 1 || others > 0 || fcntl(kept, F_GETFD) != 0;
}

int start_a_child(const void *args, size_t size)
{
	struct mp_process p = { .target = end_like };

	(void)args;
	(void)size;
	return mp_process_start(&p) < 0 ? errno : 0;
}

static int nameless(const void *args, size_t size)
{
	(void)args;
	return (int)size;
}

/* --- helpers ----------------------------------------------------------- */

static struct mp_process started(mp_target *target, enum mp_method method,
				 int ending)
{
	struct mp_process p = { .target = target,
				MP_ARGS(ending),
				.method = method };

	assert_return_code(mp_process_start(&p), errno);
	p.args = NULL; /* it was ours alone */
	return p;
}

/* Starts target, which writes something to a pipe; reads that. */
static void ask(mp_target *target, enum mp_method method, const char *name,
		char *answer, size_t size)
{
	int end[2];

	assert_return_code(pipe2(end, O_CLOEXEC), errno);
	struct mp_process p = { .target = target,
				MP_ARGS(end[1]),
				.method = method,
				MP_KEEP(end[1]) };
	strcpy(p.name, name);
	assert_return_code(mp_process_start(&p), errno);
	close(end[1]);
	memset(answer, 0, size);
	assert_true(read_full(end[0], answer, size) >= 0);
	close(end[0]);
	assert_int_equal(exitcode_of(&p), 0);
}

static void expect_start_fails(struct mp_process *p, int error)
{
	errno = 0;
	assert_int_equal(mp_process_start(p), -1);
	assert_int_equal(errno, error);
	assert_int_equal(mp_active_children(NULL, 0), 0);
}

static size_t bytes_before;

/* --- tests ------------------------------------------------------------- */

static void exitcodes_follow_python(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		static const int expected[] = { 0, 7, 5, 7, -SIGABRT };
		struct mp_process p;

		for (int ending = RETURN_0; ending <= ABORT; ending++) {
			p = started(end_like, *m, ending);
			assert_int_equal(exitcode_of(&p), expected[ending]);
		}
		p = started(end_like, *m, WAIT);
		assert_return_code(mp_process_terminate(&p), errno);
		assert_int_equal(exitcode_of(&p), -SIGTERM);
		p = started(end_like, *m, WAIT);
		assert_return_code(mp_process_kill(&p), errno);
		assert_int_equal(exitcode_of(&p), -SIGKILL);
	}
}

static void join_times_out_and_leaves_the_child(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		struct mp_process p = started(end_like, *m, WAIT);
		double began = monotonic_now();

		assert_int_equal(mp_process_join(&p, 0), -1);
		assert_int_equal(errno, ETIMEDOUT);
		assert_int_equal(mp_process_join(&p, 0.05), -1);
		assert_int_equal(errno, ETIMEDOUT);
		assert_true(monotonic_now() - began >= 0.05);
		assert_int_equal(mp_process_is_alive(&p), 1);
		assert_int_equal(mp_process_exitcode(&p), MP_NO_EXITCODE);
		mp_process_kill(&p);
		assert_int_equal(mp_process_join(&p, -1), 0);
		assert_int_equal(mp_process_join(&p, -1), 0);
		assert_int_equal(mp_process_join(&p, 0), 0);
		assert_int_equal(mp_process_exitcode(&p), -SIGKILL);
	}
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void join_survives_signals(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm }, old;
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { 0 };
	struct mp_process p = started(end_like, MP_FORK, WAIT);
	double began = monotonic_now();

	(void)state;
	sigaction(SIGALRM, &action, &old); /* without SA_RESTART */
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(mp_process_join(&p, 0.1), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(monotonic_now() - began >= 0.1);
	mp_process_kill(&p);
	assert_int_equal(mp_process_join(&p, -1), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
}

static void is_alive_tells_and_reaps(void **state)
{
	struct mp_process unstarted = { .target = end_like };
	struct mp_process p = started(end_like, MP_FORK, RETURN_7);
	double until = monotonic_now() + LONG;
	int alive;

	(void)state;
	assert_int_equal(mp_process_is_alive(&unstarted), 0);
	while ((alive = mp_process_is_alive(&p)) == 1 &&
	       monotonic_now() < until)
		sleep_for(0.001);
	assert_int_equal(alive, 0);
	assert_int_equal(mp_process_exitcode(&p), 7);
	assert_int_equal(mp_active_children(NULL, 0), 0);
}

static void misuse_has_an_errno(void **state)
{
	struct mp_process p = { .target = end_like }, no_target = { 0 };
	struct mp_process odd = { .target = end_like, .method = 7 };
	struct mp_process endless = { .target = end_like };

	(void)state;
	assert_int_equal(mp_process_join(&p, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(mp_process_terminate(&p), -1);
	assert_int_equal(errno, ESRCH);
	expect_start_fails(&no_target, EINVAL);
	expect_start_fails(&odd, EINVAL);
	memset(endless.name, 'x', sizeof(endless.name));
	expect_start_fails(&endless, EINVAL);

	assert_return_code(mp_process_start(&p), errno);
	assert_int_equal(mp_process_start(&p), -1);
	assert_int_equal(errno, EALREADY);
	assert_int_equal(exitcode_of(&p), 0);
	assert_int_equal(mp_process_start(&p), -1);
	assert_int_equal(errno, EALREADY);
	assert_int_equal(mp_process_terminate(&p), 0); /* no-ops by now */
	assert_int_equal(mp_process_kill(&p), 0);
}

static struct mp_process somebody_elses;

static int ask_about_a_sibling(void)
{
	int wrong = 0;

	wrong += mp_process_join(&somebody_elses, 0) != -1 || errno != ECHILD;
	wrong += mp_process_is_alive(&somebody_elses) != -1 || errno != ECHILD;
	wrong += mp_process_kill(&somebody_elses) != -1 || errno != ECHILD;
	wrong += mp_active_children(NULL, 0) != 0;
	return wrong;
}

static void only_the_parent_may_join(void **state)
{
	(void)state;
	somebody_elses = started(end_like, MP_FORK, WAIT);
	apart(ask_about_a_sibling);
	assert_int_equal(mp_process_is_alive(&somebody_elses), 1);
	mp_process_kill(&somebody_elses);
	assert_int_equal(exitcode_of(&somebody_elses), -SIGKILL);
}

/* By a join with a timeout, too; and the child is on no list any more. */
static void an_ignored_sigchld_is_echild(void **state)
{
	const double timeouts[] = { -1, 1.0 };

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		struct mp_process p = started(end_like, MP_FORK, RETURN_0);

		assert_int_equal(mp_process_join(&p, timeouts[i]), -1);
		assert_int_equal(errno, ECHILD);
		assert_int_equal(p.parent, 0);
		assert_int_equal(mp_active_children(NULL, 0), 0);
	}
	signal(SIGCHLD, SIG_DFL);
}

static void names_are_pythons(void **state)
{
	char name[MP_NAME_SIZE], expected[MP_NAME_SIZE];
	unsigned first;

	(void)state;
	assert_string_equal(mp_current_process()->name, "MainProcess");
	EACH_METHOD(m) {
		ask(tell_name, *m, "", name, sizeof(name));
		assert_int_equal(sscanf(name, "Process-%u", &first), 1);
		ask(tell_grandchild_name, *m, "", name, sizeof(name));
		snprintf(expected, sizeof(expected), "Process-%u:1", first + 1);
		assert_string_equal(name, expected);
		ask(tell_name, *m, "bob", name, sizeof(name));
		assert_string_equal(name, "bob");
	}
	assert_string_equal(mp_current_process()->name, "MainProcess");
}

static void argv_travels(void **state)
{
	char word[PATH_MAX];

	(void)state;
	EACH_METHOD(m) {
		ask(tell_first_word, *m, "", word, sizeof(word));
		assert_string_equal(word, mp_current_process()->argv[0]);
	}
}

static void arguments_cross_whole(void **state)
{
	static unsigned char bytes[MP_ARGS_MAX + 1];
	static const size_t sizes[] = { 0, 1, 15, 4096, 4097, MP_ARGS_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i & 255;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct mp_process p = { .target = check_bytes,
					.args = bytes,
					.size = sizes[i],
					.method = MP_SPAWN };

		assert_return_code(mp_process_start(&p), errno);
		assert_int_equal(exitcode_of(&p), 0);
	}
	struct mp_process p = { .target = check_bytes,
				MP_ARGS(bytes),
				.method = MP_SPAWN };
	expect_start_fails(&p, E2BIG);
	p.method = MP_FORK; /* copies nothing, so has no limit */
	assert_return_code(mp_process_start(&p), errno);
	exitcode_of(&p);
}

static void a_static_target_cannot_be_spawned(void **state)
{
	struct mp_process p = { .target = nameless, .method = MP_SPAWN };
	/* It has a name, but none that this program is searched for. */
	void *crypt = dlopen("libcrypt.so.1", RTLD_NOW | RTLD_LOCAL);
	void *library = crypt == NULL ? (void *)nameless
				      : dlsym(crypt, "crypt");
	size_t size;

	(void)state;
	expect_start_fails(&p, ENXIO);
	assert_null(mp_spawn_pickle(&p, &size));
	assert_int_equal(errno, ENXIO);
	p.target = (mp_target *)library;
	expect_start_fails(&p, ENXIO);
	if (crypt != NULL)
		dlclose(crypt);
	p.target = nameless;
	p.method = MP_FORK; /* the struct can be used again */
	assert_return_code(mp_process_start(&p), errno);
	assert_int_equal(exitcode_of(&p), 0);
}

static void a_spawned_child_keeps_what_it_is_handed(void **state)
{
	int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int leaky = open("/dev/null", O_RDONLY); /* not close-on-exec */
	struct mp_process p = { .target = check_descriptors,
				MP_ARGS(kept),
				.method = MP_SPAWN,
				MP_KEEP(kept) };

	(void)state;
	assert_return_code(mp_process_start(&p), errno);
	assert_int_equal(exitcode_of(&p), 0);
	close(kept);
	close(leaky);
}

static void a_closed_descriptor_cannot_be_kept(void **state)
{
	int next = dup(STDIN_FILENO); /* what our own pipe would be called */
	struct mp_process p = { .target = end_like,
				.method = MP_SPAWN,
				MP_KEEP(777) };

	(void)state;
	expect_start_fails(&p, EBADF);
	close(next);
	p.keep = &next;
	expect_start_fails(&p, EBADF);
}

static int spawn_with_few_descriptors(void)
{
	struct rlimit limit;
	int failed = 0, next, *open;
	ssize_t count = open_descriptors(&open);

	/* Fill the gaps, so that the numbers from next on are all free. */
	while ((next = dup(0)) < open[count - 1])
		;
	close(next);
	free(open);
	for (int more = 0; more < 3; more++) {
		struct mp_process p = { .target = end_like,
					.method = MP_SPAWN };

		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = next + more;
		setrlimit(RLIMIT_NOFILE, &limit);
		if (mp_process_start(&p) < 0 && errno == EMFILE && p.pid == 0 &&
		    dup(0) == (more > 0 ? next : -1))
			failed++;
		if (more > 0)
			close(next);
		if (p.pid != 0 && mp_process_join(&p, LONG) < 0)
			return 1;
	}
	return failed == 2 ? 0 : 2; /* two are needed: with both it starts */
}

static void no_descriptors_left_is_emfile(void **state)
{
	(void)state;
	apart(spawn_with_few_descriptors);
}

/* Past 16384 pages of pipes, a user's new ones hold two pages. */
static int spawn_through_a_small_pipe(void)
{
	static char args[20000];
	struct mp_process p = { .target = check_bytes,
				MP_ARGS(args),
				.method = MP_SPAWN };
	struct rlimit limit;
	int end[2], wrong;
	ssize_t before;

	if (geteuid() == 0 && setuid(NOBODY) < 0)
		return 10;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	do
		if (pipe2(end, O_CLOEXEC) < 0)
			return errno == EMFILE ? 0 : 11; /* cannot try it */
	while (fcntl(end[0], F_GETPIPE_SZ) > (int)sizeof(args));
	before = count_descriptors();
	wrong = mp_process_start(&p) != -1 || errno != EAGAIN || p.pid != 0;
	return wrong + (count_descriptors() != before);
}

static void a_small_pipe_is_eagain(void **state)
{
	(void)state;
	apart(spawn_through_a_small_pipe);
}

/* RLIMIT_NPROC does not bind root, so this needs another user. */
static int start_as_a_user_with_one_process(void)
{
	struct rlimit one = { 1, 1 };
	ssize_t before;
	int wrong = 0;

	before = count_descriptors();
	if (geteuid() == 0 && setuid(NOBODY) < 0)
		return 10;
	setrlimit(RLIMIT_NPROC, &one);
	EACH_METHOD(m) {
		struct mp_process p = { .target = end_like, .method = *m };

		wrong += mp_process_start(&p) != -1 || errno != EAGAIN;
		wrong += p.pid != 0 || mp_active_children(NULL, 0) != 0;
	}
	return wrong + (count_descriptors() != before);
}

static void a_full_process_table_is_eagain(void **state)
{
	(void)state;
	apart(start_as_a_user_with_one_process);
}

/* In a copy of this program that has removed its own file. */
static int spawn_without_a_file(void)
{
	struct mp_process p = { .target = end_like, .method = MP_SPAWN };

	if (mp_process_start(&p) == 0)
		return mp_process_join(&p, LONG), 1;
	return errno == ENOENT && p.pid == 0 ? 0 : errno;
}

static int run_a_copy_of_this_program(void)
{
	char from[PATH_MAX] = "", to[] = "/tmp/mp-test-XXXXXX";
	int copy = mkstemp(to), self;
	ssize_t size;
	char buffer[65536];

	if (copy < 0 || readlink("/proc/self/exe", from, sizeof(from) - 1) < 0)
		return 20;
	self = open(from, O_RDONLY);
	while ((size = read(self, buffer, sizeof(buffer))) > 0)
		write_full(copy, buffer, size);
	fchmod(copy, 0700);
	close(copy);
	execl(to, "unlinked", to, (char *)NULL);
	return 21;
}

static void a_failed_exec_is_told(void **state)
{
	(void)state;
	apart(run_a_copy_of_this_program);
}

static void a_daemon_may_have_no_children(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		struct mp_process p = { .target = start_a_child,
					.method = *m,
					.daemon = true };

		assert_return_code(mp_process_start(&p), errno);
		assert_int_equal(exitcode_of(&p), EPERM);
	}
}

static pid_t *daemon_pid;

static int end_with_children(void)
{
	int tenth = WAIT;
	struct mp_process daemon = { .target = end_like,
				     MP_ARGS(tenth),
				     .daemon = true };
	struct mp_process ordinary = { .target = end_like };

	if (mp_process_start(&daemon) < 0 || mp_process_start(&ordinary) < 0)
		return 1;
	*daemon_pid = daemon.pid;
	exit(0); /* as main's end does */
}

static void the_end_of_a_parent_ends_its_daemons(void **state)
{
	double began = monotonic_now();

	(void)state;
	daemon_pid = mmap(NULL, sizeof(*daemon_pid), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	apart(end_with_children);
	assert_int_equal(kill(*daemon_pid, 0), -1);
	assert_true(monotonic_now() - began < LONG);
	munmap(daemon_pid, sizeof(*daemon_pid));
}

static int print_around_a_fork(void)
{
	struct mp_process p = { .target = write_a_line };

	printf("before\n");
	if (mp_process_start(&p) < 0 || mp_process_join(&p, LONG) < 0)
		return 1;
	printf("after\n");
	return mp_process_exitcode(&p);
}

static int output_of(int (*part)(void), char *text, size_t size)
{
	int file = memfd_create("stdout", MFD_CLOEXEC), saved = dup(1);

	fflush(stdout);
	dup2(file, 1);
	apart(part);
	dup2(saved, 1);
	close(saved);
	memset(text, 0, size);
	size = pread(file, text, size - 1, 0);
	close(file);
	return size;
}

static void buffered_text_comes_out_once_and_in_order(void **state)
{
	char text[256];

	(void)state;
	output_of(print_around_a_fork, text, sizeof(text));
	assert_string_equal(text, "before\na line\nafter\n");
}

static int child_writes_to_a_full_disk(void)
{
	int full = open("/dev/full", O_WRONLY);
	int null = open("/dev/null", O_WRONLY);
	struct mp_process p = { .target = write_a_line };

	dup2(full, 1);
	dup2(null, 2); /* its complaint */
	if (mp_process_start(&p) < 0 || mp_process_join(&p, LONG) < 0)
		return 10;
	return mp_process_exitcode(&p) == 1 ? 0 : 11;
}

static void a_child_whose_output_is_lost_exits_1(void **state)
{
	(void)state;
	apart(child_writes_to_a_full_disk);
}

static void two_hundred_children_at_once(void **state)
{
	static struct mp_process p[200];
	pid_t pids[200];

	(void)state;
	memset(p, 0, sizeof(p));
	for (int i = 0; i < 200; i++) {
		p[i].target = end_like;
		assert_return_code(mp_process_start(&p[i]), errno);
	}
	assert_int_equal(mp_active_children(pids, 200), 200);
	for (int i = 199; i >= 0; i--)
		assert_int_equal(exitcode_of(&p[i]), 0);
	assert_int_equal(mp_active_children(NULL, 0), 0);
}

static void starts_and_joins_leave_nothing(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		for (int i = 0; i < rounds(1000); i++) {
			struct mp_process p = started(end_like, *m, RETURN_0);

			assert_int_equal(exitcode_of(&p), 0);
			if (i == 0) /* what is allocated once is by now */
				bytes_before = mallinfo2().uordblks;
		}
		assert_int_equal(mallinfo2().uordblks, bytes_before);
	}
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(exitcodes_follow_python),
		TEST(join_times_out_and_leaves_the_child),
		TEST(join_survives_signals),
		TEST(is_alive_tells_and_reaps),
		TEST(misuse_has_an_errno),
		TEST(only_the_parent_may_join),
		TEST(an_ignored_sigchld_is_echild),
		TEST(names_are_pythons),
		TEST(argv_travels),
		TEST(arguments_cross_whole),
		TEST(a_static_target_cannot_be_spawned),
		TEST(a_spawned_child_keeps_what_it_is_handed),
		TEST(a_closed_descriptor_cannot_be_kept),
		TEST(no_descriptors_left_is_emfile),
		TEST(a_small_pipe_is_eagain),
		TEST(a_full_process_table_is_eagain),
		TEST(a_failed_exec_is_told),
		TEST(a_daemon_may_have_no_children),
		TEST(the_end_of_a_parent_ends_its_daemons),
		TEST(buffered_text_comes_out_once_and_in_order),
		TEST(a_child_whose_output_is_lost_exits_1),
		TEST(two_hundred_children_at_once),
		TEST(starts_and_joins_leave_nothing),
	};

	mp_guard(argc, argv);
	if (strcmp(argv[0], "unlinked") == 0)
		return unlink(argv[1]) < 0 ? 22 : spawn_without_a_file();
	return cmocka_run_group_tests_name("mp/process", tests, NULL, NULL);
}
