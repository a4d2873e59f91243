/*
 * shared.c - what a caller of mp/shared relies on
 *
 * Also that no name is ever seen half-made, whenever its creator is killed: he
 * is stopped at each of his system calls in turn (ptrace(2)), and killed there.
 */
#include "shared.h"

#include "../support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define SIZE   100000 /* bytes: no whole number of pages */
#define CANNOT 77     /* the exit status of a part that cannot be tried here */

#define assert_fails(call, error)               \
	do {                                    \
		errno = 0;                      \
		assert_int_equal((call), -1);   \
		assert_int_equal(errno, error); \
	} while (0)

/* The same in a process of its own, where cmocka cannot be asked: 1 if not so. */
#define not_failing(call, error) (errno = 0, (call) != -1 || errno != (error))

/* --- names --------------------------------------------------------------------- */

/* Of this run alone; forked children have the same. */
static char name[MP_SHARED_NAME_SIZE], path[sizeof(name) + 16];

static bool is_there(void)
{
	return access(path, F_OK) == 0;
}

static struct mp_shared named(const char *text)
{
	struct mp_shared it = { 0 };

	snprintf(it.name, sizeof(it.name), "%s", text);
	return it;
}

static struct mp_shared opened(void)
{
	struct mp_shared it;

	assert_return_code(mp_shared_open(&it, SIZE), errno);
	return it;
}

static struct mp_shared created(void)
{
	struct mp_shared it;

	assert_return_code(mp_shared_create(&it, name, SIZE), errno);
	return it;
}

static void unlink_and_close(struct mp_shared *it)
{
	assert_return_code(mp_shared_unlink(it), errno);
	mp_shared_close(it);
}

static bool is_zero(const void *bytes, size_t size)
{
	const char *byte = bytes;

	for (size_t i = 0; i < size; i++)
		if (byte[i] != 0)
			return false;
	return true;
}

/* Like apart(), for what may not be possible here: the test is then skipped. */
static void apart_or_skip(int (*part)(void), const char *why)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(part());
	status = end_of(pid);
	if (status == CANNOT) {
		print_message("%s\n", why);
		skip();
	}
	assert_int_equal(status, 0);
}

/* --- targets: exported, for spawn ---------------------------------------------- */

/* Attaches, twice; 0 if "from the parent" is there; answers. */
int answer_there(const void *args, size_t size)
{
	struct mp_shared it = *(const struct mp_shared *)args;

	(void)size;
	if (mp_shared_attach(&it) < 0)
		return errno;
	if (it.size != SIZE || strcmp(it.address, "from the parent") != 0)
		return 200;
	if (it.fd >= 0 && !(fcntl(it.fd, F_GETFD) & FD_CLOEXEC))
		return 201;
	if (mp_shared_attach(&it) < 0)
		return 202;
	strcpy(it.address, "from the child");
	((char *)it.address)[SIZE - 1] = 'z';
	mp_shared_close(&it);
	return 0;
}

/* Something else has the number of the descriptor: 0 if attach is not fooled. */
int attach_to_another_file(const void *args, size_t size)
{
	struct mp_shared it = *(const struct mp_shared *)args;
	int other = memfd_create("other", 0);

	(void)size;
	if (ftruncate(other, SIZE) < 0 || dup2(other, it.fd) < 0)
		return 200;
	mp_shared_close(&it); /* it is not attached: nothing to close */
	if (not_failing(mp_shared_attach(&it), EBADF) || it.address != NULL)
		return 201;
	mp_shared_close(&it);
	return fcntl(it.fd, F_GETFD) < 0; /* that file is not ours to close */
}

int unlink_it(const void *args, size_t size)
{
	struct mp_shared it = *(const struct mp_shared *)args;

	(void)size;
	return mp_shared_unlink(&it) < 0 ? errno : 0;
}

/* The exit code of a child that is handed the struct, and its descriptor or not. */
static int exitcode_with(mp_target *target, enum mp_method method,
			 const struct mp_shared *it, bool keep)
{
	struct mp_process p = { .target = target,
				MP_ARGS(*it),
				.method = method,
				MP_KEEP(it->fd) };

	p.keep_count = keep;
	assert_return_code(mp_process_start(&p), errno);
	return exitcode_of(&p);
}

/* --- sizes --------------------------------------------------------------------- */

static void memory_is_zeroed_and_as_large_as_asked(void **state)
{
	long page = sysconf(_SC_PAGESIZE);
	const size_t sizes[] = { 1,	   page - 1, page,
				 page + 1, SIZE,     (3 << 20) + 5 };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
		size_t size = sizes[i / 2];
		size_t whole = (size + page - 1) / page * page;
		struct mp_shared it;

		if (i % 2 == 0)
			assert_return_code(mp_shared_open(&it, size), errno);
		else
			assert_return_code(mp_shared_create(&it, name, size),
					   errno);
		assert_int_equal(it.size, size);
		assert_true(is_zero(it.address, whole));
		memset(it.address, 1, whole); /* the last page's rest, too */
		if (i % 2 == 1)
			assert_return_code(mp_shared_unlink(&it), errno);
		mp_shared_close(&it);
	}
}

/* As on a system where signals come more often than the call takes. */
static int interruptions; /* still to come */

int posix_fallocate(int fd, off_t at, off_t size)
{
	if (size > 4 << 20 && interruptions > 0) {
		interruptions--;
		return EINTR;
	}
	return fallocate(fd, 0, at, size) < 0 ? errno : 0;
}

static void signals_do_not_hold_it_up(void **state)
{
	struct mp_shared it;
	struct stat status;

	(void)state;
	interruptions = 1000;
	assert_return_code(mp_shared_create(&it, name, (9 << 20) + 1), errno);
	assert_int_equal(interruptions, 999);
	interruptions = 0;
	fstat(it.fd, &status);
	assert_true(status.st_blocks * 512 > 9 << 20);
	assert_return_code(mp_shared_unlink(&it), errno);
	mp_shared_close(&it);
}

static void no_size_and_every_size_too_large_are_told(void **state)
{
	static const size_t too_large[] = { SSIZE_MAX, (size_t)SSIZE_MAX + 1,
					    SIZE_MAX };
	struct mp_shared it;

	(void)state;
	assert_fails(mp_shared_open(&it, 0), EINVAL);
	assert_null(it.address);
	mp_shared_close(&it); /* nothing to close: harmless */
	assert_fails(mp_shared_create(&it, name, 0), EINVAL);
	for (int i = 0; i < 3; i++) {
		assert_fails(mp_shared_open(&it, too_large[i]), ENOMEM);
		assert_int_equal(mp_shared_create(&it, name, too_large[i]), -1);
		assert_true(errno == ENOMEM || errno == ENOSPC ||
			    errno == EFBIG);
		mp_shared_close(&it);
	}
	assert_false(is_there());
}

/* --- who shares it ------------------------------------------------------------- */

static void children_share_nameless_memory(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		struct mp_shared it = opened();
		char *bytes = it.address;

		assert_int_equal(fcntl(it.fd, F_GETFD), FD_CLOEXEC);
		strcpy(bytes, "from the parent");
		assert_int_equal(exitcode_with(answer_there, *m, &it, true), 0);
		assert_string_equal(bytes, "from the child");
		assert_int_equal(bytes[SIZE - 1], 'z');
		mp_shared_close(&it);
		mp_shared_close(&it);
		assert_null(it.address);
	}
}

static void children_share_named_memory(void **state)
{
	(void)state;
	EACH_METHOD(m) {
		struct mp_shared it = created();
		char *bytes = it.address;

		assert_int_equal(it.fd, -1);
		strcpy(bytes, "from the parent");
		assert_int_equal(exitcode_with(answer_there, *m, &it, false),
				 0);
		assert_string_equal(bytes, "from the child");
		unlink_and_close(&it);
	}
}

static int attach_as_a_forked_child(void)
{
	static struct mp_shared it;
	void *address;
	pid_t pid;
	int status;

	if (mp_shared_open(&it, SIZE) < 0)
		return 1;
	address = it.address;
	pid = fork();
	if (pid == 0)
		_exit(mp_shared_attach(&it) < 0 || it.address != address);
	waitpid(pid, &status, 0);
	return status != 0;
}

static void attach_does_nothing_in_a_forked_child(void **state)
{
	(void)state;
	apart(attach_as_a_forked_child);
}

static void what_was_not_handed_over_is_ebadf(void **state)
{
	struct mp_shared it = opened();

	(void)state;
	assert_int_equal(exitcode_with(answer_there, MP_SPAWN, &it, false),
			 EBADF);
	assert_int_equal(
		exitcode_with(attach_to_another_file, MP_SPAWN, &it, true), 0);
	mp_shared_close(&it);
}

/* File systems number their files each by itself: the same number can be there
 * twice. Here it is made to look so. */
static void the_same_inode_of_another_file_system_is_ebadf(void **state)
{
	struct mp_shared it = opened(), copy = it;
	FILE *other = tmpfile();
	struct stat status;

	(void)state;
	assert_non_null(other);
	assert_return_code(ftruncate(fileno(other), SIZE), errno);
	assert_return_code(fstat(fileno(other), &status), errno);
	copy.address = NULL;
	copy.fd = fileno(other);
	copy.inode = status.st_ino;
	assert_fails(mp_shared_attach(&copy), EBADF);
	fclose(other);
	mp_shared_close(&it);
}

/* This program once more: all it knows is a name. */
static int be_a_stranger(const char *by_name)
{
	struct mp_shared it = named(by_name);

	if (mp_shared_attach(&it) < 0)
		return errno;
	if (it.size != SIZE || it.fd != -1 ||
	    strcmp(it.address, "to a stranger") != 0)
		return 200;
	strcpy(it.address, "from a stranger");
	if (mp_shared_unlink(&it) != -1 || errno != EPERM)
		return 201;
	mp_shared_close(&it);
	return 0;
}

static int exec_a_stranger(void)
{
	execl("/proc/self/exe", "stranger", name, (char *)NULL);
	return 202;
}

static void a_stranger_attaches_by_name(void **state)
{
	struct mp_shared it = created();

	(void)state;
	strcpy(it.address, "to a stranger");
	apart(exec_a_stranger);
	assert_string_equal(it.address, "from a stranger");
	unlink_and_close(&it);
}

/* --- attach by name ------------------------------------------------------------ */

static void names_that_can_be_none_are_einval(void **state)
{
	char long_name[MP_SHARED_NAME_SIZE + 1];
	const char *wrong[] = { "", ".", "..", "a/b", "/a", "a/", long_name };
	struct mp_shared it;

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_fails(mp_shared_create(&it, wrong[i], SIZE), EINVAL);
	for (size_t i = 1; i < sizeof(wrong) / sizeof(*wrong) - 1; i++) {
		it = named(wrong[i]);
		assert_fails(mp_shared_attach(&it), EINVAL);
		assert_null(it.address);
	}
	it = (struct mp_shared){ 0 };
	memset(it.name, 'x', sizeof(it.name)); /* no final 0 */
	assert_fails(mp_shared_attach(&it), EINVAL);
}

static void the_longest_name_is_a_name(void **state)
{
	char longest[MP_SHARED_NAME_SIZE];
	struct mp_shared it, other;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, name, strlen(name));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(strlen(longest), MP_SHARED_NAME_SIZE - 1);
	assert_return_code(mp_shared_create(&it, longest, SIZE), errno);
	other = named(longest);
	assert_return_code(mp_shared_attach(&other), errno);
	mp_shared_close(&other);
	unlink_and_close(&it);
}

static void a_name_that_is_not_there_is_enoent(void **state)
{
	struct mp_shared it = named(name);

	(void)state;
	assert_fails(mp_shared_attach(&it), ENOENT);
	assert_null(it.address);
	mp_shared_close(&it);
}

static void a_name_that_is_there_is_eexist(void **state)
{
	struct mp_shared it = created(), other;

	(void)state;
	strcpy(it.address, "the first one");
	assert_fails(mp_shared_create(&other, name, 2 * SIZE), EEXIST);
	assert_null(other.address);
	mp_shared_close(&other);
	assert_fails(mp_shared_unlink(&other), EPERM);
	assert_true(is_there());
	other = named(name);
	assert_return_code(mp_shared_attach(&other), errno);
	assert_int_equal(other.size, SIZE);
	assert_string_equal(other.address, "the first one");
	mp_shared_close(&other);
	unlink_and_close(&it);
}

static void size_comes_from_the_file_or_must_fit(void **state)
{
	struct mp_shared it = created(), other = named(name);

	(void)state;
	other.size = 10;
	assert_return_code(mp_shared_attach(&other), errno);
	assert_int_equal(other.size, 10);
	mp_shared_close(&other);

	other = named(name);
	other.size = SIZE + 1;
	assert_fails(mp_shared_attach(&other), EINVAL);
	assert_null(other.address);
	unlink_and_close(&it);
}

/* Such as another library leaves for a moment, which makes the name first. */
static void an_empty_file_is_einval(void **state)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct mp_shared it = named(name);

	(void)state;
	assert_return_code(fd, errno);
	assert_fails(mp_shared_attach(&it), EINVAL);
	assert_return_code(ftruncate(fd, SIZE), errno);
	assert_return_code(mp_shared_attach(&it), errno);
	assert_int_equal(it.size, SIZE);
	mp_shared_close(&it);
	close(fd);
	unlink(path);
}

static void what_we_create_is_for_our_user(void **state)
{
	struct mp_shared it = created();
	struct stat status;

	(void)state;
	assert_return_code(stat(path, &status), errno);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_uid, geteuid());
	assert_int_equal(status.st_size, SIZE);
	assert_true(status.st_blocks * 512 >= SIZE); /* it is reserved */
	unlink_and_close(&it);
}

static int attach_as_nobody(void)
{
	struct mp_shared it, other = named(name);
	int wrong;

	if (seteuid(NOBODY) < 0 || seteuid(0) < 0)
		return CANNOT;
	if (mp_shared_create(&it, name, SIZE) < 0 || seteuid(NOBODY) < 0)
		return 1;
	wrong = not_failing(mp_shared_attach(&other), EACCES);
	wrong += seteuid(0) < 0;
	wrong += mp_shared_unlink(&it) < 0;
	return wrong;
}

static void another_users_memory_is_eacces(void **state)
{
	(void)state;
	apart_or_skip(attach_as_nobody, "only root can be another user");
}

/* --- unlink and close ---------------------------------------------------------- */

static void only_the_creator_unlinks(void **state)
{
	struct mp_shared it = created(), other = named(name), nameless;

	(void)state;
	EACH_METHOD(m)
		assert_int_equal(exitcode_with(unlink_it, *m, &it, false),
				 EPERM);
	assert_return_code(mp_shared_attach(&other), errno);
	assert_fails(mp_shared_unlink(&other), EPERM); /* it did not create */
	mp_shared_close(&other);
	assert_true(is_there());

	nameless = opened();
	assert_fails(mp_shared_unlink(&nameless), EPERM);
	mp_shared_close(&nameless);
	unlink_and_close(&it);
	assert_false(is_there());
}

static void who_has_the_memory_keeps_it(void **state)
{
	struct mp_shared it = created(), old = named(name), new;

	(void)state;
	assert_return_code(mp_shared_attach(&old), errno);
	strcpy(it.address, "still here");
	unlink_and_close(&it);
	assert_string_equal(old.address, "still here");
	assert_fails(mp_shared_unlink(&it), EPERM); /* it has no name by now */

	new = created(); /* the name is free */
	assert_true(is_zero(new.address, SIZE));
	assert_string_equal(old.address, "still here");
	mp_shared_close(&old);
	unlink_and_close(&new);
}

static void close_leaves_the_name(void **state)
{
	struct mp_shared it = created(), other = named(name);

	(void)state;
	strcpy(it.address, "for later");
	mp_shared_close(&it);
	mp_shared_close(&it);
	assert_return_code(mp_shared_attach(&other), errno);
	assert_string_equal(other.address, "for later");
	mp_shared_close(&other);
	assert_return_code(mp_shared_unlink(&it), errno); /* closed, but his */
	assert_false(is_there());
}

static void a_name_that_is_gone_is_enoent(void **state)
{
	struct mp_shared it = created(), other;

	(void)state;
	unlink(path);
	assert_fails(mp_shared_unlink(&it), ENOENT);
	/* Somebody else makes the same name: that one is not ours to remove. */
	other = created();
	assert_fails(mp_shared_unlink(&it), ENOENT);
	assert_true(is_there());
	mp_shared_close(&it);
	unlink_and_close(&other);
}

/* --- resize -------------------------------------------------------------------- */

/* Attaches at the size of before, and follows; answers in the last byte. */
int follow(const void *args, size_t size)
{
	struct mp_shared it = *(const struct mp_shared *)args;
	char *bytes;

	(void)size;
	if (mp_shared_attach(&it) < 0 || it.size != SIZE)
		return 200;
	if (mp_shared_resize(&it, 3 * SIZE) < 0)
		return errno;
	bytes = it.address;
	if (it.size != 3 * SIZE || strcmp(bytes, "from before") != 0 ||
	    !is_zero(bytes + SIZE, 2 * SIZE - 1) || bytes[3 * SIZE - 1] != 'p')
		return 201;
	bytes[3 * SIZE - 1] = 'c';
	mp_shared_close(&it);
	return 0;
}

/* A forked child that has the mapping already follows it, too. */
static pid_t start_a_follower(const struct mp_shared *it, const int start[2])
{
	pid_t pid = fork();
	char byte;

	if (pid == 0) {
		close(start[1]); /* or it would wait for itself if we failed */
		_exit(read(start[0], &byte, 1) == 1 ? follow(it, sizeof(*it))
						    : 202);
	}
	return pid;
}

static void memory_grows_and_others_follow(void **state)
{
	struct mp_shared it = opened(), before = it;
	int start[2];
	pid_t pid;

	(void)state;
	strcpy(it.address, "from before");
	assert_return_code(pipe(start), errno);
	pid = start_a_follower(&before, start);
	assert_return_code(mp_shared_resize(&it, 3 * SIZE), errno);
	assert_int_equal(it.size, 3 * SIZE);
	((char *)it.address)[3 * SIZE - 1] = 'p';
	assert_int_equal(exitcode_with(follow, MP_SPAWN, &before, true), 0);
	assert_int_equal(((char *)it.address)[3 * SIZE - 1], 'c');
	((char *)it.address)[3 * SIZE - 1] = 'p';
	assert_int_equal(write(start[1], "", 1), 1);
	assert_int_equal(end_of(pid), 0);
	assert_int_equal(((char *)it.address)[3 * SIZE - 1], 'c');

	/* Smaller is this process's own matter: the file stays. */
	assert_return_code(mp_shared_resize(&it, 1), errno);
	assert_return_code(mp_shared_resize(&it, 3 * SIZE), errno);
	assert_int_equal(((char *)it.address)[3 * SIZE - 1], 'c');
	mp_shared_close(&it);
	close(start[0]);
	close(start[1]);
}

/* What could not be made larger is as it was. */
static int is_as_it_was(const struct mp_shared *it, const void *address)
{
	return it->address == address && it->size == SIZE &&
	       strcmp(address, "as it was") == 0;
}

static void a_size_that_cannot_be_leaves_it_as_it_was(void **state)
{
	struct mp_shared it = opened();
	void *address = it.address;

	(void)state;
	strcpy(address, "as it was");
	assert_fails(mp_shared_resize(&it, 0), EINVAL);
	assert_fails(mp_shared_resize(&it, SSIZE_MAX), ENOMEM);
	assert_fails(mp_shared_resize(&it, SIZE_MAX), ENOMEM);
	assert_true(is_as_it_was(&it, address));
	mp_shared_close(&it);

	it = created();
	address = it.address;
	strcpy(address, "as it was");
	assert_fails(mp_shared_resize(&it, 2 * SIZE),
		     EBADF); /* not for names */
	assert_true(is_as_it_was(&it, address));
	unlink_and_close(&it);
}

static int grow_beyond_the_limits(void)
{
	struct rlimit limit = { SIZE, RLIM_INFINITY };
	struct mp_shared it;
	void *address;
	int wrong;

	if (mp_shared_open(&it, SIZE) < 0)
		return 10;
	address = it.address;
	strcpy(address, "as it was");
	signal(SIGXFSZ, SIG_IGN); /* or it would be our end */
	setrlimit(RLIMIT_FSIZE, &limit);
	wrong = not_failing(mp_shared_resize(&it, SIZE + 1), EFBIG);
	wrong += !is_as_it_was(&it, address);

	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 1 << 20; /* less than we have */
	setrlimit(RLIMIT_AS, &limit);
	wrong += not_failing(mp_shared_resize(&it, 64 << 20), ENOMEM);
	return wrong + !is_as_it_was(&it, address);
}

static void growing_beyond_a_limit_leaves_it_as_it_was(void **state)
{
	(void)state;
	apart(grow_beyond_the_limits);
}

/* --- limits -------------------------------------------------------------------- */

/* So many descriptors more than when there were none left. */
static void allow_descriptors(int more)
{
	static rlim_t none;
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (none == 0)
		none = limit.rlim_cur;
	limit.rlim_cur = none + more;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* With no descriptor left, then with one: each call opens one at most. */
static int use_up_descriptors(void)
{
	struct mp_shared it, other = named(name);
	int wrong;

	limit_descriptors(0);
	wrong = not_failing(mp_shared_open(&it, SIZE), EMFILE);
	wrong += not_failing(mp_shared_create(&it, name, SIZE), EMFILE);
	wrong += not_failing(mp_shared_attach(&other), EMFILE);
	wrong += it.address != NULL || is_there();

	allow_descriptors(0);
	allow_descriptors(1);
	wrong += mp_shared_create(&it, name, SIZE) < 0;
	wrong += mp_shared_attach(&other) < 0;
	allow_descriptors(0);
	mp_shared_close(&other);
	wrong += not_failing(mp_shared_attach(&other), EMFILE);
	wrong += mp_shared_unlink(&it) < 0;
	allow_descriptors(1);
	wrong += mp_shared_open(&it, SIZE) < 0;
	return wrong;
}

static void no_descriptors_left_is_emfile(void **state)
{
	(void)state;
	apart(use_up_descriptors);
	assert_false(is_there());
}

/* The address space is full: what was opened before is closed again. */
static int use_up_memory(void)
{
	struct mp_shared it, other = named(name);
	struct rlimit limit;
	ssize_t before = count_descriptors();
	int wrong;

	if (mp_shared_create(&it, name, 64 << 20) < 0)
		return 10;
	mp_shared_close(&it);
	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = 1 << 20; /* less than we have */
	setrlimit(RLIMIT_AS, &limit);
	wrong = not_failing(mp_shared_attach(&other), ENOMEM);
	wrong += mp_shared_unlink(&it) < 0;
	wrong += not_failing(mp_shared_create(&it, name, 64 << 20), ENOMEM);
	wrong += is_there();
	wrong += not_failing(mp_shared_open(&it, 64 << 20), ENOMEM);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_AS, &limit);
	return wrong + (count_descriptors() != before);
}

static void no_address_space_left_is_enomem(void **state)
{
	(void)state;
	apart(use_up_memory);
}

static int exceed_the_file_size(void)
{
	struct rlimit limit = { SIZE, SIZE };
	struct mp_shared it;
	ssize_t before = count_descriptors();
	int wrong;

	signal(SIGXFSZ, SIG_IGN); /* or it would be our end */
	setrlimit(RLIMIT_FSIZE, &limit);
	wrong = not_failing(mp_shared_open(&it, SIZE + 1), EFBIG);
	wrong += not_failing(mp_shared_create(&it, name, SIZE + 1), EFBIG);
	wrong += it.address != NULL || is_there();
	wrong += count_descriptors() != before;
	wrong += mp_shared_open(&it, SIZE) < 0;
	wrong += mp_shared_create(&it, name, SIZE) < 0;
	return wrong + (mp_shared_unlink(&it) < 0);
}

static void over_the_file_size_limit_is_efbig(void **state)
{
	(void)state;
	apart(exceed_the_file_size);
}

static void more_than_dev_shm_holds_is_enospc(void **state)
{
	struct statvfs all;
	struct mp_shared it;

	(void)state;
	assert_return_code(statvfs("/dev/shm", &all), errno);
	if (all.f_blocks == 0) {
		print_message("/dev/shm has no limit here\n");
		skip();
	}
	assert_fails(mp_shared_create(&it, name,
				      (all.f_blocks + 1) * all.f_frsize),
		     ENOSPC);
	assert_null(it.address);
	assert_false(is_there());
}

/* A file system of this process's own over the folder; root alone can. */
static int mount_over(const char *folder, const char *options)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", folder, "tmpfs", 0, options) < 0)
		return -1;
	return 0;
}

#define NO_MOUNT "no mounts of one's own here: root alone can"

static int files_left(void)
{
	return system("test -z \"$(ls -A /dev/shm)\"");
}

/* Eight pages: fill them, give one back, and so on. What is reserved is there. */
static int fill_dev_shm(void)
{
	struct mp_shared one, other;
	ssize_t before = count_descriptors();
	long page = sysconf(_SC_PAGESIZE);
	char options[32];
	int wrong = 0;

	snprintf(options, sizeof(options), "size=%ld,mode=1777", 8 * page);
	if (mount_over("/dev/shm", options) < 0)
		return CANNOT;
	for (int i = 0; i < 3; i++) {
		wrong += not_failing(mp_shared_create(&one, name, 8 * page + 1),
				     ENOSPC);
		wrong += is_there();
		wrong += mp_shared_create(&one, name, 5 * page) < 0;
		wrong += not_failing(mp_shared_create(&other, "b", 4 * page),
				     ENOSPC);
		wrong += mp_shared_create(&other, "b", 3 * page) < 0;
		memset(one.address, 1, 5 * page); /* no SIGBUS */
		memset(other.address, 1, 3 * page);
		wrong += mp_shared_unlink(&one) < 0;
		wrong += mp_shared_unlink(&other) < 0;
		mp_shared_close(&one);
		mp_shared_close(&other);
	}
	wrong += files_left() != 0;
	return wrong + (count_descriptors() != before);
}

static void a_full_dev_shm_is_enospc(void **state)
{
	(void)state;
	apart_or_skip(fill_dev_shm, NO_MOUNT);
}

static int create_where_we_may_not(void)
{
	struct mp_shared it;

	if (mount_over("/dev/shm", "size=1m,mode=0755") < 0 ||
	    setuid(NOBODY) < 0)
		return CANNOT;
	return not_failing(mp_shared_create(&it, name, SIZE), EACCES);
}

static void a_dev_shm_that_is_not_for_us_is_eacces(void **state)
{
	(void)state;
	apart_or_skip(create_where_we_may_not, NO_MOUNT);
}

static int create_without_dev_shm(void)
{
	struct mp_shared it;

	if (mount_over("/dev", "size=1m") < 0)
		return CANNOT;
	return not_failing(mp_shared_create(&it, name, SIZE), ENOENT);
}

static void no_dev_shm_at_all_is_enoent(void **state)
{
	(void)state;
	apart_or_skip(create_without_dev_shm, NO_MOUNT);
}

/* Any user makes and removes names of his own. */
static int create_as_nobody(void)
{
	struct mp_shared it;

	if (geteuid() != 0 || setuid(NOBODY) < 0)
		return CANNOT;
	return mp_shared_create(&it, name, SIZE) < 0 ||
	       mp_shared_unlink(&it) < 0;
}

static void it_needs_no_privilege(void **state)
{
	(void)state;
	apart_or_skip(create_as_nobody, "this user is an ordinary one already");
}

/* --- killed creators ----------------------------------------------------------- */

/* After a creator's death: no name, or a whole one, which is then removed.
 * 0 or 1; -1 if it was half-made. */
static int look_and_remove(void)
{
	struct mp_shared it = named(name);

	if (mp_shared_attach(&it) < 0)
		return errno == ENOENT ? 0 : -1;
	if (it.size != SIZE || !is_zero(it.address, SIZE))
		return -1;
	mp_shared_close(&it);
	unlink(path);
	return 1;
}

static _Noreturn void create_and_end(void)
{
	struct mp_shared it;

	_exit(mp_shared_create(&it, name, SIZE) < 0);
}

/*
 * A creator that is killed at its n-th stop; it stops where a system call begins
 * and where it ends. 1 if it ended before; CANNOT where nobody may trace.
 */
static int kill_at_stop(int n)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(CANNOT);
		raise(SIGSTOP);
		create_and_end();
	}
	waitpid(pid, &status, 0);
	for (int i = 0; i < n && WIFSTOPPED(status); i++) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		waitpid(pid, &status, 0);
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == CANNOT ? CANNOT : 1;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return 0;
}

static void no_killed_creator_leaves_a_half_made_name(void **state)
{
	int stops = 0, without = 0, with = 0, ended;

	(void)state;
	do {
		int there;

		ended = kill_at_stop(++stops);
		if (ended == CANNOT) {
			print_message("nobody may trace here\n");
			skip();
		}
		there = look_and_remove();
		assert_true(there >= 0);
		without += there == 0;
		with += there == 1;
	} while (!ended);
	/* fallocate, mmap and linkat, each with a beginning and an end. */
	assert_true(without >= 6);
	assert_true(with >= 2); /* linkat's end; the end of all */
}

static void whoever_finds_a_name_finds_it_whole(void **state)
{
	int found = 0;

	(void)state;
	for (int i = 0; i < rounds(4000); i++) {
		struct mp_shared it = named(name);
		pid_t pid = fork();
		int tries = 0;

		if (pid == 0)
			create_and_end();
		while (mp_shared_attach(&it) < 0 && tries++ < i % 400)
			assert_int_equal(errno, ENOENT);
		kill(pid, SIGKILL);
		end_of(pid);
		if (it.address != NULL) {
			assert_int_equal(it.size, SIZE);
			mp_shared_close(&it);
		}
		tries = look_and_remove();
		assert_true(tries >= 0);
		found += tries;
	}
	print_message("%d of %d creators came to it\n", found, rounds(4000));
}

/* --- many at once -------------------------------------------------------------- */

#define RIVALS 4

/* A rival: 1 if it made the name, 0 if another had it, else 2. */
static _Noreturn void rival(int start)
{
	struct mp_shared it;
	char byte;

	if (read(start, &byte, 1) != 0) /* the end of the file: go */
		_exit(2);
	if (mp_shared_create(&it, name, SIZE) == 0)
		_exit(1);
	_exit(errno == EEXIST ? 0 : 2);
}

static void of_many_creators_one_wins(void **state)
{
	(void)state;
	for (int i = 0; i < rounds(2000); i++) {
		int start[2], made = 0, other = 0;
		pid_t pid[RIVALS];

		assert_return_code(pipe(start), errno);
		for (int j = 0; j < RIVALS; j++) {
			pid[j] = fork();
			if (pid[j] == 0) {
				close(start[1]); /* or none would start */
				rival(start[0]);
			}
		}
		close(start[0]);
		close(start[1]);
		for (int j = 0; j < RIVALS; j++) {
			int status = end_of(pid[j]);

			made += status == 1;
			other += status != 0 && status != 1;
		}
		assert_int_equal(made, 1);
		assert_int_equal(other, 0);
		assert_int_equal(look_and_remove(), 1);
	}
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(memory_is_zeroed_and_as_large_as_asked),
		TEST(signals_do_not_hold_it_up),
		TEST(no_size_and_every_size_too_large_are_told),
		TEST(children_share_nameless_memory),
		TEST(children_share_named_memory),
		TEST(attach_does_nothing_in_a_forked_child),
		TEST(what_was_not_handed_over_is_ebadf),
		TEST(the_same_inode_of_another_file_system_is_ebadf),
		TEST(a_stranger_attaches_by_name),
		TEST(names_that_can_be_none_are_einval),
		TEST(the_longest_name_is_a_name),
		TEST(a_name_that_is_not_there_is_enoent),
		TEST(a_name_that_is_there_is_eexist),
		TEST(size_comes_from_the_file_or_must_fit),
		TEST(an_empty_file_is_einval),
		TEST(what_we_create_is_for_our_user),
		TEST(another_users_memory_is_eacces),
		TEST(only_the_creator_unlinks),
		TEST(who_has_the_memory_keeps_it),
		TEST(close_leaves_the_name),
		TEST(a_name_that_is_gone_is_enoent),
		TEST(memory_grows_and_others_follow),
		TEST(a_size_that_cannot_be_leaves_it_as_it_was),
		TEST(growing_beyond_a_limit_leaves_it_as_it_was),
		TEST(no_descriptors_left_is_emfile),
		TEST(no_address_space_left_is_enomem),
		TEST(over_the_file_size_limit_is_efbig),
		TEST(more_than_dev_shm_holds_is_enospc),
		TEST(a_full_dev_shm_is_enospc),
		TEST(a_dev_shm_that_is_not_for_us_is_eacces),
		TEST(no_dev_shm_at_all_is_enoent),
		TEST(it_needs_no_privilege),
		TEST(no_killed_creator_leaves_a_half_made_name),
		TEST(whoever_finds_a_name_finds_it_whole),
		TEST(of_many_creators_one_wins),
	};
	int failed;

	mp_guard(argc, argv);
	if (strcmp(argv[0], "stranger") == 0)
		return be_a_stranger(argv[1]);
	snprintf(name, sizeof(name), "mp-test-shared-%d", getpid());
	snprintf(path, sizeof(path), "/dev/shm/%s", name);
	failed = cmocka_run_group_tests_name("mp/shared", tests, NULL, NULL);
	unlink(path); /* what a failed test may have left */
	return failed;
}
