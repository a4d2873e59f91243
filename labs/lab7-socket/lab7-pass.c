/*
 * lab7-pass.c - open files through a connection: the scene `pass-descriptor`
 *
 * The receiver is spawned and knows an address alone. What it gets are
 * descriptors of files that have no name: it could not have opened them.
 */
#include "lab7.h"

#include "pass.h"
#include "shared.h"
#include "stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENOUGH (16l << 20) /* bytes; of less, times tell little */
#define TIMES  3	   /* each way; the shortest counts */

size_t memory_size = 64l << 20; /* --memory */

static const char text[] = "What I have read, you need not read again.";
#define ALREADY_READ 17 /* bytes of it */

/* What the receiver tells. */
struct finding {
	bool had_none;	  /* neither file was open here before */
	ino_t inode[2];	  /* of the file, of the memory */
	char rest[LINE];  /* what it read */
	char first, last; /* bytes of the memory */
};

static ino_t inode_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) < 0 ? 0 : status.st_ino;
}

/* --- the receiver ------------------------------------------------------- */

static bool is_open_here(ino_t inode)
{
	for (int fd = 0; fd < 256; fd++)
		if (inode_of(fd) == inode)
			return true;
	return false;
}

static char *map(int fd, size_t size)
{
	char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

/* region: receive-descriptors */
static void examine(struct mp_connection *conn)
{
	struct finding it = { 0 };
	struct stat status;
	ino_t inode[2];
	int fds[2];
	char *memory;

	/* Which files they will be, as numbers: are these open here already? */
	check(mp_connection_recv_bytes_into(conn, inode, sizeof(inode),
					    PATIENCE));
	it.had_none = !is_open_here(inode[0]) && !is_open_here(inode[1]);

	check(mp_connection_recv_descriptors(conn, fds, 2, PATIENCE));
	it.inode[0] = inode_of(fds[0]);
	it.inode[1] = inode_of(fds[1]);
	check(read(fds[0], it.rest, sizeof(it.rest) - 1));
	check(fstat(fds[1], &status)); /* it tells how large it is, too */
	memory = map(fds[1], status.st_size);
	it.first = memory[0];
	it.last = memory[status.st_size - 1];
	strcpy(memory, "the receiver was here");
	say("the file reads on: \"%s\"", it.rest);
	check(mp_connection_send_bytes(conn, &it, sizeof(it), PATIENCE));
	munmap(memory, status.st_size);
	close(fds[0]);
	close(fds[1]);
}
/* endregion */

static const char *word_for(const char *memory, size_t size)
{
	return memory[0] == 't' && memory[size - 1] == 'l' ? "got it" : "wrong";
}

/* Receives the memory, either way, so often; says when it has it each time. */
static void take_memory(struct mp_connection *conn)
{
	for (int i = 0; i < TIMES; i++) {
		void *copy;
		char *memory;
		int fd;
		size_t size = check(mp_connection_recv_bytes(
			conn, &copy, SIZE_MAX, step_patience()));

		send_text(conn, word_for(copy, size));
		check(mp_connection_recv_descriptors(conn, &fd, 1, PATIENCE));
		memory = map(fd, size);
		send_text(conn, word_for(memory, size));
		munmap(memory, size);
		close(fd);
		free(copy);
	}
}

int look_into_parcel(const void *args, size_t size)
{
	struct mp_connection conn;

	(void)size;
	speak_as("stranger");
	check(mp_client(&conn, args, NULL, PATIENCE));
	examine(&conn);
	take_memory(&conn);
	mp_connection_close(&conn);
	return 0;
}

/* --- the sender --------------------------------------------------------- */

/* A file without a name, read in part. */
static int open_text(void)
{
	int file = check(memfd_create("text", MFD_CLOEXEC));

	check(write(file, text, strlen(text)));
	check(lseek(file, ALREADY_READ, SEEK_SET));
	return file;
}

static void keep_least(double *least, double began)
{
	double took = monotonic_now() - began;

	if (*least == 0 || took < *least)
		*least = took;
}

/* region: by-bytes-or-descriptor */
/* The same memory, by its bytes and by a descriptor: seconds of each. Has it
 * arrived, each time? */
static bool time_both(struct mp_connection *conn,
		      const struct mp_shared *memory, double *by_bytes,
		      double *by_descriptor)
{
	char line[LINE];
	int arrived = 0;
	double began;

	*by_bytes = *by_descriptor = 0;
	for (int i = 0; i < TIMES; i++) {
		began = monotonic_now();
		check(mp_connection_send_bytes(conn, memory->address,
					       memory->size, PATIENCE));
		receive_text(conn, line);
		keep_least(by_bytes, began);
		arrived += strcmp(line, "got it") == 0;
		began = monotonic_now();
		check(mp_connection_send_descriptors(conn, &memory->fd, 1,
						     PATIENCE));
		receive_text(conn, line);
		keep_least(by_descriptor, began);
		arrived += strcmp(line, "got it") == 0;
	}
	return arrived == 2 * TIMES;
}
/* endregion */

/* region: pass-descriptor */
static void send_parcel(struct mp_connection *conn, int file,
			struct mp_shared *memory, struct finding *finding)
{
	ino_t inode[2] = { inode_of(file), memory->inode };

	say("I send a file, read to byte %d, and %zu MiB: %d and %d",
	    ALREADY_READ, memory->size >> 20, file, memory->fd);
	check(mp_connection_send_bytes(conn, inode, sizeof(inode), PATIENCE));
	check(mp_connection_send_descriptors(conn, (int[]){ file, memory->fd },
					     2, PATIENCE));
	check(mp_connection_recv_bytes_into(conn, finding, sizeof(*finding),
					    PATIENCE));
	say("in my memory: \"%s\"", (char *)memory->address);
	conclude(finding->had_none && finding->inode[0] == inode[0] &&
			 finding->inode[1] == inode[1],
		 "a stranger has our open files now; it had neither before");
	conclude(strcmp(finding->rest, text + ALREADY_READ) == 0 &&
			 lseek(file, 0, SEEK_CUR) == (long)strlen(text),
		 "it read on at our offset, %d, and moved ours: one open file",
		 ALREADY_READ);
	conclude(finding->first == 'f' && finding->last == 'l' &&
			 strcmp(memory->address, "the receiver was here") == 0,
		 "the memory crossed without a copy: we see what it wrote");
}
/* endregion */

void play_pass_descriptor(void)
{
	struct folder folder;
	struct mp_listener listener = { .address = folder_make(&folder) };
	struct mp_process p = { .target = look_into_parcel,
				MP_ARGS(listener.bound),
				.method = MP_SPAWN,
				.name = "stranger" };
	struct mp_connection conn;
	struct mp_shared memory;
	struct finding finding = { 0 };
	double by_bytes, by_descriptor;
	int file = open_text();
	bool arrived;

	check(mp_shared_open(&memory, memory_size));
	memset(memory.address, 'f', memory_size / 2);
	memset((char *)memory.address + memory_size / 2, 'l',
	       memory_size - memory_size / 2);
	check(mp_listener_open(&listener));
	check(mp_process_start(&p));
	check(mp_listener_accept(&listener, &conn, PATIENCE));
	send_parcel(&conn, file, &memory, &finding);
	arrived = time_both(&conn, &memory, &by_bytes, &by_descriptor);
	show("  %zu MiB by bytes %.1f ms, by descriptor %.3f ms",
	     memory_size >> 20, by_bytes * 1e3, by_descriptor * 1e3);
	if (memory_size < ENOUGH)
		show("  (Less than 16 MiB: too little to tell.)");
	else
		conclude(arrived && by_bytes >= 3 * by_descriptor,
			 "and in less than a third of the time of its bytes");
	check(mp_process_join(&p, PATIENCE));
	mp_connection_close(&conn);
	mp_listener_close(&listener);
	mp_shared_close(&memory);
	close(file);
	folder_remove(&folder);
}
