/*
 * svg.h - the timeline as a picture for a slide or a page
 */
#ifndef STAGE_SVG_H
#define STAGE_SVG_H

#include "timeline.h"

#include <stdio.h>

/* A record with its title: a scene and its question. */
struct panel {
	const char *title;
	const char *subtitle;
	struct record record;
	int group; /* those of one group are over one axis; 0: of none */
};

/*
 * Writes the panels that have something in them, one below the other, as one SVG
 * file: titles for screen readers, light and dark by what the reader prefers.
 * Whoever called looks at ferror(3) and fclose(3).
 */
void svg_write(FILE *file, const struct panel *panels, size_t count);

#endif
