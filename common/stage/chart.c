/* chart.c - pictures made of characters; see chart.h. */
#include "chart.h"

#include "export.h"
#include "picture.h"
#include "run.h"
#include "say.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>

#define WIDEST 36 /* columns of the longest bar */

void show_bar(const char *label, double value, double most, const char *unit)
{
	const char *block = run()->unicode ? "█" : "#";
	int length = most > 0 ? (int)(value / most * WIDEST + 0.5) : 0;
	char bar[WIDEST * sizeof("█")] = "", *end = bar;

	for (int i = 0; i < length && i < WIDEST; i++)
		end = stpcpy(end, block);
	show("%-26s %s%s%.2f %s", label, bar, length > 0 ? " " : "", value,
	     unit);
}

/* --- the chart of a record ----------------------------------------------- */

#define LABEL	  16  /* columns */
#define NARROW	  30  /* columns of the bars at least, */
#define WIDE	  160 /* and at most */
#define MOST_ROWS 10
#define STYLES	  6 /* ways to fill a bar */

enum cell { NOTHING, ALIVE, MARK, OPEN_END, FILLED }; /* FILLED + style */

static const char *const unicode[] = { " ", "·", "◆", "▶", "█",
				       "░", "▓", "▒", "▄", "▀" };
static const char *const ascii[] = { " ", ".", "o", ">", "#",
				     "-", "=", "+", "%", "*" };

static bool off;

void charts_off(void)
{
	off = true;
}

static const char *glyph(int cell)
{
	return run()->unicode ? unicode[cell] : ascii[cell];
}

static int style_of(const struct picture *picture, const char *name)
{
	return FILLED + picture_name(picture, name) % STYLES;
}

/* The column of a moment. */
static int column(const struct picture *picture, int64_t time, int columns)
{
	int64_t length = picture->end - picture->begin;

	if (length <= 0)
		return 0;
	return (int)((time - picture->begin) * (columns - 1) / length);
}

static void fill(unsigned char *cells, int from, int to, int with)
{
	memset(cells + from, with, to - from + 1);
}

/* One process: alive, then its spans, the inner over the outer, then marks. */
static void show_row(const struct picture *picture, const struct row *row,
		     const struct record *record, int columns)
{
	unsigned char cells[WIDE] = { NOTHING };
	char line[LABEL + WIDE * 4 + 1], *end = line;
	struct record in = record_bounded(record);

	fill(cells, column(picture, row->first, columns),
	     column(picture, row->last, columns), ALIVE);
	for (size_t i = 0; i < picture->span_count; i++) {
		const struct span *span = &picture->spans[i];
		int to = column(picture, span->end, columns);

		if (span->pid != row->pid)
			continue;
		fill(cells, column(picture, span->begin, columns), to,
		     style_of(picture, span->name));
		if (span->open)
			cells[to] = OPEN_END;
	}
	for (size_t i = in.first; i < in.end; i++) {
		const struct event *event = record_event(i);

		if (event != NULL && event->pid == row->pid &&
		    event->kind == EVENT_MARK)
			cells[column(picture, event->time, columns)] = MARK;
	}
	end += sprintf(line, "%-*.*s", LABEL, LABEL - 1, row->name);
	for (int i = 0; i < columns; i++)
		end = stpcpy(end, glyph(cells[i]));
	show("%s", line);
}

/* The axis: the times of its two ends and of its middle. */
static void show_axis(const struct picture *picture, int columns)
{
	double length = (picture->end - picture->begin) / 1e6;
	char middle[32], last[32];

	snprintf(middle, sizeof(middle), "%#.4g", length / 2);
	snprintf(last, sizeof(last), "%#.4g ms", length);
	show("%*s0%*s%*s", LABEL, "", columns / 2, middle,
	     columns - columns / 2 - 1, last);
}

/* One line: names that are too long together are cut, each to its share. */
static void show_legend(const struct picture *picture, int columns)
{
	char line[PICTURE_NAMES * (TIMELINE_NAME + 8)] = "", *end = line;
	int all = 0, share = TIMELINE_NAME;

	for (int i = 0; i < picture->name_count; i++)
		all += (int)strlen(picture->names[i]) + 4;
	if (all > columns)
		share = columns / picture->name_count - 4;
	for (int i = 0; i < picture->name_count; i++)
		end += sprintf(end, "%s %.*s%s",
			       glyph(style_of(picture, picture->names[i])),
			       share > 1 ? share : 1, picture->names[i],
			       i + 1 < picture->name_count ? "  " : "");
	show("%*s%s", LABEL, "", line);
}

void show_chart(const struct record *record)
{
	struct picture picture;
	int columns, lines;
	size_t rows;

	keep_picture(record);
	picture_make(&picture, record);
	terminal_size(&columns, &lines);
	columns -= LABEL;
	columns = columns < NARROW ? NARROW : columns > WIDE ? WIDE : columns;
	rows = lines - 8 < MOST_ROWS ? (lines < 12 ? 4 : lines - 8) : MOST_ROWS;

	if (!off && picture.span_count > 0) {
		for (size_t i = 0; i < picture.row_count && i < rows; i++)
			show_row(&picture, &picture.rows[i], record, columns);
		if (picture.row_count > rows)
			show("... %zu more processes",
			     picture.row_count - rows);
		show_axis(&picture, columns);
		show_legend(&picture, columns);
	}
	picture_free(&picture);
}
