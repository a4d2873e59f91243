/*
 * export.h - a run as files: --trace and --svg
 *
 * The trace is the whole record. The SVG has a picture a scene: the stretches
 * that the scene kept, or all of it if it kept none.
 */
#ifndef STAGE_EXPORT_H
#define STAGE_EXPORT_H

#include "timeline.h"

/* A stretch that is to be in the SVG; show_chart() keeps what it shows. */
void keep_picture(const struct record *record);

/* Several that are to be compared: over one axis, each under its label, which
 * lives until the run ends. show_charts() keeps what it shows. */
void keep_pictures(const struct record *records, const char *const *labels,
		   size_t count);

/* For stage.c: around each scene. */
void export_scene_begin(const char *name, const char *question);
void export_scene_end(void);

/*
 * For stage.c: writes what was recorded to the file of that name; "-" is stdout.
 * 0, or -1 when it has said on stderr what failed.
 */
int export_trace(const char *name);
int export_svg(const char *name);

/* Says on stderr how many events did not fit, if any. */
void export_dropped(void);

#endif
