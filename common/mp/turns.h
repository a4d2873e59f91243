/*
 * turns.h - who may send on an end of a connection, and who receive
 *
 * For connection.c, send.c, receive.c and pass.c. A frame takes several calls,
 * and so it is one process's turn: each end has two locks in memory that all
 * who have a copy of it share, and beside each lock how far the stream is.
 * Built on lock.h.
 */
#ifndef MP_TURNS_H
#define MP_TURNS_H

#include "connection.h"
#include "frame.h"
#include "lock.h"

/* region: turns */
/* How far a stream is. Anything else is the errno that broke it. */
#define WHOLE  0    /* between two frames */
#define INSIDE (-1) /* in the middle of one */

/* volatile: whoever is killed must have stored things in this order. */
struct stream {
	pthread_mutex_t turn; /* whose holder alone sends, or receives */
	volatile int state;
};

struct connection_turns {
	struct stream sending, receiving;
	volatile unsigned char head[FRAME_HEAD]; /* of the next message */
	volatile bool has_length;		 /* the head is whole: */
	volatile size_t length;			 /* so many bytes follow */
};

/* In the first and the fourth byte of head: nothing has been read there. No
 * length begins with it. */
#define NO_HEAD 0xe3
/* endregion */

/* Makes both streams, WHOLE. */
void turns_place(struct connection_turns *turns);

/*
 * Is this end for that, and open? `may` is its readable or writable. -1: EBADF.
 */
int check_may(bool may);

/*
 * Takes the turn. A holder who died in the middle of a frame broke the stream.
 * -1: ETIMEDOUT, or what broke it.
 */
int take_turn(struct stream *stream, double timeout);

/* Gives the turn back. Who leaves the stream INSIDE has broken it: by errno,
 * which stays as it is. */
void pass_turn(struct stream *stream);

/* Waits until the descriptor can be read from (POLLIN) or written to (POLLOUT).
 * -1: ETIMEDOUT. */
int wait_for(int fd, short event, double deadline);

/*
 * receive.c's: takes the turn, and learns how long the next message is, which
 * is turns->length. The caller reads so many bytes, tells by message_taken(),
 * and passes the turn; or passes it at once, and the message is still the
 * next. -1 as mp_connection_recv_bytes().
 */
int begin_receive(const struct mp_connection *from, double timeout,
		  double deadline);
void message_taken(struct connection_turns *turns);

#endif
