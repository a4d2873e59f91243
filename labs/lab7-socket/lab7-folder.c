/*
 * lab7-folder.c - socket files that nobody has to tidy up
 *
 * A socket file stays when its listener is killed. So whoever makes one starts
 * a keeper first: a process that waits at a pipe for the end of all that hold
 * the other end of it, and then removes what is left. Python has such a process,
 * too: multiprocessing.resource_tracker.
 */
#include "lab7.h"

#include "stage.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* region: keeper */
/* The keeper. */
static _Noreturn void keep(int end, const char *file, ino_t inode,
			   const char *folder)
{
	struct stat status;
	char byte;

	while (read(end, &byte, 1) > 0)
		; /* nobody writes: the end comes when the last writer ends */
	if (lstat(file, &status) == 0 && (inode == 0 || status.st_ino == inode))
		unlink(file);
	if (folder != NULL)
		rmdir(folder);
	_exit(0);
}

/*
 * Ctrl-C is for the whole process group, but not for a keeper, from its first
 * moment on; nor for us while we make something that has no keeper yet.
 */
void hold_signals(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, before);
}

void release_signals(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}

/* Starts it, signals being held. The end that it waits at; children of ours
 * have copies of it. */
static int start_keeper(const char *file, ino_t inode, const char *folder,
			pid_t *pid)
{
	int end[2];

	check(pipe2(end, O_CLOEXEC));
	switch (*pid = check(fork())) {
	case 0:
		close(end[1]); /* or it would wait for itself */
		keep(end[0], file, inode, folder);
	}
	close(end[0]);
	return end[1];
}
/* endregion */

/* A template for mkdtemp(3). A long TMPDIR leaves no room for a name. */
static void choose(struct folder *folder)
{
	static const char name[] = "lab7-XXXXXX/socket";
	const char *base = getenv("TMPDIR");
	struct mp_address unused;

	if (base == NULL || base[0] != '/')
		base = "/tmp";
	if (snprintf(folder->address, sizeof(folder->address), "unix:%s/%s",
		     base, name) >= (int)sizeof(folder->address) ||
	    mp_address_parse(&unused, folder->address) < 0)
		sprintf(folder->address, "unix:/tmp/%s", name);
	strcpy(folder->path, folder->address + strlen("unix:"));
	*strrchr(folder->path, '/') = '\0';
}

const char *folder_make(struct folder *folder)
{
	sigset_t before;

	choose(folder);
	hold_signals(&before);
	if (mkdtemp(folder->path) == NULL)
		die(folder->path);
	sprintf(folder->address, "unix:%.*s/socket",
		(int)(MP_ADDRESS_SIZE - sizeof("unix:/socket")), folder->path);
	folder->end = start_keeper(folder->address + strlen("unix:"), 0,
				   folder->path, &folder->keeper);
	release_signals(&before);
	return folder->address;
}

void folder_remove(struct folder *folder)
{
	close(folder->end);
	check(waitpid(folder->keeper, NULL, 0));
}

/* The caller holds the signals since before it opened it. */
void keep_file(const struct mp_listener *listener)
{
	pid_t unused;

	if (listener->creator != 0)
		start_keeper(listener->bound + strlen("unix:"), listener->inode,
			     NULL, &unused);
}
