/* chart.c - pictures made of characters; see chart.h. */
#include "chart.h"

#include "check.h"
#include "export.h"
#include "picture.h"
#include "run.h"
#include "say.h"
#include "signs.h"
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

#define NAME	  16  /* columns of a process's name at most, */
#define LABEL	  22  /* and of a label, each with the space behind it */
#define NARROW	  20  /* columns of the bars at least, */
#define WIDE	  160 /* and at most */
#define MOST_ROWS 10
static bool off;

void charts_off(void)
{
	off = true;
}

static int style_of(const struct picture *picture, const char *name)
{
	return FILLED + picture_name(picture, name);
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

/* How a line is divided, in columns. */
struct widths {
	int label; /* 0 where there is none */
	int name;
	int bars;
};

/* One process: alive, then its spans, the inner over the outer, then marks. */
static void show_row(const struct picture *picture, const struct row *row,
		     const struct record *record, const char *label,
		     const struct widths *widths, struct legend *legend)
{
	int columns = widths->bars;
	unsigned char cells[WIDE] = { NOTHING };
	char line[LABEL + NAME + WIDE * 4 + 1], *end = line;
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

		if (event == NULL || event->pid != row->pid ||
		    event->kind != EVENT_MARK)
			continue;
		cells[column(picture, event->time, columns)] = MARK;
		legend_add_mark(legend, event->name);
	}
	end += sprintf(line, "%-*.*s%-*.*s", widths->label, LABEL - 1, label,
		       widths->name, NAME - 1, row->name);
	for (int i = 0; i < columns; i++) {
		end = stpcpy(end, glyph(cells[i]));
		legend->shown[cells[i]] = true;
	}
	show("%s", line);
}

/* The axis: the times of its two ends and of its middle. */
static void show_axis(const struct picture *picture,
		      const struct widths *widths)
{
	int columns = widths->bars;
	double length = (picture->end - picture->begin) / 1e6;
	char middle[32], last[32];

	snprintf(middle, sizeof(middle), "%#.4g", length / 2);
	snprintf(last, sizeof(last), "%#.4g ms", length);
	show("%*s0%*s%*s", widths->label + widths->name, "", columns / 2,
	     middle, columns - columns / 2 - 1, last);
}

/* The lines on the terminal for each of so many pictures. */
static size_t rows_for(size_t count)
{
	int columns, lines;

	terminal_size(&columns, &lines);
	lines -= 8; /* question, axis, legend, conclusions */
	if (count == 1)
		return lines < 4 ? 4 : lines < MOST_ROWS ? lines : MOST_ROWS;
	return lines < 2 * (int)count ? 2 : lines / count;
}

static void set_columns(struct widths *widths)
{
	int columns, lines;

	terminal_size(&columns, &lines);
	columns -= widths->label + widths->name;
	widths->bars = columns < NARROW ? NARROW
		       : columns > WIDE ? WIDE
					: columns;
}

static void show_rows(const struct picture *picture,
		      const struct record *record, const char *label,
		      const struct widths *widths, size_t most,
		      struct legend *legend)
{
	for (size_t i = 0; i < picture->row_count && i < most; i++)
		show_row(picture, &picture->rows[i], record,
			 i == 0 ? label : "", widths, legend);
	if (picture->row_count == 0 && label[0] != '\0')
		show("%.*s", LABEL - 1, label);
	if (picture->row_count > most)
		show("... %zu more processes", picture->row_count - most);
}

void show_chart(const struct record *record)
{
	struct widths widths = { .name = NAME };
	struct legend legend = { 0 };
	struct picture picture;

	keep_picture(record);
	picture_make(&picture, record);
	set_columns(&widths);
	if (!off && picture.span_count > 0) {
		show_rows(&picture, record, "", &widths, rows_for(1), &legend);
		show_axis(&picture, &widths);
		show_legend(&picture, &legend, widths.name, widths.bars);
	}
	picture_free(&picture);
}

/* --- several ------------------------------------------------------------- */

/* The columns for a text, with the space behind it. */
static int widen(int width, const char *text, int most)
{
	int needed = (int)strlen(text) + 2;

	needed = needed < most ? needed : most;
	return width > needed ? width : needed;
}

/* Just as wide as the texts are: the bars have less room here. */
static struct widths widths_of(const struct picture *pictures,
			       const char *const *labels, size_t count)
{
	struct widths widths = { 0 };

	for (size_t i = 0; i < count; i++) {
		widths.label = widen(widths.label, labels[i], LABEL);
		for (size_t row = 0; row < pictures[i].row_count; row++)
			widths.name = widen(widths.name,
					    pictures[i].rows[row].name, NAME);
	}
	set_columns(&widths);
	return widths;
}

void show_charts(const struct record *records, const char *const *labels,
		 size_t count)
{
	struct picture *pictures = calloc(count + 1, sizeof(*pictures));
	struct legend legend = { 0 };
	struct widths widths;
	size_t spans = 0;

	keep_pictures(records, labels, count);
	if (pictures == NULL)
		die("show_charts");
	for (size_t i = 0; i < count; i++) {
		picture_make(&pictures[i], &records[i]);
		picture_leave_out(&pictures[i], getpid());
		spans += pictures[i].span_count;
	}
	pictures_align(pictures, count);
	widths = widths_of(pictures, labels, count);
	for (size_t i = 0; i < count && !off && spans > 0; i++)
		show_rows(&pictures[i], &records[i], labels[i], &widths,
			  rows_for(count), &legend);
	if (!off && spans > 0) {
		show_axis(&pictures[0], &widths);
		show_legend(&pictures[0], &legend, widths.label + widths.name,
			    widths.bars);
	}
	for (size_t i = 0; i < count; i++)
		picture_free(&pictures[i]);
	free(pictures);
}
