/* trace.c - the timeline as Chrome trace JSON; see trace.h. */
#include "trace.h"

#include "picture.h"
#include "run.h"

#include <errno.h>
#include <unistd.h>

/* Microseconds since the run began. */
static double microseconds(int64_t time)
{
	return time / 1e3 - run()->began * 1e6;
}

static void write_string(FILE *file, const char *text)
{
	fputc('"', file);
	for (; *text != '\0'; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			fprintf(file, "\\%c", c);
		else if (c < ' ')
			fprintf(file, "\\u%04x", c);
		else
			fputc(c, file);
	}
	fputc('"', file);
}

/* What all events begin with. Each stands on a line of its own. */
static void begin_event(FILE *file, const char *phase, const struct row *row,
			const char *name)
{
	fprintf(file,
		",\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,\"name\":", phase,
		row->process, row->pid);
	write_string(file, name);
}

static const struct row *row_of(const struct picture *picture, pid_t pid)
{
	return &picture->rows[picture_row(picture, pid)];
}

static void write_names(FILE *file, const struct picture *picture)
{
	for (size_t i = 0; i < picture->row_count; i++) {
		const struct row *row = &picture->rows[i];
		bool thread = row->process != row->pid;

		begin_event(file, "M", row,
			    thread ? "thread_name" : "process_name");
		fprintf(file, ",\"args\":{\"name\":");
		write_string(file, row->name);
		fprintf(file, "}}");
		begin_event(file, "M", row,
			    thread ? "thread_sort_index"
				   : "process_sort_index");
		fprintf(file, ",\"args\":{\"sort_index\":%zu}}", i);
	}
}

static void write_spans(FILE *file, const struct picture *picture)
{
	for (size_t i = 0; i < picture->span_count; i++) {
		const struct span *span = &picture->spans[i];
		const struct row *row = row_of(picture, span->pid);

		begin_event(file, span->open ? "B" : "X", row, span->name);
		fprintf(file, ",\"cat\":\"span\",\"ts\":%.3f",
			microseconds(span->begin));
		if (!span->open)
			fprintf(file, ",\"dur\":%.3f",
				(span->end - span->begin) / 1e3);
		fprintf(file, "}");
		if (!span->joined)
			continue;
		begin_event(file, "E", row, span->name);
		fprintf(file, ",\"ts\":%.3f}", microseconds(span->end));
	}
}

static void write_marks(FILE *file, const struct picture *picture,
			const struct record *record)
{
	struct record in = record_bounded(record);

	for (size_t i = in.first; i < in.end; i++) {
		const struct event *event = record_event(i);

		if (event == NULL || event->kind != EVENT_MARK)
			continue;
		begin_event(file, "i", row_of(picture, event->pid),
			    event->name);
		fprintf(file, ",\"cat\":\"mark\",\"s\":\"t\",\"ts\":%.3f}",
			microseconds(event->time));
	}
}

static void write_arrow_end(FILE *file, const char *phase,
			    const struct row *row, const struct arrow *arrow,
			    int64_t time, size_t id)
{
	begin_event(file, phase, row, arrow->what);
	fprintf(file, ",\"cat\":\"arrow\",\"id\":%zu,\"ts\":%.3f%s}", id,
		microseconds(time), phase[0] == 'f' ? ",\"bp\":\"e\"" : "");
}

static void write_arrows(FILE *file, const struct picture *picture)
{
	for (size_t i = 0; i < picture->arrow_count; i++) {
		const struct arrow *arrow = &picture->arrows[i];

		write_arrow_end(file, "s", &picture->rows[arrow->from], arrow,
				arrow->begin, i + 1);
		write_arrow_end(file, "f", &picture->rows[arrow->to], arrow,
				arrow->end, i + 1);
	}
}

void trace_write(FILE *file, const struct record *record)
{
	struct picture picture;

	picture_make(&picture, record);
	fprintf(file,
		"{\"displayTimeUnit\":\"ms\","
		"\"otherData\":{\"program\":\"%s\",\"dropped\":%zu},\n"
		"\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":%d,"
		"\"name\":\"process_labels\",\"args\":{\"labels\":\"%s\"}}",
		program_invocation_short_name, timeline_dropped(),
		(int)getpid(), program_invocation_short_name);
	write_names(file, &picture);
	write_spans(file, &picture);
	write_marks(file, &picture, record);
	write_arrows(file, &picture);
	fprintf(file, "\n]}\n");
	picture_free(&picture);
}
