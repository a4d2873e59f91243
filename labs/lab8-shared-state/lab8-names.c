/*
 * lab8-names.c - how others come by shared memory, and what becomes of it
 *
 * The scenes `by-descriptor-or-name` and `killed` of lab 8. Whatever has a name
 * here has a tracker, too (see lab8.h), so that no scene leaves it behind.
 */
#include "lab8.h"

#include "process.h"
#include "stage.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- by-descriptor-or-name --------------------------------------------- */

/* What lies in the memory: both sides leave a word. */
struct board {
	char question[32]; /* the lab's */
	pid_t visitor;	   /* who found it */
};

static void open_board(struct mp_shared *memory)
{
	struct board *board = memory->address;

	strcpy(board->question, "who are you?");
}

/* region: visit */
/* In another process: attaches, reads and answers. 0, or attach's errno. */
static int visit(struct mp_shared *memory)
{
	struct board *board;

	if (mp_shared_attach(memory) < 0) {
		int error = errno;

		say("attach: %s", strerror(error));
		return error;
	}
	board = memory->address;
	say("attached at %p: \"%s\"", (void *)board, board->question);
	if (strcmp(board->question, "who are you?") == 0)
		board->visitor = getpid();
	mp_shared_close(memory);
	return 0;
}

/* A spawned child: what it knows of the memory came in its arguments. */
int visit_by_descriptor(const void *args, size_t size)
{
	struct mp_shared memory = *(const struct mp_shared *)args;

	(void)size;
	return visit(&memory);
}

/* This program, exec'd by hand: it knows a name, by its command line. */
int play_again(int argc, char *argv[])
{
	struct mp_shared memory = { 0 };

	speak_as("stranger");
	if (argc == 3)
		snprintf(memory.name, sizeof(memory.name), "%s", argv[2]);
	return visit(&memory);
}
/* endregion */

/* The exit status of a spawned child that visits; with the descriptor or not. */
static int spawn_a_visitor(const struct mp_shared *memory, bool keep)
{
	struct mp_process p = { .target = visit_by_descriptor,
				MP_ARGS(*memory),
				.method = MP_SPAWN,
				MP_KEEP(memory->fd) };

	strcpy(p.name, keep ? "kept" : "not kept");
	p.keep_count = keep;
	check(start_process(&p));
	check(join_process(&p, PATIENCE));
	return mp_process_exitcode(&p);
}

/* region: stranger */
static int exec_a_stranger(const char *name)
{
	char self[PATH_MAX] = "";
	int status;
	pid_t pid;

	/* Not "/proc/self/exe" itself: under valgrind that is valgrind. */
	check(readlink("/proc/self/exe", self, sizeof(self) - 1));
	switch (pid = check(fork())) {
	case 0:
		execl(self, "lab8", AGAIN, name, (char *)NULL);
		die("execl");
	}
	check(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
/* endregion */

/* region: by-descriptor-or-name */
void play_by_descriptor_or_name(void)
{
	struct mp_shared nameless, named;
	const struct board *board;
	struct tracker tracker;
	int kept, not_kept, stranger;

	check(mp_shared_open(&nameless, sizeof(*board)));
	open_board(&nameless);
	board = nameless.address;
	say("nameless, descriptor %d, here at %p", nameless.fd, (void *)board);
	kept = spawn_a_visitor(&nameless, true);
	conclude(kept == 0 && board->visitor > 0,
		 "a spawned child attached by the descriptor it kept");
	not_kept = spawn_a_visitor(&nameless, false);
	conclude(not_kept == EBADF,
		 "without it: EBADF, its number alone opens nothing");
	mp_shared_close(&nameless);

	tracker_start(&tracker);
	check(mp_shared_create(&named, tracker.name, sizeof(*board)));
	open_board(&named);
	board = named.address;
	say("/dev/shm/%s, here at %p", named.name, (void *)board);
	stranger = exec_a_stranger(named.name);
	conclude(stranger == 0 && board->visitor > 0,
		 "a stranger attached by the name; we read its answer");
	check(mp_shared_unlink(&named));
	mp_shared_close(&named);
	tracker_end(&tracker);
}
/* endregion */

/* --- killed ------------------------------------------------------------ */

#define WORDS "written by the dead"
#define SIZE  65536

/* What the creator tells of its nameless memory. */
struct made {
	dev_t device;
	ino_t inode;
};

struct creator {
	char name[MP_SHARED_NAME_SIZE];
	struct gate told; /* carries a struct made */
	struct gate stay; /* opened by nobody */
};

/* region: create-and-stay */
/* The creator: makes both, tells of them, and waits to be killed. */
static int create_and_stay(const void *args, size_t size)
{
	struct creator it = *(const struct creator *)args;
	struct mp_shared nameless, named;

	(void)size;
	check(mp_shared_open(&nameless, SIZE));
	check(mp_shared_create(&named, it.name, SIZE));
	strcpy(named.address, WORDS);
	say("made one without a name, and /dev/shm/%s", it.name);
	report(it.told.out, &(struct made){ nameless.device, nameless.inode },
	       sizeof(struct made));
	gate_wait(&it.stay);
	return 0;
}
/* endregion */

static struct holders tell_holders(const struct made *made)
{
	struct holders found = find_holders(made->device, made->inode);

	say("nameless: processes that map it: %d, have it open: %d",
	    found.mapping, found.opening);
	return found;
}

/* A creator of both kinds that is killed: who had the nameless one, and who has
 * it now. */
static void kill_a_creator(const char *name, struct holders *before,
			   struct holders *after)
{
	struct creator it;
	struct mp_process p = { .target = create_and_stay,
				MP_ARGS(it),
				.name = "creator" };
	struct made made;

	strcpy(it.name, name);
	gate_make(&it.told);
	gate_make(&it.stay);
	check(start_process(&p));
	close(it.told.out); /* or we would wait for ever for a dead child */
	hear(it.told.in, &made, sizeof(made));
	*before = tell_holders(&made);
	check(mp_process_kill(&p));
	check(join_process(&p, PATIENCE));
	say("SIGKILL: the creator's exitcode is %d", mp_process_exitcode(&p));
	*after = tell_holders(&made);
	close(it.told.in);
	gate_close(&it.stay);
}

/* region: killed */
void play_killed(void)
{
	struct tracker tracker;
	struct holders before, after;
	struct mp_shared named = { 0 }, late;
	bool readable, refused, gone;

	tracker_start(&tracker);
	kill_a_creator(tracker.name, &before, &after);
	conclude(before.mapping == 1 && before.opening == 1 &&
			 after.mapping == 0 && after.opening == 0,
		 "nameless: it went with the last process that had it");

	strcpy(named.name, tracker.name);
	late = named;
	readable = mp_shared_attach(&named) == 0 && named.size == SIZE &&
		   strcmp(named.address, WORDS) == 0;
	say("/dev/shm/%s: %s", named.name,
	    readable ? (char *)named.address : strerror(errno));
	conclude(readable, "named: still there, all %d bytes, and readable",
		 SIZE);

	refused = mp_shared_unlink(&named) < 0 && errno == EPERM;
	say("mp_shared_unlink: %s",
	    refused ? "EPERM, the creator alone may" : "no EPERM");
	tracker_end(&tracker);
	gone = mp_shared_attach(&late) < 0 && errno == ENOENT;
	say("our tracker removed the name; attach: %s",
	    gone ? "ENOENT" : "no ENOENT");
	conclude(refused && gone, "until somebody unlinks it");
	conclude(readable && strcmp(named.address, WORDS) == 0,
		 "and who has it mapped reads on: \"%s\"",
		 readable ? (char *)named.address : "");
	mp_shared_close(&named);
}
/* endregion */
