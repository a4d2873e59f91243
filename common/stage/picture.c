/* picture.c - a record as a picture sees it; see picture.h. */
#include "picture.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t picture_row(const struct picture *picture, pid_t pid)
{
	size_t row = 0;

	while (row < picture->row_count && picture->rows[row].pid != pid)
		row++;
	return row;
}

int picture_name(const struct picture *picture, const char *name)
{
	int i = 0;

	while (i < picture->name_count - 1 &&
	       strcmp(picture->names[i], name) != 0)
		i++;
	return i;
}

static void name_row(struct row *row, const struct event *event)
{
	row->name = event->name;
	row->process = (pid_t)event->other;
}

static void collect_rows(struct picture *picture, const struct record *in)
{
	for (size_t i = in->first; i < in->end; i++) {
		const struct event *event = record_event(i);
		struct row *row;

		if (event == NULL)
			continue;
		row = &picture->rows[picture_row(picture, event->pid)];
		if (row == &picture->rows[picture->row_count]) {
			picture->row_count++;
			*row = (struct row){ .pid = event->pid,
					     .process = event->pid,
					     .name = "",
					     .first = event->time };
		}
		row->last = event->time;
		if (event->kind == EVENT_NAME)
			name_row(row, event);
		if (picture->begin == 0 || event->time < picture->begin)
			picture->begin = event->time;
		if (event->time > picture->end)
			picture->end = event->time;
	}
}

/* The lab first, the others as they were made: pids count up from its own, and
 * begin again at the bottom. Who was the first to record something is luck. */
static int by_age(const void *a, const void *b)
{
	const struct row *first = a, *second = b;
	bool first_wrapped = first->pid < getpid();
	bool second_wrapped = second->pid < getpid();

	if (first_wrapped != second_wrapped)
		return first_wrapped - second_wrapped;
	return first->pid - second->pid;
}

/* A process may have told its name before the record began. */
static void find_names(struct picture *picture, size_t before)
{
	for (size_t i = before; i-- > 0;) {
		const struct event *event = record_event(i);
		size_t row;

		if (event == NULL || event->kind != EVENT_NAME)
			continue;
		row = picture_row(picture, event->pid);
		if (row < picture->row_count &&
		    picture->rows[row].name[0] == '\0')
			name_row(&picture->rows[row], event);
	}
}

/* One end of a message, and where it stands in the record. */
struct message {
	uint64_t channel;
	size_t at;
};

static int by_channel(const void *a, const void *b)
{
	const struct message *first = a, *second = b;

	if (first->channel != second->channel)
		return first->channel < second->channel ? -1 : 1;
	return (first->at > second->at) - (first->at < second->at);
}

/* All sends, or all receives: by their channels, and in their order. */
static struct message *collect_messages(const struct record *in,
					enum event_kind kind, size_t *count)
{
	struct message *list = calloc(in->end - in->first + 1, sizeof(*list));

	if (list == NULL)
		die("collect_messages");
	*count = 0;
	for (size_t i = in->first; i < in->end; i++) {
		const struct event *event = record_event(i);

		if (event != NULL && event->kind == kind)
			list[(*count)++] = (struct message){ event->other, i };
	}
	qsort(list, *count, sizeof(*list), by_channel);
	return list;
}

/*
 * For each event of the record, if it is a send: the place of its receive, the
 * n-th on a channel for its n-th send; or the record's end.
 */
static size_t *pair_messages(const struct record *in)
{
	size_t most = in->end - in->first + 1, sends, receives, r = 0;
	struct message *sent = collect_messages(in, EVENT_SEND, &sends);
	struct message *received =
		collect_messages(in, EVENT_RECEIVE, &receives);
	size_t *receive_of = calloc(most, sizeof(*receive_of));

	if (receive_of == NULL)
		die("pair_messages");
	for (size_t i = 0; i < most; i++)
		receive_of[i] = in->end;
	for (size_t s = 0; s < sends; s++) {
		uint64_t channel = sent[s].channel;

		while (r < receives && received[r].channel < channel)
			r++; /* left over, of the channels before */
		if (r < receives && received[r].channel == channel)
			receive_of[sent[s].at - in->first] = received[r++].at;
	}
	free(sent);
	free(received);
	return receive_of;
}

/* A child may have done something before its parent recorded the start of it,
 * which it can only once that has returned. */
static void add_arrow(struct picture *picture, pid_t from, int64_t begin,
		      pid_t to, int64_t end, const char *what)
{
	struct arrow arrow = { .from = picture_row(picture, from),
			       .to = picture_row(picture, to),
			       .begin = begin < end ? begin : end,
			       .end = end,
			       .what = what };

	if (arrow.from < picture->row_count && arrow.to < picture->row_count &&
	    arrow.from != arrow.to)
		picture->arrows[picture->arrow_count++] = arrow;
}

static void collect_arrows(struct picture *picture, const struct record *in)
{
	size_t *receive_of = pair_messages(in);

	for (size_t i = in->first; i < in->end; i++) {
		const struct event *event = record_event(i), *to;
		size_t row;

		if (event == NULL)
			continue;
		row = picture_row(picture, (pid_t)event->other);
		if (event->kind == EVENT_START && row < picture->row_count)
			add_arrow(picture, event->pid, event->time,
				  (pid_t)event->other, picture->rows[row].first,
				  "start");
		if (event->kind == EVENT_JOIN && row < picture->row_count)
			add_arrow(picture, (pid_t)event->other,
				  picture->rows[row].last, event->pid,
				  event->time, "join");
		if (event->kind != EVENT_SEND ||
		    receive_of[i - in->first] == in->end)
			continue;
		to = record_event(receive_of[i - in->first]);
		add_arrow(picture, event->pid, event->time, to->pid, to->time,
			  "message");
	}
	free(receive_of);
}

/* What a process never ended went on until its join: so long it was there. */
static void lengthen_rows(struct picture *picture)
{
	for (size_t i = 0; i < picture->span_count; i++) {
		const struct span *span = &picture->spans[i];
		size_t row = picture_row(picture, span->pid);

		if (span->open && span->end > picture->rows[row].last)
			picture->rows[row].last = span->end;
	}
}

int add_once(const char **list, int count, int most, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return count;
	if (count < most)
		list[count++] = name;
	return count;
}

static void add_name(struct picture *picture, const char *name)
{
	picture->name_count = add_once(picture->names, picture->name_count,
				       PICTURE_NAMES, name);
}

/* Row by row: who began first, of two processes, is often luck. */
static void collect_names(struct picture *picture)
{
	for (size_t row = 0; row < picture->row_count; row++)
		for (size_t i = 0; i < picture->span_count; i++)
			if (picture->spans[i].pid == picture->rows[row].pid)
				add_name(picture, picture->spans[i].name);
}

void picture_make(struct picture *picture, const struct record *record)
{
	struct record in = record_bounded(record);
	size_t most = in.end - in.first + 1;

	*picture = (struct picture){
		.rows = calloc(most, sizeof(struct row)),
		.arrows = calloc(most, sizeof(struct arrow)),
	};
	if (picture->rows == NULL || picture->arrows == NULL)
		die("picture_make");
	collect_rows(picture, &in);
	qsort(picture->rows, picture->row_count, sizeof(struct row), by_age);
	find_names(picture, in.first);
	picture->spans = record_spans(&in, &picture->span_count);
	lengthen_rows(picture);
	collect_arrows(picture, &in);
	collect_names(picture);
}

void picture_free(struct picture *picture)
{
	free(picture->rows);
	free(picture->arrows);
	free(picture->spans);
}

void picture_leave_out(struct picture *picture, pid_t pid)
{
	size_t row = picture_row(picture, pid), kept = 0;

	if (row == picture->row_count)
		return;
	picture->row_count--;
	memmove(&picture->rows[row], &picture->rows[row + 1],
		(picture->row_count - row) * sizeof(struct row));
	for (size_t i = 0; i < picture->span_count; i++)
		if (picture->spans[i].pid != pid)
			picture->spans[kept++] = picture->spans[i];
	picture->span_count = kept;
	picture->arrow_count = 0; /* they name rows that have moved */
	picture->name_count = 0;
	collect_names(picture);
}

void pictures_align(struct picture *pictures, size_t count)
{
	struct picture all = { 0 }; /* its length and its names */

	for (size_t i = 0; i < count; i++) {
		if (pictures[i].end - pictures[i].begin > all.end)
			all.end = pictures[i].end - pictures[i].begin;
		for (int n = 0; n < pictures[i].name_count; n++)
			add_name(&all, pictures[i].names[n]);
	}
	for (size_t i = 0; i < count; i++) {
		pictures[i].end = pictures[i].begin + all.end;
		memcpy(pictures[i].names, all.names, sizeof(all.names));
		pictures[i].name_count = all.name_count;
	}
}
