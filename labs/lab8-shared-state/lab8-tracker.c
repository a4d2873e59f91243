/*
 * lab8-tracker.c - who has shared memory, and who removes its name
 *
 * The tracker is a small cousin of Python's resource tracker. Signals do not
 * reach it; the end of a pipe does.
 */
#include "lab8.h"

#include "io.h"
#include "stage.h"
#include "watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* region: tracker */
static _Noreturn void wait_and_remove(int end, const char *name)
{
	char path[16 + MP_SHARED_NAME_SIZE], byte;

	read_full(end, &byte, 1); /* nobody writes: it is the end of the file */
	snprintf(path, sizeof(path), "/dev/shm/%s", name);
	unlink(path);
	_exit(0);
}

void tracker_start(struct tracker *tracker)
{
	int end[2];
	sigset_t all, before;

	snprintf(tracker->name, sizeof(tracker->name), "lab8-%d", getpid());
	check(pipe2(end, O_CLOEXEC));
	sigfillset(&all);
	check(sigprocmask(SIG_BLOCK, &all, &before)); /* no Ctrl-C for it */
	switch (tracker->pid = check(fork())) {
	case 0:
		close(end[1]); /* or it would wait for itself */
		wait_and_remove(end[0], tracker->name);
	}
	check(sigprocmask(SIG_SETMASK, &before, NULL));
	close(end[0]);
	tracker->held = end[1];
}

void tracker_end(struct tracker *tracker)
{
	close(tracker->held);
	check(watch_end(tracker->pid, PATIENCE));
	check(waitpid(tracker->pid, NULL, 0));
}
/* endregion */

/* --- holders ----------------------------------------------------------- */

/* region: holders */
/* Does a line of this process's map belong to that file? See proc(5). */
static bool is_mapping(const char *pid, dev_t device, ino_t inode)
{
	char path[300], line[4096];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	while (maps != NULL && !found && fgets(line, sizeof(line), maps)) {
		unsigned int major, minor;
		unsigned long number;

		found = sscanf(line, "%*s %*s %*s %x:%x %lu", &major, &minor,
			       &number) == 3 &&
			makedev(major, minor) == device && number == inode;
	}
	if (maps != NULL)
		fclose(maps);
	return found;
}

/* Is one of its descriptors that file? */
static bool is_opening(const char *pid, dev_t device, ino_t inode)
{
	char path[300];
	bool found = false;
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	folder = opendir(path);
	while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
		struct stat status;

		found = fstatat(dirfd(folder), entry->d_name, &status, 0) ==
				0 &&
			status.st_dev == device && status.st_ino == inode;
	}
	if (folder != NULL)
		closedir(folder);
	return found;
}

/* Of the processes that we may look at: those of this user, as a rule. */
struct holders find_holders(dev_t device, ino_t inode)
{
	struct holders count = { 0, 0 };
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (proc == NULL)
		die("/proc");
	while ((entry = readdir(proc)) != NULL) {
		if (atoi(entry->d_name) <= 0)
			continue; /* no process */
		count.mapping += is_mapping(entry->d_name, device, inode);
		count.opening += is_opening(entry->d_name, device, inode);
	}
	closedir(proc);
	return count;
}
/* endregion */
