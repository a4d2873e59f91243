/*
 * lab4.h - what the files of lab 4 share
 */
#ifndef LAB4_H
#define LAB4_H

#include "gate.h"
#include "process.h"

#include <stddef.h>

/* --- lab4-players.c: children that take their steps when told to -------- */

/*
 * A forked child of a scene. It takes each step when the lab lets it, and then
 * answers with a number: so the lab decides what comes after what.
 */
struct player {
	struct mp_process process;
	const void *scene;   /* what the scene's processes all know */
	struct gate steps;   /* the lab opens it once for each step */
	struct gate answers; /* what came of the step */
};

/* For the lab: starts one. The arguments of part are this struct. */
void start_player(struct player *player, const char *name, mp_target *part,
		  const void *scene);

/* For the lab: lets it take a step; hears what came of it; both. */
void let_step(const struct player *player);
long hear_answer(const struct player *player);
long step(const struct player *player);

/* For the lab: stops it in the middle of a step, wherever it is; it goes on. It
 * calls may_be_held() first, and so is not left behind, stopped, by a lab that
 * is killed. */
void hold(const struct player *player);
void let_go_on(const struct player *player);
void may_be_held(void);

/* For the lab: waits for its end, after its last step. */
void dismiss(struct player *player);

/* For the child: before each of its steps, and after. */
void await_step(struct player *me);
void answer(const struct player *me, long value);

/* --- lab4-players.c: reads and writes that may fail --------------------- */

/* read(2) and write(2): what they return, or the errno they set, negative. */
long try_read(int fd, void *bytes, size_t size);
long try_write(int fd, const void *bytes, size_t size);

/* Such an answer as a word: "4096", "EAGAIN". It lasts until the next call. */
const char *outcome(long answer);

/* The bytes that wait in a pipe; waits until they are no longer so many. */
long waiting_in(int fd);
void await_change(int fd, long waiting);

/* Puts so many bytes into an empty pipe, a page at a time, as in pipe(7). */
void fill(int fd, long bytes);

/* --- the scenes -------------------------------------------------------- */

void play_one_reader(void);	/* lab4-readers.c */
void play_end_of_file(void);	/* lab4-ends.c */
void play_broken_pipe(void);	/* lab4-ends.c */
void play_two_way(void);	/* lab4-messages.c */
void play_capacity(void);	/* lab4-room.c */
void play_torn(void);		/* lab4-room.c */
void play_data_is_copied(void); /* lab4-messages.c */

#endif
