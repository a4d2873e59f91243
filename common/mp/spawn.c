/*
 * spawn.c - this program once more, for a function of it; see mp_spawn.h
 *
 * The parent's side: it puts the hand-over into a pipe, and launches the child.
 */
#include "mp_spawn.h"

#include "descriptors.h"
#include "io.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* region: name-of */
const char *mp_spawn_name(void *function)
{
	Dl_info found;

	if (dladdr(function, &found) != 0 && found.dli_saddr == function &&
	    found.dli_sname != NULL &&
	    dlsym(RTLD_DEFAULT, found.dli_sname) == function)
		return found.dli_sname;
	errno = ENXIO;
	return NULL;
}
/* endregion */

static char **main_argv(void)
{
	static char *none[] = { NULL };
	char **argv = mp_current_process()->argv;

	return argv == NULL ? none : argv;
}

/* region: pickle */
void *mp_spawn_pickle(const struct mp_process *process, size_t *size)
{
	struct hand_over head = { .args_size = process->size,
				  .daemon = process->daemon };
	const char *target = mp_spawn_name((void *)process->target);
	char **argv = main_argv();
	char *bytes, *end;

	if (target == NULL)
		return NULL;
	memcpy(head.magic, SPAWN_MAGIC, sizeof(head.magic));
	*size = strlen(process->name) + 1 + strlen(target) + 1;
	for (; argv[head.argc] != NULL; head.argc++)
		*size += strlen(argv[head.argc]) + 1;
	head.strings_size = *size;
	*size += sizeof(head) + process->size;
	if (process->size > MP_ARGS_MAX || *size > HAND_OVER_MAX) {
		errno = E2BIG;
		return NULL;
	}

	bytes = malloc(*size);
	if (bytes == NULL)
		return NULL;
	end = mempcpy(bytes, &head, sizeof(head));
	if (process->size > 0)
		end = mempcpy(end, process->args, process->size);
	end = stpcpy(end, process->name) + 1;
	end = stpcpy(end, target) + 1;
	for (uint32_t i = 0; i < head.argc; i++)
		end = stpcpy(end, argv[i]) + 1;
	return bytes;
}
/* endregion */

static bool all_are_open(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fcntl(fds[i], F_GETFD) < 0)
			return false;
	return true;
}

/*
 * Puts the hand-over into a new pipe, whole, and gives the end to read from.
 * All is in it before the child exists, so neither waits for the other. The
 * pipe does not block: where this user's pipes are small it is EAGAIN, no hang.
 */
int mp_spawn_hand_over(const struct mp_process *process)
{
	int end[2], error = 0;
	size_t size;
	void *bytes;

	/* Asked now: the pipe may get the number of one that is closed. */
	if (!all_are_open(process->keep, process->keep_count))
		return -1;
	bytes = mp_spawn_pickle(process, &size);
	if (bytes == NULL)
		return -1;
	if (pipe2(end, O_CLOEXEC | O_NONBLOCK) < 0) {
		error = errno;
	} else {
		if (write_full(end[1], bytes, size) < 0)
			error = errno;
		close(end[1]);
		if (error != 0)
			close(end[0]);
	}
	free(bytes);
	errno = error;
	return error == 0 ? end[0] : -1;
}

static bool is_kept(const struct mp_process *process, int fd)
{
	for (size_t i = 0; i < process->keep_count; i++)
		if (process->keep[i] == fd)
			return true;
	return false;
}

/* region: keep-just */
/*
 * The child is to close every descriptor but 0 to 2, the pipe and those kept;
 * those that are close-on-exec close by themselves.
 * adddup2 of a descriptor onto itself clears its close-on-exec flag.
 * 0, or an errno.
 */
static int keep_just(posix_spawn_file_actions_t *actions,
		     const struct mp_process *process, int handle)
{
	int *open, error = 0;
	ssize_t count = open_descriptors(&open);

	if (count < 0)
		return errno;
	for (ssize_t i = 0; i < count && error == 0; i++)
		if (open[i] > 2 && !is_kept(process, open[i]) &&
		    fcntl(open[i], F_GETFD) == 0) /* not close-on-exec */
			error = posix_spawn_file_actions_addclose(actions,
								  open[i]);
	free(open);
	for (size_t i = 0; i < process->keep_count && error == 0; i++)
		error = posix_spawn_file_actions_adddup2(
			actions, process->keep[i], process->keep[i]);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(actions, handle,
							 handle);
	return error;
}
/* endregion */

/* region: launch */
static int launch(const struct mp_process *process, int handle, pid_t *pid)
{
	char path[PATH_MAX], number[sizeof(SPAWN_HANDLE) + 3 * sizeof(int)];
	char *argv[] = { path, SPAWN_MARK, number, NULL };
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	posix_spawn_file_actions_t actions;
	int error;

	if (length < 0)
		return errno;
	path[length] = '\0';
	snprintf(number, sizeof(number), SPAWN_HANDLE "%d", handle);

	error = posix_spawn_file_actions_init(&actions);
	if (error != 0)
		return error;
	error = keep_just(&actions, process, handle);
	if (error == 0)
		error = posix_spawn(pid, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}
/* endregion */

pid_t mp_spawn_launch(const struct mp_process *process)
{
	int handle = mp_spawn_hand_over(process);
	pid_t pid;
	int error;

	if (handle < 0)
		return -1;
	fflush(NULL); /* so that our lines come before the child's */
	error = launch(process, handle, &pid);
	close(handle);
	errno = error;
	return error == 0 ? pid : -1;
}
