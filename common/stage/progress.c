/* progress.c - a line that moves while a long scene runs; see progress.h. */
#include "progress.h"

#include "deadline.h"
#include "io.h"
#include "run.h"
#include "terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WIDEST 60	  /* columns, and the final 0 */
#define PAUSE  0.1	  /* seconds between two looks of it */
#define ERASE  "\r\033[K" /* to the first column, and all behind it off */

static bool shown;
static double next; /* when it may change */

/* The cursor stays at the beginning of the line: if the run is killed, the
 * shell writes over it. */
void progress(const char *format, ...)
{
	double now = monotonic_now();
	char text[WIDEST], line[sizeof(ERASE) + WIDEST];
	va_list args;

	if (now < next)
		return;
	next = now + PAUSE;
	if (run()->quiet || !is_terminal(STDERR_FILENO))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(line, sizeof(line), ERASE "%s\r", text);
	write_full(STDERR_FILENO, line, strlen(line));
	shown = true;
}

void progress_erase(void)
{
	if (shown)
		write_full(STDERR_FILENO, ERASE, strlen(ERASE));
	shown = false;
	next = 0;
}
