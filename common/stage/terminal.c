/* terminal.c - what the output goes to; see terminal.h. */
#include "terminal.h"

#include "io.h"
#include "run.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const char *paint(enum colour colour)
{
	static const char *const escape[] = {
		[PLAIN] = "\033[0m",  [BOLD] = "\033[1m",  [GREEN] = "\033[32m",
		[RED] = "\033[1;31m", [CYAN] = "\033[36m",
	};

	return run()->colour ? escape[colour] : "";
}

bool is_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

bool on_terminal(void)
{
	return is_terminal(STDOUT_FILENO);
}

bool wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR");

	return on_terminal() && (no_colour == NULL || no_colour[0] == '\0');
}

bool speaks_utf8(void)
{
	setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

void terminal_size(int *columns, int *lines)
{
	struct winsize size;

	*columns = 80;
	*lines = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return;
	*columns = size.ws_col;
	*lines = size.ws_row;
}

static void send_escape(const char *sequence)
{
	if (on_terminal())
		write_full(STDOUT_FILENO, sequence, strlen(sequence));
}

void clear_screen(void)
{
	send_escape("\033[H\033[2J\033[3J");
}

void wait_for_enter(void)
{
	static bool at_end;
	char c = 0;

	if (at_end)
		return;
	send_escape("\033[7m Enter \033[0m");
	while (c != '\n') {
		ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			at_end = true;
			break;
		}
	}
	/* The terminal echoed the Enter: go up, and take the prompt off. */
	send_escape(at_end ? "\r\033[2K" : "\033[A\r\033[2K");
}
