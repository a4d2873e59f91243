/* say.c - narration and conclusions; see say.h. */
#include "say.h"

#include "check.h"
#include "deadline.h"
#include "io.h"
#include "process.h"
#include "progress.h"
#include "run.h"
#include "terminal.h"
#include "timeline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 512 /* bytes; longer ones are cut, to stay one write */

static _Thread_local const char *speaker;
static struct conclusion *list;
static int count;
static const char *scene_now;

void speak_as(const char *name)
{
	speaker = name;
	timeline_introduce();
}

const char *speaker_name(void)
{
	return speaker != NULL ? speaker : mp_current_process()->name;
}

/* One line, one write. A full disk or a closed pipe ends the run. */
static void put(char *line, int size)
{
	if (run()->quiet)
		return;
	if (size > LINE - 2)
		size = LINE - 2;
	line[size] = '\n';
	progress_erase();
	if (write_full(STDOUT_FILENO, line, size + 1) < 0)
		die("stdout");
}

void say(const char *format, ...)
{
	char text[LINE], line[LINE];
	va_list args;
	int size;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	size = snprintf(line, sizeof(line), "%7.3f  %s%-13s%s %s",
			monotonic_now() - run()->start, paint(CYAN),
			speaker_name(), paint(PLAIN), text);
	put(line, size);
}

void show(const char *format, ...)
{
	char line[LINE];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	put(line, size);
}

void show_conclusion(const struct conclusion *it, bool with_scene)
{
	show("%s%s %s%s%s%s", paint(it->held ? GREEN : RED),
	     it->held ? "=>" : "!!", with_scene ? it->scene : "",
	     with_scene ? ": " : "", it->text, paint(PLAIN));
}

void conclude(bool held, const char *format, ...)
{
	struct conclusion *it;
	va_list args;

	list = realloc(list, (count + 1) * sizeof(*list));
	if (list == NULL)
		die("conclude");
	it = &list[count++];
	it->scene = scene_now;
	it->held = held;
	va_start(args, format);
	vsnprintf(it->text, sizeof(it->text), format, args);
	va_end(args);

	show_conclusion(it, false);
	if (run()->stepping)
		wait_for_enter();
}

void conclusions_for(const char *scene)
{
	scene_now = scene;
}

const struct conclusion *conclusions(int *number)
{
	*number = count;
	return list;
}
