/* process.c - start a process, and join it; see process.h. */
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

/* A child that this process started and has not reaped. */
struct child {
	pid_t pid;
	bool daemon;
};

#define FEW 64 /* children; with more at once the list moves to the heap */

/*
 * All that mp keeps in a process. It is small and stands together because each
 * page that parent or child writes to after a fork costs it a fault.
 */
static struct {
	struct mp_current current;
	unsigned started;   /* counts the names that start makes up */
	pid_t owner;	    /* whose children: a fork copies the list */
	size_t count, room; /* of list: used, and there */
	struct child *list; /* few, or memory of malloc(3) */
	struct child few[FEW];
} self __attribute__((aligned(1024))) = {
	.current.name = "MainProcess",
	.room = FEW,
	.list = self.few,
};

const struct mp_current *mp_current_process(void)
{
	return &self.current;
}

void mp_set_current(const struct mp_current *current)
{
	self.current = *current;
}

/* --- the list of children ---------------------------------------------- */

static void empty_list(void)
{
	if (self.list != self.few)
		free(self.list);
	self.list = self.few;
	self.room = FEW;
	self.count = 0;
}

/* Makes room for one more, before there is one. */
static int make_room(void)
{
	size_t room = 2 * self.room;
	struct child *larger;

	if (self.owner != getpid()) {
		empty_list(); /* a fork's copy: its parent's children */
		self.owner = getpid();
		self.started = 0;
	}
	if (self.count < self.room)
		return 0;
	larger = malloc(room * sizeof(*larger));
	if (larger == NULL)
		return -1;
	memcpy(larger, self.list, self.count * sizeof(*larger));
	if (self.list != self.few)
		free(self.list);
	self.list = larger;
	self.room = room;
	return 0;
}

static void forget_child(pid_t pid)
{
	for (size_t i = 0; i < self.count; i++)
		if (self.list[i].pid == pid) {
			self.list[i] = self.list[--self.count];
			break;
		}
	if (self.count == 0)
		empty_list();
}

/* --- start, join and end ----------------------------------------------- */

/* region: reap */
/* waitpid(2), for the parent alone. 1: reaped, 0: still running, -1: errno. */
static int reap(struct mp_process *process, int options)
{
	pid_t pid;

	do
		pid = waitpid(process->pid, &process->status, options);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return 0;

	forget_child(process->pid);
	if (pid < 0) {
		process->parent = 0; /* reaped elsewhere: nobody's child now */
		return -1;
	}
	process->ended = true;
	return 1;
}
/* endregion */

/* region: end-children */
/* A process that ends terminates its daemonic children and waits for all. */
static void end_children(void)
{
	if (self.owner != getpid())
		return;
	for (size_t i = 0; i < self.count; i++)
		if (self.list[i].daemon)
			kill(self.list[i].pid, SIGTERM);
	for (size_t i = 0; i < self.count; i++)
		while (waitpid(self.list[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
	empty_list();
}
/* endregion */

/* region: leave */
void mp_leave(int status)
{
	end_children();
	if (fflush(NULL) != 0 && (status & 255) == 0) {
		perror(self.current.name); /* its output is not whole */
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
		memcpy(self.current.name, process->name, MP_NAME_SIZE);
		self.current.daemon = process->daemon;
		mp_leave(process->target(process->args, process->size));
	default:
		return pid;
	}
}
/* endregion */

/* Python's names: "Process-1", and its first child "Process-1:1". */
static void make_name(char *name)
{
	bool is_main = strcmp(self.current.name, "MainProcess") == 0;

	self.started++;
	snprintf(name, MP_NAME_SIZE, is_main ? "%s-%u" : "%.20s:%u",
		 is_main ? "Process" : self.current.name, self.started);
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
	else if (self.current.daemon)
		errno = EPERM;
	else
		return 0;
	return -1;
}

/* region: start */
int mp_process_prepare(struct mp_process *process)
{
	if (check_caller(process) < 0)
		return -1;
	if (self.owner == 0)
		atexit(end_children); /* a fork inherits that, too */
	if (make_room() < 0)
		return -1;
	if (process->name[0] == '\0')
		make_name(process->name);
	return 0;
}

int mp_process_start(struct mp_process *process)
{
	pid_t pid;

	if (mp_process_prepare(process) < 0)
		return -1;
	if (process->method == MP_SPAWN)
		pid = mp_spawn_launch(process);
	else
		pid = fork_child(process);
	if (pid < 0)
		return -1;
	self.list[self.count++] = (struct child){ pid, process->daemon };
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
	if (timeout >= 0 && watch_end(process->pid, timeout) < 0 &&
	    errno != ECHILD) /* it has ended, reaped elsewhere: reap tells */
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
	if (self.owner != getpid())
		return 0;
	for (size_t i = 0; i < self.count && i < max; i++)
		pids[i] = self.list[i].pid;
	return self.count;
}
