/* svg.c - the timeline as a picture; see svg.h. */
#include "svg.h"

#include "check.h"
#include "picture.h"

#include <stdlib.h>
#include <string.h>

/* All in the units of the picture, which are pixels at its own size. */
#define WIDTH	  900
#define LABEL	  150 /* of the rows, to the left */
#define MARGIN	  16
#define ROW	  30
#define BAR	  20
#define NESTED	  4   /* how much lower each inner span is */
#define LETTER	  7.2 /* width of one, at 12 pixels: a bound, not a mean */
#define HEAD	  52  /* title, subtitle and a little space */
#define FOOT	  64  /* axis and legend */
#define MOST_ROWS 40
#define TICKS	  4

/* Two sets of colours that differ in lightness too, not in hue alone. */
static const char style[] =
	"<style>\n"
	"svg { font: 12px system-ui, sans-serif; }\n"
	".page { fill: #ffffff; } .text { fill: #1b1f24; }\n"
	".faint { fill: #59636e; } .line { stroke: #d1d9e0; }\n"
	".life { stroke: #818b98; } .on { fill: #ffffff; }\n"
	".arrow { stroke: #1b1f24; fill: none; } .head { fill: #1b1f24; }\n"
	".join { stroke-dasharray: 7 4; } .message { stroke-dasharray: 2 3; }\n"
	".c0 { fill: #0757ba; } .c1 { fill: #9a5b00; } .c2 { fill: #116329; }\n"
	".c3 { fill: #6f2fb8; } .c4 { fill: #a0111f; } .c5 { fill: #4a5561; }\n"
	".c6 { fill: #00707a; } .c7 { fill: #b3186f; } .c8 { fill: #6b6400; }\n"
	".c9 { fill: #33339a; } .c10 { fill: #b34000; }\n"
	".c11 { fill: #24292f; }\n"
	"@media (prefers-color-scheme: dark) {\n"
	".page { fill: #0d1117; } .text { fill: #e6edf3; }\n"
	".faint { fill: #9198a1; } .line { stroke: #30363d; }\n"
	".life { stroke: #6e7681; } .on { fill: #0d1117; }\n"
	".arrow { stroke: #e6edf3; } .head { fill: #e6edf3; }\n"
	".c0 { fill: #79c0ff; } .c1 { fill: #f0b72f; } .c2 { fill: #6fdd8b; }\n"
	".c3 { fill: #d2a8ff; } .c4 { fill: #ff9a92; } .c5 { fill: #b1bac4; }\n"
	".c6 { fill: #5cd6e0; } .c7 { fill: #ff8ac4; } .c8 { fill: #d8d050; }\n"
	".c9 { fill: #a5a8ff; } .c10 { fill: #ffa057; }\n"
	".c11 { fill: #e6edf3; }\n"
	"}\n"
	"</style>\n"
	"<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
	"markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
	"<path class=\"head\" d=\"M0 0 L8 4 L0 8 z\"/></marker></defs>\n";

static void write_text(FILE *file, const char *text)
{
	for (; *text != '\0'; text++)
		switch (*text) {
		case '&':
			fputs("&amp;", file);
			break;
		case '<':
			fputs("&lt;", file);
			break;
		case '>':
			fputs("&gt;", file);
			break;
		default:
			fputc(*text, file);
		}
}

static size_t shown_rows(const struct picture *picture)
{
	return picture->row_count < MOST_ROWS ? picture->row_count : MOST_ROWS;
}

static double x_of(const struct picture *picture, int64_t time)
{
	double length = (double)(picture->end - picture->begin);
	double room = WIDTH - LABEL - 2 * MARGIN;

	if (length <= 0)
		return LABEL + MARGIN;
	return LABEL + MARGIN + (time - picture->begin) / length * room;
}

static double y_of(size_t row)
{
	return HEAD + (double)row * ROW;
}

static double milliseconds(int64_t from, int64_t to)
{
	return (to - from) / 1e6;
}

/* A line of text, cut where it would leave its room. */
static void write_line(FILE *file, double x, double y, double room,
		       const char *class, const char *text)
{
	int most = (int)(room / LETTER);
	char cut[256];

	if (most < 1)
		return;
	if ((int)strlen(text) > most)
		snprintf(cut, sizeof(cut), "%.*s…", most > 1 ? most - 1 : 0,
			 text);
	else
		snprintf(cut, sizeof(cut), "%s", text);
	fprintf(file, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
	write_text(file, cut);
	fprintf(file, "</text>\n");
}

static void write_axis(FILE *file, const struct picture *picture)
{
	double bottom = y_of(shown_rows(picture));

	for (int i = 0; i <= TICKS; i++) {
		int64_t length = picture->end - picture->begin;
		int64_t time = picture->begin + length * i / TICKS;
		double x = x_of(picture, time);
		const char *anchor = i == 0	  ? "start"
				     : i == TICKS ? "end"
						  : "middle";

		fprintf(file,
			"<line class=\"line\" x1=\"%.1f\" y1=\"%d\" "
			"x2=\"%.1f\" y2=\"%.1f\"/>\n",
			x, HEAD, x, bottom);
		fprintf(file,
			"<text class=\"faint\" x=\"%.1f\" y=\"%.1f\" "
			"text-anchor=\"%s\">%.4g ms</text>\n",
			x, bottom + 16, anchor,
			milliseconds(picture->begin, time));
	}
}

static void write_rows(FILE *file, const struct picture *picture)
{
	for (size_t i = 0; i < shown_rows(picture); i++) {
		const struct row *row = &picture->rows[i];
		double middle = y_of(i) + ROW / 2.0;

		write_line(file, MARGIN, middle + 4, LABEL - MARGIN, "text",
			   row->name);
		fprintf(file,
			"<line class=\"life\" x1=\"%.1f\" y1=\"%.1f\" "
			"x2=\"%.1f\" y2=\"%.1f\"/>\n",
			x_of(picture, row->first), middle,
			x_of(picture, row->last), middle);
	}
}

/* The text stands in the bar where it has room; the title tells it anyway. */
static void write_span(FILE *file, const struct picture *picture,
		       const struct span *span, double until)
{
	size_t row = picture_row(picture, span->pid);
	double x = x_of(picture, span->begin);
	double width = x_of(picture, span->end) - x;
	double lower = span->depth < 3 ? span->depth * NESTED : 2 * NESTED;
	double y = y_of(row) + (ROW - BAR) / 2.0 + lower;
	double room = (until < x + width ? until - x : width) - 8;

	if (row >= shown_rows(picture))
		return;
	width = width < 1.5 ? 1.5 : width;
	fprintf(file, "<g><title>");
	write_text(file, picture->rows[row].name);
	fprintf(file, ": ");
	write_text(file, span->name);
	fprintf(file,
		", %.3f ms%s</title>"
		"<rect class=\"c%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
		"height=\"%.1f\" rx=\"2\"/>\n",
		milliseconds(span->begin, span->end),
		span->open ? ", never ended" : "",
		picture_name(picture, span->name), x, y, width, BAR - lower);
	if (room >= strlen(span->name) * LETTER)
		write_line(file, x + 4, y + (BAR - lower) / 2 + 4, room + 8,
			   "on", span->name);
	if (span->open)
		fprintf(file,
			"<path class=\"c%d\" d=\"M%.1f %.1f l8 %.1f l-8 %.1f "
			"z\"/>\n",
			picture_name(picture, span->name), x + width, y,
			(BAR - lower) / 2, (BAR - lower) / 2);
	fprintf(file, "</g>\n");
}

/* Where the first span inside this one begins: its text must end there. */
static double first_inside(const struct picture *picture, size_t outer)
{
	const struct span *spans = picture->spans;

	for (size_t i = outer + 1;
	     i < picture->span_count && spans[i].begin < spans[outer].end; i++)
		if (spans[i].pid == spans[outer].pid &&
		    spans[i].depth > spans[outer].depth)
			return x_of(picture, spans[i].begin);
	return WIDTH;
}

static void write_arrows(FILE *file, const struct picture *picture)
{
	for (size_t i = 0; i < picture->arrow_count; i++) {
		const struct arrow *it = &picture->arrows[i];
		bool down = it->to > it->from;
		double edge = (ROW - BAR) / 2.0;

		if (it->from >= shown_rows(picture) ||
		    it->to >= shown_rows(picture))
			continue;
		fprintf(file,
			"<path class=\"arrow %s\" marker-end=\"url(#head)\" "
			"d=\"M%.1f %.1f L%.1f %.1f\"><title>%s</title></path>\n",
			it->what, x_of(picture, it->begin),
			y_of(it->from) + (down ? ROW - edge : edge),
			x_of(picture, it->end),
			y_of(it->to) + (down ? edge : ROW - edge), it->what);
	}
}

static void write_marks(FILE *file, const struct picture *picture,
			const struct record *record)
{
	struct record in = record_bounded(record);

	for (size_t i = in.first; i < in.end; i++) {
		const struct event *event = record_event(i);
		size_t row;

		if (event == NULL || event->kind != EVENT_MARK)
			continue;
		row = picture_row(picture, event->pid);
		if (row >= shown_rows(picture))
			continue;
		fprintf(file,
			"<path class=\"text\" d=\"M%.1f %.1f l4 5 l-4 5 l-4 -5 "
			"z\"><title>",
			x_of(picture, event->time), y_of(row) + ROW / 2.0 - 5);
		write_text(file, event->name);
		fprintf(file, "</title></path>\n");
	}
}

/* What the legend tells of: "span" or "mark" by its name, the kinds of arrows,
 * and whether there is a span that never ended. */
struct entry {
	const char *kind; /* "start", "join" and "message" are the arrows' */
	const char *text;
};

#define MARKS	4 /* names of marks in the legend at most */
#define KINDS	4
#define ENTRIES (PICTURE_NAMES + MARKS + KINDS)

static int collect_marks(const struct picture *picture,
			 const struct record *record, const char **names)
{
	struct record in = record_bounded(record);
	int count = 0;

	for (size_t i = in.first; i < in.end; i++) {
		const struct event *event = record_event(i);

		if (event != NULL && event->kind == EVENT_MARK &&
		    picture_row(picture, event->pid) < shown_rows(picture))
			count = add_once(names, count, MARKS, event->name);
	}
	return count;
}

static bool has_kind(const struct picture *picture, const char *kind)
{
	for (size_t i = 0; i < picture->arrow_count; i++)
		if (strcmp(picture->arrows[i].what, kind) == 0)
			return true;
	for (size_t i = 0; i < picture->span_count; i++)
		if (picture->spans[i].open && strcmp(kind, "open") == 0)
			return true;
	return false;
}

static int collect_entries(const struct picture *picture,
			   const struct record *record, struct entry *entry)
{
	static const struct entry kinds[KINDS] = { { "open", "never ended" },
						   { "start", "a start" },
						   { "join", "a join" },
						   { "message", "a message" } };
	const char *marks[MARKS];
	int mark_count = collect_marks(picture, record, marks), count = 0;

	for (int i = 0; i < picture->name_count; i++)
		entry[count++] = (struct entry){ "span", picture->names[i] };
	for (int i = 0; i < mark_count; i++)
		entry[count++] = (struct entry){ "mark", marks[i] };
	for (int i = 0; i < KINDS; i++)
		if (has_kind(picture, kinds[i].kind))
			entry[count++] = kinds[i];
	return count;
}

/* The number counts the spans' colours. */
static void write_sign(FILE *file, const char *kind, int number, double x,
		       double y)
{
	if (strcmp(kind, "span") == 0)
		fprintf(file,
			"<rect class=\"c%d\" x=\"%.1f\" y=\"%.1f\" width=\"12\" "
			"height=\"12\" rx=\"2\"/>\n",
			number, x, y);
	else if (strcmp(kind, "mark") == 0)
		fprintf(file,
			"<path class=\"text\" d=\"M%.1f %.1f l4 5 l-4 5 l-4 -5 "
			"z\"/>\n",
			x + 6, y + 1);
	else if (strcmp(kind, "open") == 0)
		fprintf(file,
			"<path class=\"faint\" d=\"M%.1f %.1f l8 6 l-8 6 z\"/>\n",
			x + 2, y);
	else
		fprintf(file,
			"<path class=\"arrow %s\" marker-end=\"url(#head)\" "
			"d=\"M%.1f %.1f l20 0\"/>\n",
			kind, x - 6, y + 6);
}

#define LEGEND_COLUMNS 5
#define LEGEND_LINE    18

/* In columns, so that two texts never meet. */
static void write_legend(FILE *file, const struct picture *picture,
			 const struct record *record)
{
	struct entry entry[ENTRIES];
	int count = collect_entries(picture, record, entry);
	double room = (WIDTH - 2.0 * MARGIN) / LEGEND_COLUMNS;
	double top = y_of(shown_rows(picture)) + 30;

	for (int i = 0; i < count; i++) {
		double x = MARGIN + i % LEGEND_COLUMNS * room;
		double y = top + i / LEGEND_COLUMNS * LEGEND_LINE;

		write_sign(file, entry[i].kind, i, x, y);
		write_line(file, x + 20, y + 10, room - 26, "text",
			   entry[i].text);
	}
}

static double height_of(const struct picture *picture,
			const struct record *record)
{
	struct entry entry[ENTRIES];
	int count = collect_entries(picture, record, entry);
	int lines = (count + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS;

	return y_of(shown_rows(picture)) + FOOT + (lines - 1) * LEGEND_LINE;
}

static void write_panel(FILE *file, const struct panel *panel,
			const struct picture *picture, double y)
{
	fprintf(file, "<g transform=\"translate(0 %.0f)\" role=\"group\">\n",
		y);
	fprintf(file, "<title>");
	write_text(file, panel->title);
	fprintf(file, "</title>\n");
	fprintf(file,
		"<text class=\"text\" x=\"%d\" y=\"22\" font-size=\"15\" "
		"font-weight=\"600\">",
		MARGIN);
	write_text(file, panel->title);
	fprintf(file, "</text>\n");
	write_line(file, MARGIN, 41, WIDTH - 2 * MARGIN, "faint",
		   panel->subtitle);
	write_axis(file, picture);
	write_rows(file, picture);
	for (size_t i = 0; i < picture->span_count; i++)
		write_span(file, picture, &picture->spans[i],
			   first_inside(picture, i));
	write_marks(file, picture, &panel->record);
	write_arrows(file, picture);
	write_legend(file, picture, &panel->record);
	if (picture->row_count > MOST_ROWS)
		fprintf(file,
			"<text class=\"faint\" x=\"%d\" y=\"22\" "
			"text-anchor=\"end\">and %zu more processes</text>\n",
			WIDTH - MARGIN, picture->row_count - MOST_ROWS);
	fprintf(file, "</g>\n");
}

/* The pictures of all panels, in memory that the caller frees. */
static struct picture *make_pictures(const struct panel *panels, size_t count)
{
	struct picture *pictures = calloc(count + 1, sizeof(*pictures));
	size_t same;

	if (pictures == NULL)
		die("svg_write");
	for (size_t i = 0; i < count; i++)
		picture_make(&pictures[i], &panels[i].record);
	for (size_t i = 0; i < count; i += same) {
		same = 1;
		while (panels[i].group != 0 && i + same < count &&
		       panels[i + same].group == panels[i].group)
			same++;
		pictures_align(&pictures[i], same);
	}
	return pictures;
}

/* What it is a picture of, for screen readers. */
static void write_title(FILE *file, const struct panel *panels,
			const struct picture *pictures, size_t count)
{
	const char *before = ": ";

	fprintf(file, "<title>Who did what when");
	for (size_t i = 0; i < count; i++) {
		if (pictures[i].row_count == 0 ||
		    (i > 0 &&
		     strcmp(panels[i].title, panels[i - 1].title) == 0))
			continue;
		fprintf(file, "%s", before);
		write_text(file, panels[i].title);
		before = ", ";
	}
	fprintf(file, "</title>\n");
}

void svg_write(FILE *file, const struct panel *panels, size_t count)
{
	struct picture *pictures = make_pictures(panels, count);
	double height = 0, y = 0;

	for (size_t i = 0; i < count; i++)
		if (pictures[i].row_count > 0)
			height += height_of(&pictures[i], &panels[i].record);
	height = height > 0 ? height : ROW;
	fprintf(file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%.0f\" viewBox=\"0 0 %d %.0f\" role=\"img\">\n",
		WIDTH, height, WIDTH, height);
	write_title(file, panels, pictures, count);
	fprintf(file, "%s<rect class=\"page\" width=\"%d\" height=\"%.0f\"/>\n",
		style, WIDTH, height);
	for (size_t i = 0; i < count; i++) {
		if (pictures[i].row_count > 0) {
			write_panel(file, &panels[i], &pictures[i], y);
			y += height_of(&pictures[i], &panels[i].record);
		}
		picture_free(&pictures[i]);
	}
	free(pictures);
	if (y == 0)
		write_line(file, MARGIN, 20, WIDTH, "text",
			   "Nothing was recorded.");
	fprintf(file, "</svg>\n");
}
