/* support.c - what the cmocka programs have in common; see support.h. */
#include "support.h"

#include "deadline.h"
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const enum mp_method both_methods[2] = { MP_FORK, MP_SPAWN };

bool storm(void)
{
	const char *how = getenv("STORM");

	return how != NULL && strcmp(how, "full") == 0;
}

int rounds(int full)
{
	return storm() ? full : full / 20;
}

ssize_t count_descriptors(void)
{
	int *list;
	ssize_t count = open_descriptors(&list);

	free(list);
	return count;
}

static ssize_t descriptors_before;

int look_before(void **state)
{
	(void)state;
	descriptors_before = count_descriptors();
	return 0;
}

int look_after(void **state)
{
	(void)state;
	if (count_descriptors() != descriptors_before) {
		print_error("descriptors left open\n");
		return -1;
	}
	if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD) {
		print_error("a child left over\n");
		return -1;
	}
	return 0;
}

pid_t forked(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) /* or it would go on with the next test, as we do */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
	return pid;
}

void apart(int (*part)(void))
{
	pid_t pid = forked();

	if (pid == 0) {
		int status = part();

		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(end_of(pid), 0);
}

int exitcode_of(struct mp_process *process)
{
	assert_return_code(mp_process_join(process, LONG), errno);
	return mp_process_exitcode(process);
}

int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void wait_until_asleep(pid_t pid)
{
	double deadline = deadline_after(LONG);
	char path[64], line[512] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (strstr(line, ") S ") == NULL) {
		FILE *file = fopen(path, "re");

		assert_non_null(file);
		assert_non_null(fgets(line, sizeof(line), file));
		fclose(file);
		assert_true(time_left(deadline) > 0);
		usleep(50);
	}
}

void limit_descriptors(int more)
{
	struct rlimit limit;
	int next = dup(STDIN_FILENO); /* the first number that is free */

	close(next);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = next + more;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int end_like(const void *args, size_t size)
{
	int ending = size == 0 ? RETURN_0 : *(const int *)args;

	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	switch (ending) {
	case RETURN_7:
		return 7;
	case RETURN_261:
		return 261;
	case EXIT_7:
		exit(7);
	case ABORT:
		abort();
	case WAIT:
		sleep(LONG);
	}
	return 0;
}

int check_bytes(const void *args, size_t size)
{
	const unsigned char *bytes = args;

	for (size_t i = 0; i < size; i++)
		if (bytes[i] != (i & 255))
			return 1;
	return (uintptr_t)args % _Alignof(max_align_t) != 0;
}

int write_a_line(const void *args, size_t size)
{
	(void)args;
	(void)size;
	return printf("a line\n") < 0;
}
