/*
 * terminal.h - what the output goes to, and what it can show
 */
#ifndef STAGE_TERMINAL_H
#define STAGE_TERMINAL_H

#include <stdbool.h>

enum colour { PLAIN, BOLD, GREEN, RED, CYAN };

/* The escape sequence for it, or "" in a run without colours. */
const char *paint(enum colour colour);

/* Is it a terminal that knows escape sequences (TERM is not dumb)? */
bool is_terminal(int fd);

/* Is stdout one? */
bool on_terminal(void);

/* What --color=auto comes to: such a terminal, and NO_COLOR unset or empty. */
bool wants_colour(void);

/* Does the locale encode text in UTF-8? */
bool speaks_utf8(void);

/* Columns and lines of the terminal; 80 and 24 where there is none. */
void terminal_size(int *columns, int *lines);

/* Empties the screen, on a terminal. */
void clear_screen(void);

/* Waits for Enter on stdin; at its end, no longer waits at all. */
void wait_for_enter(void);

#endif
