/*
 * timeline.c - what a scene relies on when it records, and looks it up
 */
#include "timeline.h"

#include "../support.h"
#include "chart.h"
#include "check.h"
#include "deadline.h"
#include "descriptors.h"
#include "gate.h"
#include "picture.h"
#include "run.h"
#include "say.h"
#include "svg.h"
#include "trace.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 8
#define EVENTS	  100000 /* of each */

/* A new run with room for so many events. */
static struct record begin(size_t events)
{
	assert_int_equal(run_begin(events), 0);
	timeline_introduce();
	return record_start();
}

static void join_all(pid_t *pids, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
}

static void assert_in_text(const char *text, const char *word, int times)
{
	for (; (text = strstr(text, word)) != NULL; text++)
		times--;
	assert_int_equal(times, 0);
}

/* How often a text stands in the trace of a record. */
static void assert_in_trace(const struct record *record, const char *word,
			    int times)
{
	char *trace;
	size_t size;
	FILE *file = open_memstream(&trace, &size);

	trace_write(file, record);
	fclose(file);
	assert_in_text(trace, word, times);
	free(trace);
}

/* The same of its picture, under a title and a question. */
static void assert_in_svg(const struct record *record, const char *word,
			  int times)
{
	struct panel panel = { .title = "T<&>", .subtitle = "Q<&>?" };
	char *svg;
	size_t size;
	FILE *file = open_memstream(&svg, &size);

	panel.record = *record;
	svg_write(file, &panel, 1);
	fclose(file);
	assert_in_text(svg, word, times);
	free(svg);
}

/* --- recording --------------------------------------------------------------- */

/* Process i records marks called "i 0", "i 1" ... */
static void record_marks(int i)
{
	char name[TIMELINE_NAME];

	for (int n = 0; n < EVENTS; n++) {
		snprintf(name, sizeof(name), "%d %d", i, n);
		mark(name);
	}
}

static void record_from_eight(void)
{
	pid_t pids[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			record_marks(i);
			_exit(0);
		}
	}
	join_all(pids, PROCESSES);
}

/* All that is there is whole, and in each process's order. Their number. */
static size_t check_marks(struct record *record)
{
	int next[PROCESSES] = { 0 }, i, n;
	size_t marks = 0;

	record_stop(record);
	for (size_t at = record->first; at < record->end; at++) {
		const struct event *event = record_event(at);

		assert_non_null(event);
		if (event->kind == EVENT_NAME)
			continue;
		assert_int_equal(event->kind, EVENT_MARK);
		assert_int_equal(sscanf(event->name, "%d %d", &i, &n), 2);
		assert_int_equal(n, next[i]++);
		marks++;
	}
	return marks;
}

static void eight_processes_lose_nothing(void **state)
{
	struct record record = begin(PROCESSES * (EVENTS + 1));

	(void)state;
	record_from_eight();
	assert_int_equal(check_marks(&record), PROCESSES * EVENTS);
	assert_int_equal(timeline_dropped(), 0);
}

static void what_does_not_fit_is_counted(void **state)
{
	size_t room = 300000;
	struct record record = begin(room);

	(void)state;
	record_from_eight();
	assert_in_range(check_marks(&record), room - PROCESSES, room);
	assert_int_equal(timeline_dropped(), PROCESSES * (EVENTS + 1) - room);
	assert_in_trace(&record, "\"dropped\":500008}", 1);
}

static void record_for_ever(void)
{
	for (;;) {
		span_begin("works");
		mark("still");
		span_end();
	}
}

static void a_killed_process_holds_up_nobody(void **state)
{
	FILE *null = fopen("/dev/null", "w");

	(void)state;
	for (int i = 0; i < rounds(1000); i++) {
		struct panel panel = { "killed", "", begin(4096), 0 };
		struct picture picture;
		pid_t pid = fork();

		if (pid == 0)
			record_for_ever();
		usleep(random() % 2000);
		kill(pid, SIGKILL);
		join_all(&pid, 1);
		span_begin("after it"); /* the record goes on */
		span_end();
		record_stop(&panel.record);
		picture_make(&picture, &panel.record);
		assert_in_range(picture.row_count, 0, 2);
		picture_free(&picture);
		svg_write(null, &panel, 1);
		trace_write(null, &panel.record);
		run()->quiet = true;
		show_chart(&panel.record);
	}
	fclose(null);
}

static void a_span_without_end_is_open(void **state)
{
	struct record record = begin(100);
	size_t count;
	struct span *spans;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		span_begin("outer");
		span_begin("inner");
		span_end();
		kill(getpid(), SIGKILL);
	}
	join_all(&pid, 1);
	mark("later");
	spans = record_spans(&record, &count);
	assert_int_equal(count, 2);
	assert_string_equal(spans[0].name, "outer");
	assert_true(spans[0].open);
	assert_true(spans[0].end > spans[1].end);
	assert_false(spans[1].open);
	assert_int_equal(spans[1].depth, 1);
	free(spans);
	assert_in_trace(&record, "{\"ph\":\"B\",", 1);
	assert_in_trace(&record, "{\"ph\":\"E\",", 0);
	assert_in_trace(&record, "{\"ph\":\"X\",", 1);
}

static void *hold_in_a_thread(void *unused)
{
	span_begin("holds");
	kill(getpid(), SIGKILL);
	return unused;
}

/* Joined, it is over: the next holder is not beside a dead one. The first holds
 * in its main thread, the next one in another. */
static void a_span_of_the_dead_ends_at_its_join(void **state)
{
	struct record record = begin(100);
	struct picture picture;
	int64_t joined = 0;
	pid_t pids[2];
	size_t row;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0 && i == 0)
			hold_in_a_thread(NULL);
		if (pids[i] == 0) {
			pthread_t thread;

			pthread_create(&thread, NULL, hold_in_a_thread, NULL);
			pause();
		}
		join_all(&pids[i], 1);
		span_begin("join");
		arrow_join(pids[i]);
		span_end();
	}
	span_begin("goes on");
	usleep(1000);
	span_end();
	assert_int_equal(most_at_once(&record, "holds"), 1);
	assert_true(ended_before(&record, "holds", "goes on"));
	assert_false(ended_before(&record, "holds", "join"));

	picture_make(&picture, &record);
	assert_int_equal(picture.row_count, 3);
	for (size_t i = 0; i < picture.span_count; i++) {
		const struct span *span = &picture.spans[i];

		if (strcmp(span->name, "holds") != 0)
			continue;
		assert_true(span->open && span->joined);
		assert_true(span->begin >= joined);
		joined = span->end;
		row = picture_row(&picture, span->pid);
		assert_true(picture.rows[row].last == joined);
		assert_true(joined < picture.end);
	}
	assert_true(joined > 0);
	picture_free(&picture);
	assert_in_trace(&record, "{\"ph\":\"B\",", 2);
	assert_in_trace(&record, "{\"ph\":\"E\",", 2);
}

/* Of spans in spans in spans the inmost are left out, but not their ends. */
static void many_spans_in_each_other_end_as_they_should(void **state)
{
	struct record record = begin(200);
	size_t count;
	struct span *spans;

	(void)state;
	for (int i = 0; i < 50; i++)
		span_begin("in");
	for (int i = 0; i < 49; i++)
		span_end();
	mark("only the first is open");
	usleep(1000);
	span_end();
	span_begin("behind");
	span_end();
	spans = record_spans(&record, &count);
	assert_int_equal(count, 17);
	for (size_t i = 0; i < count; i++)
		assert_false(spans[i].open);
	assert_true(spans[0].end >= spans[1].end + 1000000);
	assert_string_equal(spans[count - 1].name, "behind");
	assert_int_equal(spans[count - 1].depth, 0);
	free(spans);
}

/* --- who records ---------------------------------------------------------------- */

/* A spawned child has no descriptor but 0 to 2: recording adds none. */
int record_in_a_child(const void *args, size_t size)
{
	int *open, others = 0;
	ssize_t count;

	(void)args;
	(void)size;
	span_begin("child works");
	span_end();
	count = open_descriptors(&open);
	for (ssize_t i = 0; i < count; i++)
		others += open[i] > 2;
	free(open);
	return strcmp(speaker_name(), "spawned") == 0 && others > 0;
}

static void a_forked_and_a_spawned_child_are_in_the_picture(void **state)
{
	struct record record = begin(100);
	struct picture picture;

	(void)state;
	for (enum mp_method method = MP_FORK; method <= MP_SPAWN; method++) {
		struct mp_process p = { .target = record_in_a_child,
					.method = method };

		strcpy(p.name, method == MP_FORK ? "forked" : "spawned");
		assert_int_equal(start_process(&p), 0);
		assert_int_equal(join_process(&p, 30), 0);
		assert_int_equal(mp_process_exitcode(&p), 0);
	}
	picture_make(&picture, &record);
	assert_int_equal(picture.row_count, 3);
	assert_string_equal(picture.rows[0].name, "MainProcess");
	assert_string_equal(picture.rows[1].name, "forked");
	assert_string_equal(picture.rows[2].name, "spawned");
	assert_int_equal(picture.arrow_count, 4); /* two starts, two joins */
	for (size_t i = 0; i < picture.arrow_count; i++)
		assert_true(picture.arrows[i].begin <= picture.arrows[i].end);
	picture_free(&picture);
}

static void *nest_in_a_thread(void *gates)
{
	struct gate *gate = gates;
	char byte;

	speak_as("thread");
	span_begin("thread outer");
	gate_open(&gate[0]);
	hear(gate[1].in, &byte, 1);
	span_begin("thread inner");
	span_end();
	span_end();
	return NULL;
}

/* Spans of two threads that interleave: each thread has its own row. */
static void a_thread_is_a_row_of_its_own(void **state)
{
	struct record record = begin(100);
	struct picture picture;
	struct gate gate[2];
	pthread_t thread;
	char text[64], byte;

	(void)state;
	gate_make(&gate[0]);
	gate_make(&gate[1]);
	span_begin("main outer");
	pthread_create(&thread, NULL, nest_in_a_thread, gate);
	hear(gate[0].in, &byte, 1);
	span_begin("main inner");
	span_end();
	gate_open(&gate[1]);
	pthread_join(thread, NULL);
	span_end();
	gate_close(&gate[0]);
	gate_close(&gate[1]);

	picture_make(&picture, &record);
	assert_int_equal(picture.row_count, 2);
	assert_string_equal(picture.rows[0].name, "MainProcess");
	assert_int_equal(picture.rows[0].pid, getpid());
	assert_string_equal(picture.rows[1].name, "thread");
	assert_int_equal(picture.rows[1].process, getpid());
	assert_int_equal(picture.span_count, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct span *span = &picture.spans[i];
		bool inner = strstr(span->name, "inner") != NULL;
		bool of_thread = strncmp(span->name, "thread", 6) == 0;

		assert_false(span->open);
		assert_int_equal(span->depth, inner);
		assert_int_equal(span->pid, picture.rows[of_thread].pid);
	}
	snprintf(text, sizeof(text), "{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,",
		 getpid(), picture.rows[1].pid);
	assert_in_trace(&record, text, 2);
	assert_in_trace(&record, "\"thread_name\"", 1);
	assert_in_trace(&record, "\"process_name\"", 1);
	picture_free(&picture);
}

static void messages_are_arrows_in_order(void **state)
{
	struct record record = begin(100);
	struct picture picture;
	struct gate gate;
	pid_t pid;

	(void)state;
	gate_make(&gate);
	pid = fork();
	if (pid == 0) {
		gate_open(&gate);
		gate_open(&gate);
		_exit(0);
	}
	gate_wait(&gate);
	gate_wait(&gate);
	join_all(&pid, 1);
	gate_close(&gate);
	picture_make(&picture, &record);
	assert_int_equal(picture.arrow_count, 2);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(picture.arrows[i].what, "message");
		assert_true(picture.arrows[i].begin < picture.arrows[i].end);
	}
	assert_true(picture.arrows[0].end < picture.arrows[1].end);
	picture_free(&picture);
}

/* On two channels, which take turns; one message more is never received. */
static void many_messages_are_no_trouble(void **state)
{
	enum { MESSAGES = 30000 };
	struct record record = begin(2 * MESSAGES + 100);
	struct picture picture;
	double began;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		for (int i = 0; i < MESSAGES + 1; i++)
			arrow_send(i % 2);
		_exit(0);
	}
	join_all(&pid, 1);
	for (int i = 0; i < MESSAGES; i++)
		arrow_receive(i % 2);

	began = monotonic_now();
	picture_make(&picture, &record);
	assert_true(monotonic_now() - began < 2);
	assert_int_equal(picture.arrow_count, MESSAGES);
	for (int i = 1; i < MESSAGES; i++) {
		assert_true(picture.arrows[i - 1].begin <=
			    picture.arrows[i].begin);
		assert_true(picture.arrows[i - 1].end <= picture.arrows[i].end);
	}
	picture_free(&picture);
}

/* As if the process pid had set a mark. */
static void mark_of(pid_t pid)
{
	size_t index = run()->asked++;

	run()->event[index].pid = pid;
	run()->event[index].kind = EVENT_MARK;
}

/* Pids count up, and begin again at the end: a small one was made last. */
static void rows_are_in_the_order_made(void **state)
{
	struct record record = begin(100);
	struct picture picture;
	const pid_t order[] = { getpid(), getpid() + 1, getpid() + 20,
				getpid() - 20, getpid() - 1 };

	(void)state;
	mark_of(order[4]);
	mark_of(order[2]);
	mark_of(order[3]);
	mark_of(order[1]);
	mark("the lab");
	picture_make(&picture, &record);
	assert_int_equal(picture.row_count, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(picture.rows[i].pid, order[i]);
	picture_free(&picture);
}

static void a_process_can_change_its_name(void **state)
{
	struct record record = begin(100);
	struct picture picture;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		mark("before");
		speak_as("another");
		mark("after");
		_exit(0);
	}
	join_all(&pid, 1);
	picture_make(&picture, &record);
	assert_int_equal(picture.row_count, 1);
	assert_string_equal(picture.rows[0].name, "another");
	picture_free(&picture);
}

/* --- looking it up ----------------------------------------------------------------- */

/* One after the other; then two at once, forced by a gate. */
static void the_queries_see_what_overlapped(void **state)
{
	struct record apart = begin(1000), together;
	struct gate inside;
	pid_t pids[2];

	(void)state;
	for (int i = 0; i < 3; i++) {
		span_begin(i == 0 ? "first" : "later");
		usleep(1000);
		span_end();
	}
	record_stop(&apart);
	together = record_start();
	gate_make(&inside);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			span_begin("later");
			gate_open(&inside);
			pause();
		}
	}
	for (char i = 0, byte; i < 2; i++)
		hear(inside.in, &byte, 1);
	for (int i = 0; i < 2; i++)
		kill(pids[i], SIGKILL);
	join_all(pids, 2);
	gate_close(&inside);
	record_stop(&together);

	assert_int_equal(most_at_once(&apart, "later"), 1);
	assert_int_equal(most_at_once(&together, "later"), 2);
	assert_int_equal(most_at_once(&apart, "nothing"), 0);
	assert_true(ended_before(&apart, "first", "later"));
	assert_false(ended_before(&apart, "later", "first"));
	assert_false(ended_before(&apart, "nothing", "later"));
	assert_false(ended_before(&apart, "first", "nothing"));
	assert_false(ended_before(&together, "later", "later"));
	assert_true(total_length(&apart, "later") >= 0.002);
	assert_true(total_length(&apart, "nothing") == 0);
}

static void any_name_is_text_in_a_picture(void **state)
{
	struct record record = begin(100);

	(void)state;
	speak_as("P<&>");
	span_begin("S<&>");
	usleep(1000);
	mark("M<&>");
	span_end();
	assert_in_svg(&record, "<&", 0);
	assert_in_svg(&record, "<title>P&lt;&amp;&gt;: S&lt;&amp;&gt;, ", 1);
	assert_in_svg(&record, "<title>M&lt;&amp;&gt;</title>", 1);
	assert_in_svg(&record, "<title>T&lt;&amp;&gt;</title>", 1);
	assert_in_svg(&record, ">Q&lt;&amp;&gt;?</text>", 1);
	speak_as(NULL);
}

static void an_empty_record_is_no_trouble(void **state)
{
	struct record record = begin(0);
	FILE *null = fopen("/dev/null", "w");
	size_t count;

	(void)state;
	mark("dropped");
	assert_int_equal(timeline_dropped(), 2); /* with the name */
	free(record_spans(&record, &count));
	assert_int_equal(count, 0);
	assert_int_equal(most_at_once(&record, "x"), 0);
	trace_write(null, &record);
	svg_write(null, &(struct panel){ "a", "b", record, 0 }, 1);
	fclose(null);
}

/* --- pictures of several ------------------------------------------------------------- */

/* A child of that name waits and works, for as long as the record says later. */
static void record_a_child(const char *name, bool waits)
{
	pid_t pid = fork();

	if (pid == 0) {
		speak_as(name);
		if (waits) {
			span_begin("waits");
			span_end();
		}
		span_begin("works");
		span_end();
		_exit(0);
	}
	join_all(&pid, 1);
}

/* Gives the events of a record their times, in milliseconds. */
static void set_times(const struct record *record, const int *times)
{
	for (size_t i = record->first; i < record->end; i++)
		run()->event[i].time = INT64_C(1000000) * *times++;
}

/*
 * Two records, the first from 100 to 140 ms, the second from 500 to 520. The lab
 * itself is in both, and the first thing in either is a mark of its own.
 */
static void record_two(struct record record[2])
{
	static const int first[] = { 100, 100, 104, 104, 140 };
	static const int second[] = { 500, 500, 501, 510, 510, 520 };

	record[0] = begin(100);
	mark("begins"); /* two events: our name comes with it */
	record_a_child("a", false);
	record_stop(&record[0]);
	record[1] = record_start();
	mark("begins");
	record_a_child("bb", true);
	record_stop(&record[1]);
	assert_int_equal(record[0].end - record[0].first, 5);
	assert_int_equal(record[1].end - record[1].first, 6);
	set_times(&record[0], first);
	set_times(&record[1], second);
}

/* What show_charts() prints of them. */
static void read_charts(const struct record record[2], char *text, size_t size)
{
	static const char *const labels[] = { "one", "the other" };
	FILE *file = tmpfile();
	int out = dup(STDOUT_FILENO);

	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	run()->unicode = false;
	show_charts(record, labels, 2);
	dup2(out, STDOUT_FILENO);
	close(out);
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static void records_share_one_axis(void **state)
{
	struct record record[2];
	char text[1000];

	(void)state;
	record_two(record);
	read_charts(record, text, sizeof(text));
	/* 80 columns: 11 and 4 for the texts, 65 for 40 ms; works is # in both. */
	assert_string_equal(
		text,
		"one        a         "
		"###########################################################\n"
		"the other  bb  ."
		"---------------#################                                \n"
		"               0                           20.00"
		"                        40.00 ms\n"
		"               # works  - waits  . alive\n");
}

static void nothing_to_compare_is_no_trouble(void **state)
{
	struct record record[2];
	char text[1000];

	(void)state;
	record[0] = begin(100);
	mark("of the lab itself");
	record_stop(&record[0]);
	record[1] = record[0];
	read_charts(record, text, sizeof(text));
	assert_string_equal(text, "");
	record_two(record);
	record[0].end = record[0].first + 2; /* the lab's mark alone */
	read_charts(record, text, sizeof(text));
	assert_non_null(strstr(text, "one\nthe other  bb"));
}

/* How often the SVG of both has a text, in a group or not. */
static int count_in_svg(const struct record record[2], int group,
			const char *text)
{
	struct panel panels[] = { { "t", "one", record[0], group },
				  { "t", "the other", record[1], group } };
	char *svg;
	size_t size;
	int count = 0;
	FILE *file = open_memstream(&svg, &size);

	svg_write(file, panels, 2);
	fclose(file);
	for (char *at = svg; (at = strstr(at, text)) != NULL; at++)
		count++;
	free(svg);
	return count;
}

static void the_svg_has_them_over_one_axis_too(void **state)
{
	struct record record[2];

	(void)state;
	record_two(record);
	for (int group = 0; group <= 1; group++) {
		assert_int_equal(count_in_svg(record, group, "role=\"group\""),
				 2);
		assert_int_equal(count_in_svg(record, group, ">40 ms</text>"),
				 1 + group);
		/* works: the first name of the first, the second of the other */
		assert_int_equal(count_in_svg(record, group,
					      "10.000 ms</title><rect "
					      "class=\"c0\""),
				 group);
	}
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_processes_lose_nothing),
		cmocka_unit_test(what_does_not_fit_is_counted),
		cmocka_unit_test(a_killed_process_holds_up_nobody),
		cmocka_unit_test(a_span_without_end_is_open),
		cmocka_unit_test(a_span_of_the_dead_ends_at_its_join),
		cmocka_unit_test(many_spans_in_each_other_end_as_they_should),
		cmocka_unit_test(
			a_forked_and_a_spawned_child_are_in_the_picture),
		cmocka_unit_test(a_thread_is_a_row_of_its_own),
		cmocka_unit_test(messages_are_arrows_in_order),
		cmocka_unit_test(many_messages_are_no_trouble),
		cmocka_unit_test(rows_are_in_the_order_made),
		cmocka_unit_test(a_process_can_change_its_name),
		cmocka_unit_test(the_queries_see_what_overlapped),
		cmocka_unit_test(any_name_is_text_in_a_picture),
		cmocka_unit_test(an_empty_record_is_no_trouble),
		cmocka_unit_test(records_share_one_axis),
		cmocka_unit_test(nothing_to_compare_is_no_trouble),
		cmocka_unit_test(the_svg_has_them_over_one_axis_too),
	};

	mp_guard(argc, argv);
	return cmocka_run_group_tests_name("stage/timeline", tests, NULL, NULL);
}
