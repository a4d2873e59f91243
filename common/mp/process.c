/* process.c - start a process that runs a function, and join it; see process.h. */
#include "process.h"

#include "mp_spawn.h"
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The children this process started and has not reaped, the newest first. */
struct child {
	struct child *next;
	pid_t pid;
	bool daemon;
};

static struct child *children;
static pid_t children_of; /* a forked process inherits the list: not its own */

static struct mp_current current = { .name = "MainProcess" };
static unsigned started; /* counts the names that start makes up */

const struct mp_current *mp_current_process(void)
{
	return &current;
}

void mp_set_current(const char *name, bool daemon, char **argv)
{
	size_t length = strnlen(name, MP_NAME_SIZE - 1);

	memcpy(current.name, name, length); /* snprintf costs a fork 30 us */
	current.name[length] = '\0';
	current.daemon = daemon;
	current.argv = argv;
}

/* region: reap */
/* waitpid(2), for the parent alone. 1: reaped, 0: still running, -1: errno. */
static int reap(struct mp_process *process, int options)
{
	pid_t pid;

	do
		pid = waitpid(process->pid, &process->status, options);
	while (pid < 0 && errno == EINTR);
	if (pid <= 0)
		return pid;

	process->ended = true;
	for (struct child **at = &children; *at != NULL; at = &(*at)->next) {
		struct child *it = *at;

		if (it->pid == pid) {
			*at = it->next;
			free(it);
			break;
		}
	}
	return 1;
}
/* endregion */

/* Forgets the list of another process, whose copy this one is. */
static void own_the_list(void)
{
	if (children_of == getpid())
		return;
	while (children != NULL) {
		struct child *next = children->next;

		free(children);
		children = next;
	}
	children_of = getpid();
	started = 0;
}

/* region: end-children */
/* A process that ends terminates its daemonic children and waits for all. */
static void end_children(void)
{
	if (children_of != getpid())
		return;
	for (struct child *it = children; it != NULL; it = it->next)
		if (it->daemon)
			kill(it->pid, SIGTERM);
	while (children != NULL) {
		struct child *next = children->next;

		while (waitpid(children->pid, NULL, 0) < 0 && errno == EINTR)
			;
		free(children);
		children = next;
	}
}
/* endregion */

/* region: leave */
void mp_leave(int status)
{
	end_children();
	if (fflush(NULL) != 0 && (status & 255) == 0) {
		perror(current.name); /* its output is not whole */
		status = 1;
	}
	_exit(status & 255);
}
/* endregion */

/* region: fork */
static pid_t fork_child(const struct mp_process *process)
{
	pid_t pid;

	fflush(NULL); /* or the child's copy of the buffer comes out too */
	switch (pid = fork()) {
	case 0:
		mp_set_current(process->name, process->daemon, current.argv);
		mp_leave(process->target(process->args, process->size));
	default:
		return pid;
	}
}
/* endregion */

/* Python's names: "Process-1", and its first child "Process-1:1". */
static void make_name(char *name)
{
	bool is_main = strcmp(current.name, "MainProcess") == 0;

	started++;
	snprintf(name, MP_NAME_SIZE, is_main ? "%s-%u" : "%.20s:%u",
		 is_main ? "Process" : current.name, started);
}

static _Noreturn void refuse(void)
{
	static const char reason[] =
		": mp_process_start: this spawned child has not passed its "
		"guard.\n"
		"A spawned child runs main() from the top, and would start "
		"one of its own here,\n"
		"as would that one. Cure: call mp_guard(argc, argv) at the top "
		"of main(), above\n"
		"everything that starts a process.\n";
	char message[sizeof(reason) + 256];
	int size = snprintf(message, sizeof(message), "%.200s%s",
			    program_invocation_short_name, reason);

	fflush(NULL);
	if (write(STDERR_FILENO, message, size) < 0)
		_exit(1); /* as below, but unheard */
	_exit(1);
}

static int check_caller(const struct mp_process *process)
{
	if (mp_spawn_bootstrapping())
		refuse();
	if (process->target == NULL ||
	    memchr(process->name, '\0', MP_NAME_SIZE) == NULL ||
	    (process->method != MP_FORK && process->method != MP_SPAWN))
		errno = EINVAL;
	else if (process->pid != 0)
		errno = EALREADY;
	else if (current.daemon)
		errno = EPERM;
	else
		return 0;
	return -1;
}

/* region: start */
int mp_process_start(struct mp_process *process)
{
	struct child *child;
	pid_t pid;

	if (check_caller(process) < 0)
		return -1;
	child = malloc(sizeof(*child));
	if (child == NULL)
		return -1;
	if (children_of == 0)
		atexit(end_children);
	own_the_list();
	if (process->name[0] == '\0')
		make_name(process->name);

	if (process->method == MP_SPAWN)
		pid = mp_spawn_launch(process);
	else
		pid = fork_child(process);
	if (pid < 0) {
		free(child);
		return -1;
	}
	*child = (struct child){ children, pid, process->daemon };
	children = child;
	process->pid = pid;
	process->parent = getpid();
	process->ended = false;
	return 0;
}
/* endregion */

/* Only the parent may ask about a child. */
static int check_parent(const struct mp_process *process)
{
	if (process->pid == 0)
		errno = ESRCH;
	else if (process->parent != getpid())
		errno = ECHILD;
	else
		return 0;
	return -1;
}

/* region: join */
int mp_process_join(struct mp_process *process, double timeout)
{
	if (check_parent(process) < 0)
		return -1;
	if (process->ended)
		return 0;
	if (timeout >= 0 && watch_end(process->pid, timeout) < 0)
		return -1;
	return reap(process, 0) < 0 ? -1 : 0;
}
/* endregion */

int mp_process_is_alive(struct mp_process *process)
{
	int reaped;

	if (process->pid == 0 || process->ended)
		return 0;
	if (check_parent(process) < 0)
		return -1;
	reaped = reap(process, WNOHANG);
	return reaped < 0 ? -1 : !reaped;
}

/* region: exitcode */
int mp_process_exitcode(const struct mp_process *process)
{
	if (!process->ended)
		return MP_NO_EXITCODE;
	if (WIFSIGNALED(process->status))
		return -WTERMSIG(process->status);
	return WEXITSTATUS(process->status);
}
/* endregion */

static int send_signal(const struct mp_process *process, int signal)
{
	if (check_parent(process) < 0)
		return -1;
	return process->ended ? 0 : kill(process->pid, signal);
}

int mp_process_terminate(const struct mp_process *process)
{
	return send_signal(process, SIGTERM);
}

int mp_process_kill(const struct mp_process *process)
{
	return send_signal(process, SIGKILL);
}

size_t mp_active_children(pid_t *pids, size_t max)
{
	size_t count = 0;

	if (children_of != getpid())
		return 0;
	for (struct child *it = children; it != NULL; it = it->next) {
		if (count < max)
			pids[count] = it->pid;
		count++;
	}
	return count;
}
