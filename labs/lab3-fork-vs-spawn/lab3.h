/*
 * lab3.h - what the files of lab 3 share
 */
#ifndef LAB3_H
#define LAB3_H

#include "process.h"

#include <stdbool.h>
#include <stddef.h>

/* --- lab3.c: what the children look at --------------------------------- */

extern int above_the_guard; /* 1 once main() has begun */
extern int below_the_guard; /* 42 once main() has passed mp_guard() */
extern pid_t main_ran_in;   /* the process that ran main() */
extern int variable;	    /* for `by-hand`: 1 in a new image */

int main(int argc, char *argv[]);

/* --- lab3-again.c: this program once more, by hand --------------------- */

#define STORM_LIMIT 5	      /* processes in a row, without a guard */
#define AGAIN	    "--again" /* argv[1] of this program when a scene exec'd it */

/* What main() does in such a process: argv[2] is the part it plays. */
int play_again(int argc, char *argv[]);

/* For a forked child: execve(2) of this program in that part. The number
 * becomes argv[3]; it is a descriptor to report to, without close-on-exec. */
_Noreturn void exec_again(const char *part, int number);

/*
 * Starts target by that method, with the arguments but for their first member,
 * an int, which becomes the descriptor that target reports its answer to. One
 * more descriptor is kept by a spawned child, unless it is -1.
 */
void ask(enum mp_method method, mp_target *target, void *args, size_t args_size,
	 int keep, void *answer, size_t size);

/* --- lab3-cost.c: how long a start takes ------------------------------- */

extern size_t max_rss; /* --max-rss: the largest parent that it measures */

/* --- the scenes -------------------------------------------------------- */

void play_no_guard(void);	  /* lab3-guard.c */
void play_guard(void);		  /* lab3-guard.c */
void play_pickle(void);		  /* lab3-pickle.c */
void play_shared_or_copied(void); /* lab3-copies.c */
void play_copy_on_write(void);	  /* lab3-copies.c */
void play_stdio(void);		  /* lab3-copies.c */
void play_descriptors(void);	  /* lab3-copies.c */
void play_cost(void);		  /* lab3-cost.c */
void play_table(void);		  /* lab3-table.c */

#endif
