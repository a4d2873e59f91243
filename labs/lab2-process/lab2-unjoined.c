/*
 * lab2-unjoined.c - children that nobody has joined, yet or ever
 *
 * The scenes `zombie`, `orphan` and `daemon` of lab 2. In the last two a child
 * of the lab is a parent itself; the lab makes itself the subreaper, so that
 * what is left over comes to it, and it can tell what became of everyone.
 */
#include "lab2.h"

#include "process.h"
#include "stage.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- zombie ------------------------------------------------------------ */

static int return_7(const void *args, size_t size)
{
	(void)args;
	(void)size;
	return 7;
}

/* region: zombie */
/* The state letter and the parent in /proc/PID/stat; '-' if it is not there. */
static char state_of(pid_t pid, pid_t *parent)
{
	char path[64], line[512] = "", *behind_name, state = '-';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return state;
	if (fgets(line, sizeof(line), file) != NULL &&
	    (behind_name = strrchr(line, ')')) != NULL)
		sscanf(behind_name + 1, " %c %d", &state, parent);
	fclose(file);
	return state;
}

void play_zombie(void)
{
	struct mp_process p = { .target = return_7 };
	pid_t parent = 0;
	siginfo_t info;
	char unjoined, joined;

	check(mp_process_start(&p));
	/* WNOWAIT: tell of its end, but leave it as it is. */
	check(waitid(P_PID, p.pid, &info, WEXITED | WNOWAIT));
	unjoined = state_of(p.pid, &parent);
	say("%d has ended, nobody has joined it: state %c", p.pid, unjoined);
	conclude(unjoined == 'Z' && parent == getpid(),
		 "an ended, unjoined child is a zombie: its exit status waits");

	check(mp_process_join(&p, -1));
	joined = state_of(p.pid, &parent);
	say("joined, exitcode %d: /proc/%d is %s", mp_process_exitcode(&p),
	    p.pid, joined == '-' ? "gone" : "there");
	conclude(mp_process_exitcode(&p) == 7 &&
			 (joined == '-' || parent != getpid()),
		 "join fetched the exit status, and the entry is gone");
}
/* endregion */

/* --- orphan ------------------------------------------------------------ */

struct family {
	struct gate born;   /* opened by the child: it knows its parent */
	struct gate report; /* what the child saw comes through it */
};

struct orphan {
	pid_t pid, first_parent, next_parent;
};

/* region: orphan */
/* The child: waits for its parent to change. */
static _Noreturn void outlive(const struct family *family)
{
	struct orphan it = { getpid(), getppid(), 0 };
	double until = monotonic_now() + PATIENCE / 2; /* before the lab does */

	speak_as("child");
	say("I am %d, my parent is %d", it.pid, it.first_parent);
	gate_open(&family->born);
	while (getppid() == it.first_parent && monotonic_now() < until)
		sleep_for(0.001); /* nothing tells of it: look again */
	it.next_parent = getppid();
	say("my parent is %d now", it.next_parent);
	report(family->report.out, &it, sizeof(it));
	_exit(7);
}

/* The parent: forks by hand, and leaves without a join. */
static int leave_a_child(const void *args, size_t size)
{
	struct family family = *(const struct family *)args;

	(void)size;
	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		outlive(&family);
	}
	gate_wait(&family.born);
	return 0;
}

void play_orphan(void)
{
	struct family family;
	struct mp_process p = { .target = leave_a_child,
				MP_ARGS(family),
				.name = "parent" };
	struct orphan it;
	int status = 0;
	pid_t joined;

	gate_make(&family.born);
	gate_make(&family.report);
	check(prctl(PR_SET_CHILD_SUBREAPER, 1)); /* orphans come to us */
	say("I am %d, the subreaper; I start the parent", getpid());
	check(mp_process_start(&p));
	close(family.born.out);	  /* or a dead child would be waited for, */
	close(family.report.out); /* by its parent and by us */
	check(mp_process_join(&p, PATIENCE));
	hear(family.report.in, &it, sizeof(it));

	conclude(it.first_parent == p.pid && it.next_parent == getpid(),
		 "the child lived on; its new parent is the nearest subreaper");
	joined = waitpid(it.pid, &status, 0);
	say("waitpid(%d): exit status %d", it.pid, WEXITSTATUS(status));
	conclude(joined == it.pid && WIFEXITED(status) &&
			 WEXITSTATUS(status) == 7,
		 "which can join it: it fetched the exit status, 7");
	check(prctl(PR_SET_CHILD_SUBREAPER, 0));
	close(family.born.in);
	close(family.report.in);
}
/* endregion */

/* --- daemon ------------------------------------------------------------ */

struct sightings {
	pid_t daemon;
	bool terminated; /* SIGTERM reached it */
};

struct household {
	struct gate ready;	 /* opened by the daemonic child */
	struct gate daemon_ends; /* opened by it when SIGTERM has come */
	struct sightings *seen;
};

/* region: daemon */
/* The daemonic child: would go on for long. */
static int serve(const void *args, size_t size)
{
	const struct household *house = args;
	sigset_t term;

	(void)size;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL); /* to see it come */
	span_begin("serves");
	gate_open(&house->ready);
	if (sigtimedwait(&term, NULL, &(struct timespec){ PATIENCE, 0 }) < 0)
		return 1;
	say("SIGTERM has come: ending");
	span_end();
	house->seen->terminated = true;
	gate_open(&house->daemon_ends);
	return 0;
}

/* The ordinary child: has work left when its parent reaches the end. */
static int finish_work(const void *args, size_t size)
{
	struct household house = *(const struct household *)args;

	(void)size;
	gate_wait(&house.daemon_ends); /* so the parent is ending by now */
	span_begin("finishes");
	say("still here, finishing my work");
	sleep_for(0.01);
	span_end();
	return 0;
}

static int parent_of_two(const void *args, size_t size)
{
	struct household house = *(const struct household *)args;
	struct mp_process daemon = { .target = serve,
				     .args = args,
				     .size = size,
				     .name = "daemonic",
				     .daemon = true };
	struct mp_process ordinary = { .target = finish_work,
				       .args = args,
				       .size = size,
				       .name = "ordinary" };

	span_begin("target");
	check(start_process(&daemon));
	check(start_process(&ordinary));
	close(house.daemon_ends.out); /* or a dead daemonic child would be */
				      /* waited for by the ordinary one */
	house.seen->daemon = daemon.pid;
	gate_wait(&house.ready);
	say("at the end of my target, both children run");
	span_end();
	span_begin("ends"); /* and is ended by nothing but its end */
	return 0;	    /* what mp does now is the scene */
}

static void play_end_of_a_parent(void)
{
	struct household house = { .seen = shared_memory(sizeof(*house.seen)) };
	struct mp_process p = { .target = parent_of_two,
				MP_ARGS(house),
				.name = "parent" };
	struct record record = record_start();

	gate_make(&house.ready);
	gate_make(&house.daemon_ends);
	check(start_process(&p));
	close(house.ready.out); /* as above: for those who wait inside */
	close(house.daemon_ends.out);
	check(join_process(&p, PATIENCE));
	span_begin("goes on");
	span_end();
	record_stop(&record);
	show_chart(&record);
	conclude(house.seen->terminated && kill(house.seen->daemon, 0) < 0,
		 "the daemonic child got SIGTERM at its parent's end");
	conclude(ended_before(&record, "target", "finishes") &&
			 ended_before(&record, "finishes", "goes on"),
		 "the ordinary child was waited for");
	free_memory(house.seen, sizeof(*house.seen));
	close(house.ready.in);
	close(house.daemon_ends.in);
}
/* endregion */

/* region: ctrl-c */
#define GROUP 3 /* processes: the leader and its two children */

struct group {
	struct gate ready; /* opened by each process of the group */
	struct gate never; /* closed with the end of the lab: so is the group */
};

static int wait_for_ctrl_c(const void *args, size_t size)
{
	struct group group = *(const struct group *)args;

	(void)size;
	gate_open(&group.ready);
	gate_wait(&group.never);
	return 0;
}

static int lead_a_group(const void *args, size_t size)
{
	struct mp_process child[GROUP - 1];

	check(setpgid(0, 0));	 /* as a shell does for each job */
	signal(SIGINT, SIG_DFL); /* a background job may have it ignored */
	for (int i = 0; i < GROUP - 1; i++) {
		child[i] = (struct mp_process){ .target = wait_for_ctrl_c,
						.args = args,
						.size = size };
		check(mp_process_start(&child[i]));
	}
	return wait_for_ctrl_c(args, size);
}

static void play_ctrl_c(void)
{
	struct group group;
	struct mp_process leader = { .target = lead_a_group, MP_ARGS(group) };
	int interrupted = 0, status;
	char byte[GROUP];

	gate_make(&group.ready);
	gate_make(&group.never);
	check(prctl(PR_SET_CHILD_SUBREAPER, 1)); /* to learn of them all */
	check(mp_process_start(&leader));
	close(group.ready.out); /* or we would wait for ever for a dead group */
	hear(group.ready.in, byte, GROUP);
	say("SIGINT to the process group %d, as Ctrl-C does", leader.pid);
	check(kill(-leader.pid, SIGINT));

	check(mp_process_join(&leader, PATIENCE));
	interrupted += mp_process_exitcode(&leader) == -SIGINT;
	while (waitpid(-leader.pid, &status, 0) > 0)
		interrupted += WIFSIGNALED(status) &&
			       WTERMSIG(status) == SIGINT;
	conclude(interrupted == GROUP,
		 "Ctrl-C reached %d of %d processes of the group", interrupted,
		 GROUP);
	check(prctl(PR_SET_CHILD_SUBREAPER, 0));
	close(group.ready.in);
	gate_close(&group.never);
}
/* endregion */

void play_daemon(void)
{
	play_end_of_a_parent();
	play_ctrl_c();
}
