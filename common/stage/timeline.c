/* timeline.c - who did what when; see timeline.h. */
#include "timeline.h"

#include "check.h"
#include "run.h"
#include "say.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEEPEST 16 /* spans of one thread open at once */

/* --- recording ----------------------------------------------------------- */

static _Thread_local pid_t self; /* this thread, once it has told its name */

void timeline_introduce(void)
{
	self = 0;
}

static int64_t nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* region: append */
static void append(enum event_kind kind, const char *name, uint64_t other)
{
	struct run *to = run();
	uint64_t index = atomic_fetch_add(&to->asked, 1);
	struct event *event = &to->event[index];

	if (index >= to->capacity)
		return; /* full: it was counted */
	event->pid = self;
	event->time = nanoseconds();
	event->other = other;
	strncpy(event->name, name, TIMELINE_NAME - 1);
	atomic_store_explicit(&event->kind, kind, memory_order_release);
}
/* endregion */

/* The first event of a thread is its name. A forked child's is a new one. */
static void introduce(void)
{
	static bool watching_forks;

	if (!watching_forks)
		pthread_atfork(NULL, NULL, timeline_introduce);
	watching_forks = true;
	self = gettid();
	append(EVENT_NAME, speaker_name(), getpid());
}

static void record_one(enum event_kind kind, const char *name, uint64_t other)
{
	if (self == 0)
		introduce();
	append(kind, name, other);
}

void span_begin(const char *name)
{
	record_one(EVENT_BEGIN, name, 0);
}

void span_end(void)
{
	record_one(EVENT_END, "", 0);
}

void mark(const char *name)
{
	record_one(EVENT_MARK, name, 0);
}

void arrow_start(pid_t pid)
{
	record_one(EVENT_START, "start", pid);
}

void arrow_join(pid_t pid)
{
	record_one(EVENT_JOIN, "join", pid);
}

void arrow_send(uint64_t channel)
{
	record_one(EVENT_SEND, "message", channel);
}

void arrow_receive(uint64_t channel)
{
	record_one(EVENT_RECEIVE, "message", channel);
}

int start_process(struct mp_process *process)
{
	int answer;

	span_begin("start");
	answer = mp_process_start(process);
	if (answer == 0)
		arrow_start(process->pid);
	span_end();
	return answer;
}

int join_process(struct mp_process *process, double timeout)
{
	int answer;

	span_begin("join");
	answer = mp_process_join(process, timeout);
	if (answer == 0)
		arrow_join(process->pid);
	span_end();
	return answer;
}

/* --- looking it up ------------------------------------------------------- */

static size_t recorded(void)
{
	size_t asked = atomic_load(&run()->asked);

	return asked < run()->capacity ? asked : run()->capacity;
}

size_t timeline_dropped(void)
{
	return atomic_load(&run()->asked) - recorded();
}

struct record record_start(void)
{
	return (struct record){ recorded(), SIZE_MAX };
}

void record_stop(struct record *record)
{
	record->end = recorded();
}

const struct event *record_event(size_t index)
{
	const struct event *event = &run()->event[index];

	if (atomic_load_explicit(&event->kind, memory_order_acquire) ==
	    EVENT_NONE)
		return NULL;
	return event;
}

/* The open spans of the threads met so far, as indices into the spans. */
struct stack {
	pid_t pid;
	pid_t process; /* whose thread it is, as far as the record tells */
	size_t open[DEEPEST];
	int depth; /* may be more: what is deeper is left out */
};

static struct stack *stack_of(struct stack *stacks, size_t *count, pid_t pid)
{
	for (size_t i = 0; i < *count; i++)
		if (stacks[i].pid == pid)
			return &stacks[i];
	stacks[*count] = (struct stack){ .pid = pid, .process = pid };
	return &stacks[(*count)++];
}

static int by_begin(const void *a, const void *b)
{
	const struct span *first = a, *second = b;

	return (first->begin > second->begin) - (first->begin < second->begin);
}

/* A record that has not been stopped goes on until now. */
struct record record_bounded(const struct record *record)
{
	size_t end = recorded();

	return (struct record){ record->first,
				record->end < end ? record->end : end };
}

/* The span that this thread began last, which is over now; or NULL. */
static struct span *pop(struct stack *stack, struct span *spans)
{
	if (stack->depth == 0 || --stack->depth >= DEEPEST)
		return NULL; /* none, or one that was left out */
	return &spans[stack->open[stack->depth]];
}

/* Nothing of a process goes on when it was joined: killed, or ended in it. */
static void end_at_join(const struct event *join, struct stack *stacks,
			size_t count, struct span *spans)
{
	for (struct stack *it = stacks; it < stacks + count; it++)
		while ((pid_t)join->other == it->process && it->depth > 0) {
			struct span *span = pop(it, spans);

			if (span == NULL)
				continue;
			span->end = join->time;
			span->joined = true;
		}
}

/* Puts an event to the spans; the open ones of its process are in its stack. */
static void follow(const struct event *event, struct stack *stack,
		   struct span *spans, size_t *count)
{
	if (event->kind == EVENT_BEGIN && stack->depth++ < DEEPEST) {
		stack->open[stack->depth - 1] = *count;
		spans[(*count)++] = (struct span){ .pid = event->pid,
						   .depth = stack->depth - 1,
						   .begin = event->time,
						   .open = true,
						   .name = event->name };
	} else if (event->kind == EVENT_END) {
		struct span *span = pop(stack, spans);

		if (span == NULL)
			return;
		span->end = event->time;
		span->open = false;
	}
}

struct span *record_spans(const struct record *record, size_t *count)
{
	struct record in = record_bounded(record);
	size_t most = in.end - in.first, threads = 0;
	struct span *spans = calloc(most + 1, sizeof(*spans));
	struct stack *stacks = calloc(most + 1, sizeof(*stacks)), *stack;
	int64_t last = 0;

	if (spans == NULL || stacks == NULL)
		die("record_spans");
	*count = 0;
	for (size_t i = in.first; i < in.end; i++) {
		const struct event *event = record_event(i);

		if (event == NULL)
			continue;
		if (event->time > last)
			last = event->time;
		stack = stack_of(stacks, &threads, event->pid);
		if (event->kind == EVENT_NAME)
			stack->process = (pid_t)event->other;
		if (event->kind == EVENT_JOIN)
			end_at_join(event, stacks, threads, spans);
		follow(event, stack, spans, count);
	}
	free(stacks);
	for (size_t i = 0; i < *count; i++)
		if (spans[i].open && !spans[i].joined)
			spans[i].end = last;
	qsort(spans, *count, sizeof(*spans), by_begin);
	return spans;
}

struct change {
	int64_t time;
	int step; /* 1: one more is open, -1: one less */
};

/* At the same moment, ends come before beginnings. */
static int by_time(const void *a, const void *b)
{
	const struct change *first = a, *second = b;

	if (first->time != second->time)
		return first->time < second->time ? -1 : 1;
	return first->step - second->step;
}

int most_at_once(const struct record *record, const char *name)
{
	size_t count, changes = 0;
	struct span *spans = record_spans(record, &count);
	struct change *change = calloc(2 * count + 1, sizeof(*change));
	int now = 0, most = 0;

	if (spans == NULL || change == NULL)
		die("most_at_once");
	for (size_t i = 0; i < count; i++) {
		if (strcmp(spans[i].name, name) != 0)
			continue;
		change[changes++] = (struct change){ spans[i].begin, 1 };
		change[changes++] = (struct change){ spans[i].end, -1 };
	}
	qsort(change, changes, sizeof(*change), by_time);
	for (size_t i = 0; i < changes; i++) {
		now += change[i].step;
		if (now > most)
			most = now;
	}
	free(change);
	free(spans);
	return most;
}

bool ended_before(const struct record *record, const char *earlier,
		  const char *later)
{
	size_t count;
	struct span *spans = record_spans(record, &count);
	int64_t last_end = INT64_MIN, first_begin = INT64_MAX;
	bool open = false;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(spans[i].name, earlier) == 0) {
			open |= spans[i].open && !spans[i].joined;
			if (spans[i].end > last_end)
				last_end = spans[i].end;
		}
		if (strcmp(spans[i].name, later) == 0 &&
		    spans[i].begin < first_begin)
			first_begin = spans[i].begin;
	}
	free(spans);
	return last_end != INT64_MIN && first_begin != INT64_MAX && !open &&
	       last_end <= first_begin;
}

double total_length(const struct record *record, const char *name)
{
	size_t count;
	struct span *spans = record_spans(record, &count);
	double total = 0;

	for (size_t i = 0; i < count; i++)
		if (strcmp(spans[i].name, name) == 0)
			total += (spans[i].end - spans[i].begin) / 1e9;
	free(spans);
	return total;
}
