/* export.c - a run as files; see export.h. */
#include "export.h"

#include "svg.h"
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOST_PANELS 64 /* pictures of one run */

static struct panel panels[MOST_PANELS];
static size_t panel_count;
static struct panel scene; /* the one that is played */
static bool kept;	   /* some of it */

static void keep(const struct record *record, const char *subtitle, int group)
{
	kept = true;
	if (panel_count == MOST_PANELS)
		return;
	panels[panel_count++] = (struct panel){ scene.title, subtitle,
						record_bounded(record), group };
}

void keep_picture(const struct record *record)
{
	keep(record, scene.subtitle, 0);
}

void keep_pictures(const struct record *records, const char *const *labels,
		   size_t count)
{
	static int groups;

	groups++;
	for (size_t i = 0; i < count; i++)
		keep(&records[i], labels[i], groups);
}

void export_scene_begin(const char *name, const char *question)
{
	scene = (struct panel){ name, question, record_start(), 0 };
	kept = false;
}

void export_scene_end(void)
{
	if (!kept)
		keep_picture(&scene.record);
}

static FILE *open_file(const char *name)
{
	if (strcmp(name, "-") == 0)
		return fdopen(dup(STDOUT_FILENO), "w");
	return fopen(name, "we");
}

/* A full disk shows when the last buffer is written, or not before the close. */
static int close_file(const char *option, const char *name, FILE *file)
{
	int failed = file == NULL || fflush(file) != 0 || ferror(file);
	int error = errno;

	if (file != NULL && fclose(file) != 0 && !failed) {
		failed = 1;
		error = errno;
	}
	if (failed)
		fprintf(stderr, "%s: %s: %s: %s\n",
			program_invocation_short_name, option, name,
			strerror(error));
	return failed ? -1 : 0;
}

int export_trace(const char *name)
{
	struct record all = { 0, SIZE_MAX };
	FILE *file = open_file(name);

	if (file != NULL)
		trace_write(file, &all);
	return close_file("--trace", name, file);
}

int export_svg(const char *name)
{
	FILE *file = open_file(name);

	if (file != NULL)
		svg_write(file, panels, panel_count);
	return close_file("--svg", name, file);
}

void export_dropped(void)
{
	size_t dropped = timeline_dropped();

	if (dropped > 0)
		fprintf(stderr, "%s: the record was full: %zu events dropped\n",
			program_invocation_short_name, dropped);
}
