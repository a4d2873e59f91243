/* signs.c - the characters of a chart, and its legend; see signs.h. */
#include "signs.h"

#include "run.h"
#include "say.h"

#include <stdio.h>
#include <string.h>

static const char *const unicode[SIGNS] = { " ", "·", "◆", "▶", "█", "░",
					    "▓", "▒", "▄", "▀", "▚", "═",
					    "╳", "▌", "┅", "○" };
static const char *const ascii[SIGNS] = { " ", ".", "o", ">", "#", "-",
					  "=", "+", "%", "*", "&", "~",
					  "x", "|", ":", "@" };

const char *glyph(int sign)
{
	return run()->unicode ? unicode[sign] : ascii[sign];
}

void legend_add_mark(struct legend *legend, const char *name)
{
	legend->mark_count =
		add_once(legend->marks, legend->mark_count, LEGEND_MARKS, name);
}

struct entry {
	int sign;
	const char *text;
};

#define ENTRIES (PICTURE_NAMES + LEGEND_MARKS + 2)

/* All that is shown; that dots are processes alive comes last. */
static int collect_entries(const struct picture *picture,
			   const struct legend *legend, struct entry *entry)
{
	int count = 0;

	for (int i = 0; i < picture->name_count; i++)
		if (legend->shown[FILLED + i])
			entry[count++] =
				(struct entry){ FILLED + i, picture->names[i] };
	for (int i = 0; i < legend->mark_count; i++)
		entry[count++] = (struct entry){ MARK, legend->marks[i] };
	if (legend->shown[OPEN_END])
		entry[count++] = (struct entry){ OPEN_END, "never ended" };
	if (legend->shown[ALIVE])
		entry[count++] = (struct entry){ ALIVE, "alive" };
	return count;
}

#define LINES 2
#define GAP   2 /* columns between two entries */

/* The entries as lines. */
struct lines {
	char text[LINES][ENTRIES * (TIMELINE_NAME + 8)];
	int count;
};

/* Each entry with so many letters of its text at most. How many of them fit. */
static int wrap(struct lines *lines, const struct entry *entry, int count,
		int width, int letters)
{
	char *end = lines->text[0];
	int fit = 0, at = 0;

	lines->count = 1;
	for (; fit < count; fit++) {
		int length = (int)strlen(entry[fit].text);
		int needed = 2 + (length < letters ? length : letters);

		if (at > 0 && at + GAP + needed > width) {
			if (lines->count == LINES)
				break;
			end = lines->text[lines->count++];
			at = 0;
		}
		at += needed + (at > 0 ? GAP : 0);
		end += sprintf(end, "%*s%s %.*s", at > needed ? GAP : 0, "",
			       glyph(entry[fit].sign), letters,
			       entry[fit].text);
	}
	return fit;
}

/* Texts that are too long together begin at the left, and are cut if that is not
 * enough. That dots are processes alive is told where it takes no line more. */
void show_legend(const struct picture *picture, const struct legend *legend,
		 int indent, int width)
{
	struct entry entry[ENTRIES];
	struct lines lines, shorter;
	int count = collect_entries(picture, legend, entry);
	int letters = TIMELINE_NAME;

	if (wrap(&lines, entry, count, width, letters) < count) {
		width += indent;
		indent = 0;
	}
	while (wrap(&lines, entry, count, width, letters) < count &&
	       letters > 1)
		letters--;
	if (legend->shown[ALIVE]) {
		wrap(&shorter, entry, count - 1, width, letters);
		if (shorter.count < lines.count)
			lines = shorter;
	}
	for (int i = 0; i < lines.count; i++)
		show("%*s%s", indent, "", lines.text[i]);
}
