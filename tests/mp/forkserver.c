/*
 * forkserver.c - what a caller of mp/forkserver relies on
 *
 * Every test runs between two looks at this process: no descriptor more, no
 * child left, no orphan either, for this process is the subreaper. STORM=full
 * makes the storms long, and tries a server that does not answer.
 */
#include "forkserver.h"

#include "../support.h"
#include "deadline.h"
#include "descriptors.h"
#include "io.h"

#include <dirent.h>
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

/* --- targets: exported ------------------------------------------------- */

/* Ends when nobody is left who could write to the pipe. */
int wait_for_end(const void *args, size_t size)
{
	char byte;

	(void)size;
	return read_full(*(const int *)args, &byte, 1) != 0;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

struct sight {
	pid_t parent;
	int threads, mutex; /* what trylock answered */
	bool int_is_default, child_is_default, term_is_blocked, is_daemon;
	char name[MP_NAME_SIZE];
	char first_word[256];
};

static int count_entries(const char *path)
{
	DIR *folder = opendir(path);
	int count = -2; /* "." and ".." */

	while (folder != NULL && readdir(folder) != NULL)
		count++;
	if (folder != NULL)
		closedir(folder);
	return count;
}

static bool is_default(int signal)
{
	struct sigaction action;

	sigaction(signal, NULL, &action);
	return action.sa_handler == SIG_DFL;
}

int tell(const void *args, size_t size)
{
	const struct mp_current *me = mp_current_process();
	struct sight saw = { getppid(),
			     count_entries("/proc/self/task"),
			     pthread_mutex_trylock(&mutex),
			     is_default(SIGINT),
			     is_default(SIGCHLD),
			     false,
			     me->daemon,
			     "",
			     "" };
	sigset_t blocked;

	(void)size;
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	saw.term_is_blocked = sigismember(&blocked, SIGTERM);
	memcpy(saw.name, me->name, sizeof(saw.name));
	strncpy(saw.first_word, me->argv[0], sizeof(saw.first_word) - 1);
	return write_full(*(const int *)args, &saw, sizeof(saw)) < 0;
}

#define KEPT 8

struct files {
	int count;
	int fd[KEPT];
	ino_t inode[KEPT];
};

/* 0 if what is open are 0 to 2 and these, each what it was at the caller. */
int check_files(const void *args, size_t size)
{
	const struct files *it = args;
	int *open, more = 0;
	ssize_t count = open_descriptors(&open);
	struct stat status;

	(void)size;
	for (ssize_t i = 0; i < count; i++)
		more += open[i] > 2;
	free(open);
	for (int i = 0; i < it->count; i++)
		if (fstat(it->fd[i], &status) < 0 ||
		    status.st_ino != it->inode[i] ||
		    fcntl(it->fd[i], F_GETFD) != 0)
			return 1 + i;
	return more == it->count ? 0 : 100 + more;
}

static int nameless(const void *args, size_t size)
{
	(void)args;
	return (int)size;
}

/* --- helpers ----------------------------------------------------------- */

static struct mp_forkserver server;

static void open_server(void)
{
	assert_return_code(mp_forkserver_open(&server), errno);
}

static void close_server(void)
{
	assert_return_code(mp_forkserver_close(&server, LONG), errno);
	assert_int_equal(mp_process_exitcode(&server.process), 0);
}

static struct mp_process started(mp_target *target, const void *args,
				 size_t size)
{
	struct mp_process p = { .target = target, .args = args, .size = size };

	if (target == wait_for_end || target == tell) {
		p.keep = args;
		p.keep_count = 1;
	}
	assert_return_code(mp_forkserver_start(&server, &p), errno);
	p.args = p.keep = NULL;
	return p;
}

static struct mp_process started_to(int ending)
{
	return started(end_like, &ending, sizeof(ending));
}

static int exitcode_served(struct mp_process *p)
{
	assert_return_code(mp_forkserver_join(p, LONG), errno);
	return mp_process_exitcode(p);
}

static struct sight look(void)
{
	struct mp_process p;
	struct sight saw;
	int end[2];

	assert_return_code(pipe2(end, O_CLOEXEC), errno);
	p = started(tell, &end[1], sizeof(int));
	close(end[1]);
	assert_int_equal(read_full(end[0], &saw, sizeof(saw)), sizeof(saw));
	close(end[0]);
	assert_int_equal(exitcode_served(&p), 0);
	return saw;
}

static void expect_start_fails(struct mp_process *p, int error)
{
	errno = 0;
	assert_int_equal(mp_forkserver_start(&server, p), -1);
	assert_int_equal(errno, error);
	assert_int_equal(p->pid, 0);
}

/* Waits for the end of an orphan, which has come to this process. */
static int status_of_orphan(pid_t pid)
{
	double until = monotonic_now() + LONG;
	int status = -1;

	while (waitpid(pid, &status, WNOHANG) != pid)
		if (monotonic_now() > until)
			return -1;
		else
			sleep_for(0.001);
	return status;
}

static int descriptors_of(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return count_entries(path);
}

/* It tells of an end before it has closed what it told that through. */
static int descriptors_of_server(void)
{
	double until = monotonic_now() + LONG;
	int count;

	while ((count = descriptors_of(server.process.pid)) > 3 + 1 &&
	       monotonic_now() < until)
		sleep_for(0.001);
	return count;
}

/* --- tests ------------------------------------------------------------- */

static void exitcodes_follow_python(void **state)
{
	static const int expected[] = { 0, 7, 5, 7, -SIGABRT };
	struct mp_process p;

	(void)state;
	open_server();
	for (int ending = RETURN_0; ending <= ABORT; ending++) {
		p = started_to(ending);
		assert_int_equal(exitcode_served(&p), expected[ending]);
	}
	p = started_to(WAIT);
	kill(p.pid, SIGKILL);
	assert_int_equal(exitcode_served(&p), -SIGKILL);
	close_server();
}

static void join_times_out_and_leaves_the_child(void **state)
{
	struct mp_process p;
	double began;

	(void)state;
	open_server();
	p = started_to(WAIT);
	began = monotonic_now();
	assert_int_equal(mp_forkserver_join(&p, 0), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(mp_forkserver_join(&p, 0.05), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(monotonic_now() - began >= 0.05);
	assert_int_equal(kill(p.pid, 0), 0);
	assert_int_equal(mp_process_exitcode(&p), MP_NO_EXITCODE);
	kill(p.pid, SIGTERM);
	assert_int_equal(mp_forkserver_join(&p, -1), 0);
	assert_int_equal(mp_forkserver_join(&p, 0), 0);
	assert_int_equal(mp_process_exitcode(&p), -SIGTERM);
	close_server();
}

static void misuse_has_an_errno(void **state)
{
	struct mp_process p = { .target = end_like }, no_target = { 0 };
	struct mp_process fork = { .target = end_like };

	(void)state;
	open_server();
	assert_int_equal(mp_forkserver_join(&p, 0), -1);
	assert_int_equal(errno, ESRCH);
	expect_start_fails(&no_target, EINVAL);
	assert_return_code(mp_forkserver_start(&server, &p), errno);
	assert_int_equal(mp_forkserver_start(&server, &p), -1);
	assert_int_equal(errno, EALREADY);
	assert_int_equal(mp_process_join(&p, 0), -1); /* no child of ours */
	assert_int_equal(errno, ECHILD);
	assert_int_equal(exitcode_served(&p), 0);
	assert_int_equal(mp_process_is_alive(&p), 0);

	assert_return_code(mp_process_start(&fork), errno);
	assert_int_equal(mp_forkserver_join(&fork, 0), -1); /* none of its */
	assert_int_equal(errno, ECHILD);
	assert_return_code(mp_process_join(&fork, LONG), errno);
	close_server();
	p = (struct mp_process){ .target = end_like };
	expect_start_fails(&p, EBADF);
}

static void *hold_the_mutex(void *gate)
{
	pthread_mutex_lock(&mutex);
	pthread_barrier_wait(gate);
	pthread_barrier_wait(gate);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void a_child_has_nothing_of_the_caller(void **state)
{
	pthread_barrier_t gate;
	pthread_t thread;
	struct sight saw;
	sigset_t term;

	(void)state;
	open_server();
	pthread_barrier_init(&gate, NULL, 2);
	pthread_create(&thread, NULL, hold_the_mutex, &gate);
	pthread_barrier_wait(&gate);
	signal(SIGINT, SIG_IGN); /* neither is that */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	saw = look();
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	signal(SIGINT, SIG_DFL);
	pthread_barrier_wait(&gate);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&gate);
	assert_int_equal(saw.parent, server.process.pid);
	assert_int_equal(saw.threads, 1);
	assert_int_equal(saw.mutex, 0);
	assert_true(saw.int_is_default);
	assert_true(saw.child_is_default);
	assert_false(saw.term_is_blocked);
	close_server();
}

static void names_and_argv_are_as_for_spawn(void **state)
{
	struct sight saw;
	unsigned first, second;

	(void)state;
	open_server();
	saw = look();
	assert_int_equal(sscanf(saw.name, "Process-%u", &first), 1);
	assert_string_equal(saw.first_word, mp_current_process()->argv[0]);
	assert_false(saw.is_daemon);
	saw = look();
	assert_int_equal(sscanf(saw.name, "Process-%u", &second), 1);
	assert_int_equal(second, first + 1);
	close_server();
}

static void arguments_cross_whole(void **state)
{
	static unsigned char bytes[MP_ARGS_MAX + 1];
	static const size_t sizes[] = { 0, 1, 15, 4096, 4097, MP_ARGS_MAX };
	struct mp_process p = { .target = check_bytes, MP_ARGS(bytes) };

	(void)state;
	open_server();
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i & 255;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct mp_process fits = started(check_bytes, bytes, sizes[i]);

		assert_int_equal(exitcode_served(&fits), 0);
	}
	expect_start_fails(&p, E2BIG);
	p = (struct mp_process){ .target = nameless };
	expect_start_fails(&p, ENXIO);
	close_server();
}

/* Eight files under numbers among which the server puts what it receives: each
 * order asks for another exchange of places. */
static void descriptors_keep_their_numbers(void **state)
{
	static const int orders[][KEPT] = {
		{ 0, 1, 2, 3, 4, 5, 6, 7 }, { 7, 6, 5, 4, 3, 2, 1, 0 },
		{ 1, 2, 3, 4, 5, 6, 7, 0 }, { 7, 0, 1, 2, 3, 4, 5, 6 },
		{ 3, 1, 4, 0, 5, 2, 6, 7 }, { 2, 7, 1, 6, 0, 5, 4, 3 },
	};
	int first = dup(0), leaky = dup(0); /* not close-on-exec */

	(void)state;
	close(first);
	open_server();
	for (size_t o = 0; o < sizeof(orders) / sizeof(orders[0]); o++)
		for (int count = 0; count <= KEPT; count++) {
			struct files files = { .count = count };
			struct mp_process p = { .target = check_files,
						MP_ARGS(files),
						.keep = files.fd,
						.keep_count = count };
			struct stat status;

			for (int i = 0; i < count; i++) {
				int fd = memfd_create("kept", MFD_CLOEXEC);
				int to = first + 100 * (o & 1) + 50 +
					 orders[o][i];

				if (o >= 2) /* low: where they may arrive */
					to = 3 + orders[o][i];
				if (o >= 2 && fcntl(to, F_GETFD) >= 0) {
					files.fd[i] = fd;
				} else {
					dup3(fd, to, O_CLOEXEC);
					close(fd);
					files.fd[i] = to;
				}
				fstat(files.fd[i], &status);
				files.inode[i] = status.st_ino;
			}
			assert_return_code(mp_forkserver_start(&server, &p),
					   errno);
			assert_int_equal(exitcode_served(&p), 0);
			for (int i = 0; i < count; i++)
				close(files.fd[i]);
		}
	close(leaky);
	close_server();
}

static void too_many_or_closed_descriptors_are_refused(void **state)
{
	int many[MP_FORKSERVER_KEEP + 1], null = open("/dev/null", O_RDONLY);
	struct mp_process p = { .target = end_like, MP_KEEP(777) };
	int next;

	(void)state;
	open_server();
	expect_start_fails(&p, EBADF);
	next = dup(null); /* what a pipe of the start would be called */
	close(next);
	p.keep = &next;
	expect_start_fails(&p, EBADF);
	for (int i = 0; i <= MP_FORKSERVER_KEEP; i++)
		many[i] = null;
	p.keep = many;
	p.keep_count = MP_FORKSERVER_KEEP + 1;
	expect_start_fails(&p, E2BIG);
	p.keep_count--;
	assert_return_code(mp_forkserver_start(&server, &p), errno);
	assert_int_equal(exitcode_served(&p), 0);
	close(null);
	close_server();
}

static void the_sentinel_can_be_polled(void **state)
{
	struct mp_process a, b;
	struct pollfd ends[2];

	(void)state;
	open_server();
	a = started_to(WAIT);
	b = started_to(WAIT);
	ends[0] = (struct pollfd){ a.sentinel, POLLIN, 0 };
	ends[1] = (struct pollfd){ b.sentinel, POLLIN, 0 };
	assert_int_equal(poll(ends, 2, 0), 0);
	kill(b.pid, SIGKILL);
	assert_int_equal(poll(ends, 2, LONG * 1000), 1);
	assert_true(ends[1].revents & POLLIN);
	kill(a.pid, SIGKILL);
	assert_int_equal(exitcode_served(&b), -SIGKILL);
	assert_int_equal(exitcode_served(&a), -SIGKILL);
	close_server();
}

static void the_server_is_small(void **state)
{
	struct mp_process p;
	char path[64];

	(void)state;
	open_server();
	p = started_to(RETURN_0); /* so it is up by now */
	assert_int_equal(exitcode_served(&p), 0);
	snprintf(path, sizeof(path), "/proc/%d/task", server.process.pid);
	assert_int_equal(count_entries(path), 1);
	assert_int_equal(descriptors_of_server(), 3 + 1);
	close_server();
}

static void ctrl_c_does_not_end_it(void **state)
{
	struct mp_process p;

	(void)state;
	open_server();
	p = started_to(WAIT);
	kill(server.process.pid, SIGINT);
	kill(p.pid, SIGINT);
	assert_int_equal(exitcode_served(&p), -SIGINT);
	p = started_to(RETURN_7);
	assert_int_equal(exitcode_served(&p), 7);
	close_server();
}

static void close_waits_for_the_children(void **state)
{
	struct mp_process p;
	int end[2];

	(void)state;
	open_server();
	assert_return_code(pipe2(end, O_CLOEXEC), errno);
	p = started(wait_for_end, &end[0], sizeof(int));
	assert_int_equal(mp_forkserver_close(&server, 0.01), -1);
	assert_int_equal(errno, ETIMEDOUT);
	close(end[0]);
	close(end[1]);
	close_server();
	assert_int_equal(exitcode_served(&p),
			 0); /* its status is still there */
}

/* The system says ECONNRESET, once, to who sent what was not read. */
static void a_server_killed_with_a_request_unread_is_epipe(void **state)
{
	struct mp_process next = { .target = end_like };

	(void)state;
	open_server();
	kill(server.process.pid, SIGSTOP);
	assert_int_equal(send(server.socket, "", 1, 0), 1);
	kill(server.process.pid, SIGKILL);
	assert_return_code(mp_process_join(&server.process, LONG), errno);
	expect_start_fails(&next, EPIPE);
	assert_return_code(mp_forkserver_close(&server, LONG), errno);
}

static void a_killed_server_is_told(void **state)
{
	struct mp_process p, sibling, next = { .target = end_like };
	int number; /* that of the server's socket, which a child must not have */

	(void)state;
	open_server();
	number = dup(0);
	p = started_to(WAIT);
	sibling = started_to(WAIT);
	kill(server.process.pid, SIGKILL);
	assert_int_equal(mp_forkserver_join(&p, LONG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(mp_forkserver_join(&p, LONG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(mp_process_exitcode(&p), MP_NO_EXITCODE);
	expect_start_fails(&next, EPIPE);
	assert_return_code(mp_forkserver_close(&server, LONG), errno);
	assert_int_equal(mp_forkserver_join(&sibling, LONG), -1);
	assert_int_equal(errno, ECHILD);
	kill(p.pid, SIGKILL);
	kill(sibling.pid, SIGKILL);
	assert_true(WIFSIGNALED(status_of_orphan(p.pid)));
	assert_true(WIFSIGNALED(status_of_orphan(sibling.pid)));
	close(number);
}

/* What a process leaves that ends with its children unjoined. */
static struct {
	pid_t server, daemon, ordinary;
} * family;

static int end_held[2]; /* the ordinary child ends when it is closed */

static void start_a_family(void)
{
	struct mp_process ordinary,
		daemon = { .target = end_like, .daemon = true };
	int wait = WAIT;

	daemon.args = &wait;
	daemon.size = sizeof(wait);
	open_server();
	assert_return_code(mp_forkserver_start(&server, &daemon), errno);
	ordinary = started(wait_for_end, &end_held[0], sizeof(int));
	family->server = server.process.pid;
	family->daemon = daemon.pid;
	family->ordinary = ordinary.pid;
}

static int end_by_exit(void)
{
	start_a_family();
	close(end_held[0]);
	close(end_held[1]);
	return 0; /* mp waits for the server, and it for the ordinary one */
}

static void the_end_of_the_caller_ends_all(void **state)
{
	(void)state;
	assert_return_code(pipe2(end_held, O_CLOEXEC), errno);
	/* Its copy of end_held is closed, but ours is not: so it waits. */
	double until = monotonic_now() + LONG;
	pid_t pid;
	int status;

	pid = forked();
	if (pid == 0)
		exit(end_by_exit());
	while (family->ordinary == 0 && monotonic_now() < until)
		sleep_for(0.001);
	sleep_for(0.02);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(kill(family->server, 0), 0);
	close(end_held[0]);
	close(end_held[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(kill(family->server, 0), -1);
	assert_int_equal(kill(family->daemon, 0), -1);
	assert_int_equal(kill(family->ordinary, 0), -1);
	memset(family, 0, sizeof(*family));
}

static int end_by_sigkill(void)
{
	start_a_family();
	kill(getpid(), SIGKILL);
	return 1;
}

static void a_killed_caller_leaves_nothing(void **state)
{
	double began = monotonic_now();
	int status;
	pid_t pid;

	(void)state;
	assert_return_code(pipe2(end_held, O_CLOEXEC), errno);
	pid = forked();
	if (pid == 0)
		exit(end_by_sigkill());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* The server waits for the ordinary child, whom we hold. */
	assert_int_equal(kill(family->ordinary, 0), 0);
	assert_int_equal(waitpid(family->server, &status, WNOHANG), 0);
	close(end_held[0]);
	close(end_held[1]);
	assert_int_equal(status_of_orphan(family->server), 0);
	assert_int_equal(kill(family->daemon, 0), -1);
	assert_int_equal(kill(family->ordinary, 0), -1);
	assert_true(monotonic_now() - began < LONG / 2); /* it was sent for */
	memset(family, 0, sizeof(*family));
}

int try_to_open(const void *args, size_t size)
{
	(void)args;
	(void)size;
	return mp_forkserver_open(&server) < 0 && server.socket == -1 ? errno
								      : 0;
}

static void a_daemon_may_not_open_one(void **state)
{
	struct mp_process p = { .target = try_to_open, .daemon = true };

	(void)state;
	assert_return_code(mp_process_start(&p), errno);
	assert_return_code(mp_process_join(&p, LONG), errno);
	assert_int_equal(mp_process_exitcode(&p), EPERM);
}

/* With every number of descriptors that may be missing: EMFILE, or it works. */
static int start_with_few_descriptors(void)
{
	int failed = 0, next = dup(0);
	struct rlimit limit;

	close(next);
	open_server();
	getrlimit(RLIMIT_NOFILE, &limit);
	for (int more = 0; more < 8; more++) {
		struct mp_process p = { .target = end_like };
		int before = descriptors_of(getpid());

		limit.rlim_cur = next + 1 + more; /* 1: the server's socket */
		setrlimit(RLIMIT_NOFILE, &limit);
		if (mp_forkserver_start(&server, &p) == 0) {
			if (exitcode_served(&p) != 0)
				return 1;
		} else if (errno != EMFILE || p.pid != 0) {
			return 2;
		} else {
			failed++;
		}
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		if (descriptors_of(getpid()) != before)
			return 3;
	}
	close_server();
	return failed == 3 ? 0 : 10 + failed; /* three are needed */
}

static void no_descriptors_left_is_emfile(void **state)
{
	(void)state;
	apart(start_with_few_descriptors);
}

/* Lets the server have so many descriptors more. */
static void leave_room_in_server(rlim_t room)
{
	struct rlimit limit;
	char path[64];
	rlim_t free = 0;

	prlimit(server.process.pid, RLIMIT_NOFILE, NULL, &limit);
	for (limit.rlim_cur = 3; free < room; limit.rlim_cur++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d",
			 server.process.pid, (int)limit.rlim_cur);
		free += access(path, F_OK) < 0;
	}
	prlimit(server.process.pid, RLIMIT_NOFILE, &limit, NULL);
}

static int crowd_the_server(void)
{
	static const int errors[] = { EPIPE, EMFILE };
	struct rlimit before;
	struct mp_process p;

	open_server();
	p = started_to(RETURN_0); /* so it is up */
	assert_int_equal(exitcode_served(&p), 0);
	prlimit(server.process.pid, RLIMIT_NOFILE, NULL, &before);
	assert_int_equal(descriptors_of_server(), 3 + 1);
	for (int room = 0; room < 2; room++) {
		p = (struct mp_process){ .target = end_like };
		leave_room_in_server(room);
		expect_start_fails(&p, errors[room]);
		assert_int_equal(descriptors_of_server(), 3 + 1);
	}
	prlimit(server.process.pid, RLIMIT_NOFILE, &before, NULL);
	p = started_to(RETURN_7); /* it goes on */
	assert_int_equal(exitcode_served(&p), 7);
	close_server();
	return 0;
}

static void a_crowded_server_is_emfile_or_epipe(void **state)
{
	(void)state;
	apart(crowd_the_server);
}

static int print_around_a_child(void)
{
	struct mp_process p;

	open_server();
	printf("before\n");
	p = started(write_a_line, NULL, 0);
	assert_int_equal(exitcode_served(&p), 0);
	printf("after\n");
	fflush(stdout);
	close_server();
	return 0;
}

static void buffered_text_comes_out_once_and_in_order(void **state)
{
	char text[64] = "";
	int file = memfd_create("stdout", MFD_CLOEXEC), saved = dup(1);

	(void)state;
	fflush(stdout);
	dup2(file, 1);
	apart(print_around_a_child);
	dup2(saved, 1);
	close(saved);
	assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
	close(file);
	assert_string_equal(text, "before\na line\nafter\n");
}

/* RLIMIT_NPROC does not bind root, so this needs another user. */
static int ask_a_server_that_cannot_fork(void)
{
	struct mp_process p = { .target = end_like };
	struct rlimit few = { 2, 2 };

	if (geteuid() == 0 && setuid(NOBODY) < 0)
		return 10;
	open_server();
	p = started_to(RETURN_0);
	if (exitcode_served(&p) != 0)
		return 11;
	p = (struct mp_process){ .target = end_like };
	prlimit(server.process.pid, RLIMIT_NPROC, &few, NULL);
	expect_start_fails(&p, EAGAIN);
	close_server();
	return 0;
}

static void a_full_process_table_is_eagain(void **state)
{
	(void)state;
	apart(ask_a_server_that_cannot_fork);
}

static int ask_for_two(void)
{
	for (int i = 0; i < 50; i++) {
		struct mp_process p = started_to(RETURN_7), q = started_to(0);

		if (exitcode_served(&q) != 0 || exitcode_served(&p) != 7)
			return 1;
	}
	close(server.socket);
	return 0;
}

static void several_processes_may_ask(void **state)
{
	pid_t pids[4];
	int status;

	(void)state;
	open_server();
	for (int i = 0; i < 4; i++) {
		pids[i] = forked();
		if (pids[i] == 0)
			_exit(ask_for_two());
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	close_server();
}

static void hundred_children_at_once(void **state)
{
	static struct mp_process p[100];
	int end[2];

	(void)state;
	open_server();
	assert_return_code(pipe2(end, O_CLOEXEC), errno);
	for (int i = 0; i < 100; i++)
		p[i] = started(wait_for_end, &end[0], sizeof(int));
	close(end[0]);
	close(end[1]);
	for (int i = 99; i >= 0; i--)
		assert_int_equal(exitcode_served(&p[i]), 0);
	assert_int_equal(descriptors_of_server(), 3 + 1);
	close_server();
}

static void starts_and_joins_leave_nothing(void **state)
{
	int count = rounds(4000);
	size_t bytes = 0;

	(void)state;
	open_server();
	for (int i = 0; i < count; i++) {
		struct mp_process p = started_to(RETURN_0);

		assert_int_equal(exitcode_served(&p), 0);
		if (i == 0) /* what is allocated once is by now */
			bytes = mallinfo2().uordblks;
	}
	assert_int_equal(mallinfo2().uordblks, bytes);
	assert_int_equal(descriptors_of_server(), 3 + 1);
	close_server();
}

/* Callers are killed at moments that nobody chose. */
static void a_storm_of_killed_callers(void **state)
{
	int count = rounds(400);

	(void)state;
	for (int i = 0; i < count; i++) {
		pid_t pid;

		pid = forked();
		if (pid == 0) {
			open_server();
			for (;;) {
				struct mp_process p = started_to(RETURN_0);

				exitcode_served(&p);
			}
		}
		sleep_for(0.0005 * (i % 20));
		kill(pid, SIGKILL);
		/* It, its server, and a child whose server died first. */
		while (waitpid(-1, NULL, 0) > 0)
			;
	}
}

static void a_stopped_server_is_etimedout(void **state)
{
	struct mp_process next;
	char byte;
	int end[2];

	(void)state;
	if (!storm())
		return; /* it takes 30 seconds */
	open_server();
	next = started_to(RETURN_0);
	assert_int_equal(exitcode_served(&next), 0);
	assert_return_code(pipe2(end, O_CLOEXEC), errno);
	struct mp_process p = { .target = tell,
				MP_ARGS(end[1]),
				MP_KEEP(end[1]) };

	kill(server.process.pid, SIGSTOP);
	expect_start_fails(&p, ETIMEDOUT);
	kill(server.process.pid, SIGCONT);
	next = started_to(RETURN_7); /* it goes on, */
	assert_int_equal(exitcode_served(&next), 7);
	close(end[1]);
	assert_int_equal(read(end[0], &byte, 1), 0); /* and was not late */
	close(end[0]);
	assert_int_equal(descriptors_of_server(), 3 + 1);
	close_server();
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(exitcodes_follow_python),
		TEST(join_times_out_and_leaves_the_child),
		TEST(misuse_has_an_errno),
		TEST(a_child_has_nothing_of_the_caller),
		TEST(names_and_argv_are_as_for_spawn),
		TEST(arguments_cross_whole),
		TEST(descriptors_keep_their_numbers),
		TEST(too_many_or_closed_descriptors_are_refused),
		TEST(the_sentinel_can_be_polled),
		TEST(the_server_is_small),
		TEST(ctrl_c_does_not_end_it),
		TEST(close_waits_for_the_children),
		TEST(a_server_killed_with_a_request_unread_is_epipe),
		TEST(a_killed_server_is_told),
		TEST(the_end_of_the_caller_ends_all),
		TEST(a_killed_caller_leaves_nothing),
		TEST(a_daemon_may_not_open_one),
		TEST(no_descriptors_left_is_emfile),
		TEST(a_crowded_server_is_emfile_or_epipe),
		TEST(a_full_process_table_is_eagain),
		TEST(buffered_text_comes_out_once_and_in_order),
		TEST(several_processes_may_ask),
		TEST(hundred_children_at_once),
		TEST(starts_and_joins_leave_nothing),
		TEST(a_storm_of_killed_callers),
		TEST(a_stopped_server_is_etimedout),
	};

	mp_guard(argc, argv);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans come to us */
	family = mmap(NULL, sizeof(*family), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests_name("mp/forkserver", tests, NULL, NULL);
}
