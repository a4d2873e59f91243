/* lab7.h - what the files of lab 7 have in common. */
#ifndef LAB7_H
#define LAB7_H

#include "handshake.h"
#include "listener.h"

#include <signal.h>

#define LINE 64 /* bytes of a text that is sent, its final 0 included */

/* Sends a text as a message; receives one. Each within PATIENCE. */
void send_text(struct mp_connection *to, const char *text);
void receive_text(struct mp_connection *from, char text[LINE]);

/* --- lab7-folder.c ------------------------------------------------------ */

/* A folder for a socket file. */
struct folder {
	char path[MP_ADDRESS_SIZE];
	char address[MP_ADDRESS_SIZE]; /* of a socket file in it */
	pid_t keeper;		       /* removes both, see folder_make() */
	int end;		       /* what the keeper waits at */
};

/*
 * Makes a folder under TMPDIR, or under /tmp. A process of its own removes it,
 * once this one has ended: by folder_remove(), by Ctrl-C, or however. The
 * address in it, for a listener.
 */
const char *folder_make(struct folder *folder);
void folder_remove(struct folder *folder);

/* The same for the file of a listener, if it has one: opened while signals were
 * held, so that no Ctrl-C comes between. */
void hold_signals(sigset_t *before);
void keep_file(const struct mp_listener *listener);
void release_signals(const sigset_t *before);

/* --- lab7-key.c --------------------------------------------------------- */

/* May there be keys at all? If not, tells what to install. */
bool have_keys(void);

/* A key of that text. Only if have_keys(). */
struct mp_authkey key_of(const char *text);

extern double patience; /* --patience: seconds for a message of a handshake */

void play_authkey(void);

/* --- the others --------------------------------------------------------- */

extern size_t memory_size; /* --memory: that crosses in `pass-descriptor` */

void play_pass_descriptor(void);
void play_interop(void);

/* lab7-echo.c: --listen and --connect, see stage_instead(). */
extern const char *listen_at, *connect_to, *authkey, *text_to_send;

int listen_or_connect(const char *scene);

/* Targets of spawned children are found by name, and so are not static. */
int client(const void *args, size_t size);
int look_into_parcel(const void *args, size_t size);

#endif
