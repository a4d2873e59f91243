/*
 * lab3-pickle.c - what crosses to a spawned child, and how
 *
 * The scene `pickle` of lab 3. A new image shares nothing with its parent, not
 * even the addresses of its functions; so a name and bytes travel.
 */
#include "lab3.h"

#include "mp_spawn.h"
#include "stage.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

struct parcel {
	char text[12];
	int number;
};

/* region: targets */
/* Exported, so it has a name by which a spawned child finds it. */
int open_parcel(const void *args, size_t size)
{
	const struct parcel *it = args;

	say("%zu bytes came: \"%s\" and %d", size, it->text, it->number);
	return it->number;
}

/* Static: a function without a name to travel by, as a lambda in Python. */
static int nameless(const void *args, size_t size)
{
	(void)args;
	return (int)size;
}
/* endregion */

/* Sixteen bytes a line, as hexdump -C has them; a few lines of it. */
static void dump(const unsigned char *bytes, size_t size)
{
	const size_t most = 5 * 16;

	for (size_t at = 0; at < size && at < most; at += 16) {
		char hex[3 * 16 + 1] = "", text[16 + 1] = "";

		for (size_t i = 0; i < 16 && at + i < size; i++) {
			unsigned char c = bytes[at + i];

			sprintf(hex + 3 * i, " %02x", c);
			text[i] = isprint(c) ? (char)c : '.';
		}
		show("  %-48s  %s", hex, text);
	}
	if (size > most)
		show("   ... %zu more bytes", size - most);
}

/* region: by-its-bytes */
/*
 * Does by hand what mp_process_start() does: these bytes into a pipe, and this
 * program with the pipe's number. The child's exit status.
 */
static int spawn_by_hand(const void *bytes, size_t size)
{
	char handle[32];
	int end[2], status = 0;
	pid_t pid;

	check(pipe(end)); /* not close-on-exec: the child is to read from it */
	report(end[1], bytes, size);
	switch (pid = check(fork())) {
	case 0:
		snprintf(handle, sizeof(handle), "pipe_handle=%d", end[0]);
		execl(this_program(), "lab3", "--multiprocessing-fork", handle,
		      (char *)NULL);
		die("execl");
	}
	close(end[0]);
	close(end[1]);
	check(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void play_bytes(void)
{
	struct parcel parcel = { "parcel", 7 };
	struct mp_process p = { .target = open_parcel,
				MP_ARGS(parcel),
				.name = "Process-1" };
	mp_target *address = open_parcel;
	size_t size;
	void *bytes = mp_spawn_pickle(&p, &size);
	bool name, arguments, pointer;

	if (bytes == NULL)
		die("mp_spawn_pickle");
	dump(bytes, size);
	name = memmem(bytes, size, "open_parcel", sizeof("open_parcel"));
	arguments = memmem(bytes, size, &parcel, sizeof(parcel));
	pointer = memmem(bytes, size, &address, sizeof(address));
	conclude(name && arguments && !pointer &&
			 spawn_by_hand(bytes, size) == parcel.number,
		 "a name, the arguments' bytes, no address: enough");
	free(bytes);
}
/* endregion */

struct addresses {
	void *function, *global, *local;
};

int tell_addresses(const void *args, size_t size)
{
	struct addresses here = { (void *)tell_addresses, &below_the_guard,
				  &size };

	report(*(const int *)args, &here, sizeof(here));
	return 0;
}

/* region: randomised */
/* Is this program position-independent? Else its addresses are fixed. */
static bool can_be_moved(void)
{
	unsigned char head[EI_NIDENT + sizeof(Elf64_Half)] = { 0 };
	FILE *exe = fopen(this_program(), "re");

	if (exe == NULL || fread(head, sizeof(head), 1, exe) != 1)
		die("reading this program");
	fclose(exe);
	return *(const Elf64_Half *)(head + EI_NIDENT) == ET_DYN;
}

/* Does an exec get new addresses, if the program can be moved? By what the
 * system says. */
static bool randomised(bool movable)
{
	FILE *setting = fopen("/proc/sys/kernel/randomize_va_space", "re");
	int level = 0, switched_off = personality(0xffffffff);

	if (setting == NULL || fscanf(setting, "%d", &level) != 1)
		level = 0;
	if (setting != NULL)
		fclose(setting);
	switched_off &= ADDR_NO_RANDOMIZE;
	show("randomisation: level %d, %s here; this program %s", level,
	     switched_off ? "switched off"
	     : level > 0  ? "on"
			  : "off",
	     movable ? "can be moved" : "has fixed addresses");
	return level > 0 && !switched_off;
}

static void play_addresses(void)
{
	struct addresses here = { (void *)tell_addresses, &below_the_guard,
				  NULL },
			 forked, spawned;
	bool movable = can_be_moved(), random = randomised(movable);
	int fd;

	ask(MP_FORK, tell_addresses, &fd, sizeof(fd), -1, &forked,
	    sizeof(forked));
	ask(MP_SPAWN, tell_addresses, &fd, sizeof(fd), -1, &spawned,
	    sizeof(spawned));
	show("%15s %18s %18s %18s", "", "&function", "&global", "&local");
	show("%15s %18p %18p", "parent", here.function, here.global);
	show("%15s %18p %18p %18p", "forked child", forked.function,
	     forked.global, forked.local);
	show("%15s %18p %18p %18p", "spawned child", spawned.function,
	     spawned.global, spawned.local);
	conclude(forked.function == here.function &&
			 forked.global == here.global,
		 "fork: the addresses are equal");
	conclude((spawned.function != here.function) == (movable && random),
		 "spawn: %s",
		 !movable ? "equal, because this program has fixed addresses"
		 : random ? "they differ, a pointer would be garbage"
			  : "equal, because randomisation is off");
}
/* endregion */

/* region: static */
void play_pickle(void)
{
	struct mp_process p = { .target = nameless, .method = MP_SPAWN };
	int answer, error;
	bool childless;

	play_bytes();
	play_addresses();
	answer = mp_process_start(&p);
	error = errno;
	childless = waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
	conclude(answer < 0 && error == ENXIO && childless,
		 "a static function has no name: start says ENXIO, no process");
	if (answer == 0)
		mp_process_join(&p, -1);
}
/* endregion */
