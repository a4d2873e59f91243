/*
 * lab8.h - what the files of lab 8 share
 */
#ifndef LAB8_H
#define LAB8_H

#include "shared.h"

#include <sys/types.h>

/* --- lab8-names.c ------------------------------------------------------ */

#define AGAIN "--again" /* argv[1] of this program when a scene exec'd it */

/* What main() does in such a process: argv[2] is a name to attach by. */
int play_again(int argc, char *argv[]);

/* --- lab8-tracker.c: names and holders --------------------------------- */

/*
 * A process that does one thing: when nobody is left who holds the other end of
 * its pipe, it removes a name. So none is left over however the scene ends:
 * Ctrl-C, a failure, SIGKILL. Start it before the name is made. Forked children
 * hold that end, too; the last one of them counts.
 */
struct tracker {
	char name[MP_SHARED_NAME_SIZE]; /* below /dev/shm, of this run alone */
	pid_t pid;			/* of the process */
	int held;			/* our end of its pipe */
};

void tracker_start(struct tracker *tracker);

/* Lets go of it, and waits until it has removed the name. */
void tracker_end(struct tracker *tracker);

/* Which processes have a file. */
struct holders {
	int mapping; /* how many have it in /proc/PID/maps */
	int opening; /* how many have it in /proc/PID/fd */
};

struct holders find_holders(dev_t device, ino_t inode);

/* --- the scenes -------------------------------------------------------- */

extern int increments; /* --count: in `increments`, by each process */

void play_lost_update(void);	       /* lab8-count.c */
void play_increments(void);	       /* lab8-count.c */
void play_by_descriptor_or_name(void); /* lab8-names.c */
void play_killed(void);		       /* lab8-names.c */
void play_manager(void);	       /* lab8-manager.c */

#endif
