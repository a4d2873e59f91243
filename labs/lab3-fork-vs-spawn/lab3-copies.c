/*
 * lab3-copies.c - what a forked child has as a copy, and what it shares
 *
 * The scenes `shared-or-copied`, `copy-on-write`, `stdio` and `descriptors` of
 * lab 3. Their children are forked by hand: it is the system calls that decide,
 * not mp. Files are memory files (memfd_create(2)), so none is left over.
 */
#include "lab3.h"

#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_for(pid_t pid)
{
	int status = 0;

	check(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- shared-or-copied -------------------------------------------------- */

/* The same file by a second open file description: for a flock of its own. */
static int open_again(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return check(open(path, O_RDWR | O_CLOEXEC));
}

static bool is_locked(int other)
{
	if (flock(other, LOCK_EX | LOCK_NB) < 0)
		return true;
	flock(other, LOCK_UN);
	return false;
}

/* region: shared-or-copied */
void play_shared_or_copied(void)
{
	volatile int variable = 1; /* or gcc prints the 1 that it knows */
	int was_locked;
	int file = check(memfd_create("file", MFD_CLOEXEC));
	int other = open_again(file), spare = check(dup(file));
	pid_t pid;

	check(flock(file, LOCK_EX));
	was_locked = is_locked(other);
	switch (pid = check(fork())) {
	case 0:
		variable = 2;
		check(close(spare));
		check(lseek(file, 100, SEEK_SET));
		check(fcntl(file, F_SETFL, O_NONBLOCK));
		check(flock(file, LOCK_UN));
		_exit(variable == 2 ? 0 : 1);
	}
	check(wait_for(pid) == 0 ? 0 : -1);

	bool copied = variable == 1, open = fcntl(spare, F_GETFD) >= 0;
	long offset = lseek(file, 0, SEEK_CUR);
	bool flag = fcntl(file, F_GETFL) & O_NONBLOCK;
	bool locked = is_locked(other);

	show("  %-28s %s", "the child", "afterwards, in the parent");
	show("  %-28s it is %d", "set a variable from 1 to 2", variable);
	show("  %-28s %s", "closed a descriptor", open ? "open" : "closed");
	show("  %-28s it is %ld", "moved the offset to 100", offset);
	show("  %-28s %s", "set O_NONBLOCK", flag ? "set" : "not set");
	show("  %-28s %s", "gave up the flock", locked ? "held" : "given up");
	conclude(copied && open, "memory and the descriptor table are copies");
	conclude(offset == 100 && flag && was_locked && !locked,
		 "the open file (offset, flags, flock) is one for both");
	close(file);
	close(other);
	close(spare);
}
/* endregion */

/* --- copy-on-write ----------------------------------------------------- */

#define MEMORY (64l << 20) /* bytes */

static long page_faults(void)
{
	struct rusage usage;

	check(getrusage(RUSAGE_SELF, &usage));
	return usage.ru_minflt;
}

/* region: copy-on-write */
/* In the child: the page faults of reading it all, then of writing it all. */
static void count_faults(volatile char *memory, long page, long faults[2])
{
	long before = page_faults();
	char sum = 0;

	for (long at = 0; at < MEMORY; at += page)
		sum += memory[at];
	faults[0] = page_faults() - before;
	for (long at = 0; at < MEMORY; at += page)
		memory[at] = sum;
	faults[1] = page_faults() - before - faults[0];
}

void play_copy_on_write(void)
{
	long page = sysconf(_SC_PAGESIZE), pages = MEMORY / page;
	long *faults = shared_memory(2 * sizeof(*faults));
	char *memory = touch_memory(MEMORY);
	pid_t pid;

	switch (pid = check(fork())) {
	case 0:
		count_faults(memory, page, faults);
		_exit(0);
	}
	wait_for(pid);
	free_memory(memory, MEMORY);

	show("  64 MiB, %ld pages of %ld bytes, all touched by the parent",
	     pages, page);
	show("  page faults a page while the child read it:  %.3f",
	     (double)faults[0] / pages);
	show("  page faults a page while the child wrote it: %.3f",
	     (double)faults[1] / pages);
	conclude(faults[0] < pages / 20,
		 "reading cost next to none: the pages are the parent's");
	conclude(faults[1] >= pages && faults[1] < pages + pages / 20,
		 "writing cost a fault a page: that is when it is copied");
	free_memory(faults, 2 * sizeof(*faults));
}
/* endregion */

/* --- stdio ------------------------------------------------------------- */

/* region: stdio */
/* How often a text comes out that is in a buffer when a child is forked. */
static int times_written(void (*leave)(int))
{
	static const char text[] = "text in the buffer\n";
	int file = check(memfd_create("stdio", MFD_CLOEXEC));
	FILE *stream = fdopen(check(dup(file)), "w");
	char buffer[BUFSIZ];
	pid_t pid;
	long size;

	setvbuf(stream, buffer, _IOFBF, sizeof(buffer)); /* as into a pipe */
	fputs(text, stream);
	switch (pid = check(fork())) {
	case 0:
		leave(0);
	}
	wait_for(pid);
	fclose(stream);
	size = check(lseek(file, 0, SEEK_END));
	close(file);
	return size / (sizeof(text) - 1);
}

void play_stdio(void)
{
	int by_exit = times_written(exit);
	int by__exit = times_written(_exit);

	say("child left by exit():  times written: %d", by_exit);
	say("child left by _exit(): times written: %d", by__exit);
	say("a terminal hides it: there stdout is flushed at each line");
	say("a pipe shows it: `program | cat` buffers as this file did");
	conclude(by_exit == 2,
		 "the buffer is memory: fork copied it, exit() flushed both");
	conclude(by__exit == 1,
		 "_exit() flushes nothing: so a forked child leaves by it");
}
/* endregion */

/* --- descriptors ------------------------------------------------------- */

/* region: descriptors */
static bool open_when_forked(int fd)
{
	pid_t pid = check(fork());

	if (pid == 0)
		_exit(fcntl(fd, F_GETFD) >= 0);
	return wait_for(pid) == 1;
}

static bool open_when_execed(int fd)
{
	pid_t pid = check(fork());

	if (pid == 0)
		exec_again("descriptor", fd);
	return wait_for(pid) == 1;
}

int tell_open(const void *args, size_t size)
{
	const int *it = args; /* the descriptor to report to, that to look at */
	bool open = fcntl(it[1], F_GETFD) >= 0;

	(void)size;
	report(it[0], &open, sizeof(open));
	return 0;
}

static bool open_when_spawned(int fd, int keep)
{
	int args[2] = { -1, fd };
	bool open;

	ask(MP_SPAWN, tell_open, args, sizeof(args), keep, &open, sizeof(open));
	return open;
}

static const char *word(bool open)
{
	return open ? "open" : "closed";
}

void play_descriptors(void)
{
	int with = check(memfd_create("with", MFD_CLOEXEC));
	int without = check(memfd_create("without", 0));
	bool forked[2] = { open_when_forked(with), open_when_forked(without) };
	bool execed[2] = { open_when_execed(with), open_when_execed(without) };
	bool spawned[2] = { open_when_spawned(with, -1),
			    open_when_spawned(without, -1) };
	bool kept[2] = { open_when_spawned(with, with),
			 open_when_spawned(without, without) };

	show("  %-26s %-18s %s", "in a child", "close-on-exec", "without it");
	show("  %-26s %-18s %s", "forked", word(forked[0]), word(forked[1]));
	show("  %-26s %-18s %s", "forked, then exec'd", word(execed[0]),
	     word(execed[1]));
	show("  %-26s %-18s %s", "spawned by mp", word(spawned[0]),
	     word(spawned[1]));
	show("  %-26s %-18s %s", "spawned by mp, MP_KEEP", word(kept[0]),
	     word(kept[1]));
	conclude(forked[0] && forked[1], "fork passes every descriptor on");
	conclude(!execed[0] && execed[1],
		 "execve closes just those that are close-on-exec");
	conclude(!spawned[0] && !spawned[1] && kept[0] && kept[1],
		 "mp's spawn passes none but those handed over");
	close(with);
	close(without);
}
/* endregion */
