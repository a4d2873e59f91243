/*
 * signs.h - the characters of a chart, and the legend that tells what they mean
 */
#ifndef STAGE_SIGNS_H
#define STAGE_SIGNS_H

#include "picture.h"

#include <stdbool.h>

/* What a column of a row shows: one of these, or FILLED + a name's number. */
enum sign { NOTHING, ALIVE, MARK, OPEN_END, FILLED };
#define SIGNS (FILLED + PICTURE_NAMES)

/* The character for it: a block where the locale is UTF-8, ASCII where not. */
const char *glyph(int sign);

#define LEGEND_MARKS 4 /* names of marks in it at most */

/* What the rows of a chart show, and so what its legend is to tell of. */
struct legend {
	bool shown[SIGNS];
	const char *marks[LEGEND_MARKS];
	int mark_count;
};

void legend_add_mark(struct legend *legend, const char *name);

/* Shows it behind so many spaces, so many columns wide, in two lines at most. */
void show_legend(const struct picture *picture, const struct legend *legend,
		 int indent, int width);

#endif
