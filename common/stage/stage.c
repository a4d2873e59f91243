/* stage.c - a lab, and how its scenes are played; see stage.h. */
#include "stage.h"

#include "deadline.h"
#include "export.h"
#include "run.h"
#include "terminal.h"
#include "twin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

static bool want_help, want_version, want_list, want_step, want_quiet;
static bool want_no_chart;
static int want_colour = COLOUR_AUTO;
static const char *trace_file, *svg_file;
static int (*play_instead)(const char *scene);

static const struct option_row common_options[] = {
	{ "list", OPTION_FLAG, &want_list,
	  .help = "a line a scene: name, tab, question" },
	{ "step", OPTION_FLAG, &want_step,
	  .help = "wait for Enter at questions and conclusions" },
	{ "color", OPTION_CHOICE, &want_colour, .choices = "auto|always|never",
	  .help = "auto: on a terminal, unless NO_COLOR is set" },
	{ "no-chart", OPTION_FLAG, &want_no_chart,
	  .help = "no charts of the timeline" },
	{ "quiet", OPTION_FLAG, &want_quiet,
	  .help = "no lines at all: the exit status tells" },
	{ "trace", OPTION_FILE, &trace_file,
	  .help = "the run as Chrome trace JSON, for Perfetto" },
	{ "svg", OPTION_FILE, &svg_file, .help = "the run as a picture" },
	{ "help", OPTION_FLAG, &want_help, .help = "this text" },
	{ "version", OPTION_FLAG, &want_version, .help = "the version" },
	{ 0 }
};

static void print_help(const struct lab *lab)
{
	printf("Usage: %s [OPTION]... [SCENE]...\n"
	       "Plays the scenes of the lab on %s, or just those named.\n\n",
	       program_invocation_short_name, lab->title);
	if (lab->options != NULL) {
		printf("Options of this lab:\n");
		options_help(lab->options);
		printf("\n");
	}
	printf("Options of every lab:\n");
	options_help(common_options);
	printf("\nScenes:\n");
	for (const struct scene *it = lab->scenes; it->name != NULL; it++)
		printf("  %s\n", it->name);
	printf("\nExit status: 0 every conclusion held, 1 one did not or the "
	       "run failed,\n2 the command line was wrong.\n");
}

static void print_list(const struct lab *lab)
{
	for (const struct scene *it = lab->scenes; it->name != NULL; it++)
		printf("%s\t%s\n", it->name, it->question);
}

/* For what was asked for instead of a run: a full disk is an error here too. */
static int printed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "%s: stdout: %s\n", program_invocation_short_name,
		strerror(errno));
	return 1;
}

static const struct scene *find(const struct lab *lab, const char *name)
{
	for (const struct scene *it = lab->scenes; it->name != NULL; it++)
		if (strcmp(it->name, name) == 0)
			return it;
	usage_error("'%s' is no scene; --list names them", name);
}

/* region: play */
/* The frame of a scene: question, Enter, what happens. */
static void play(const struct lab *lab, const struct scene *scene)
{
	if (want_step)
		clear_screen();
	show("%s%s%s", paint(BOLD), scene->name, paint(PLAIN));
	show("Predict: %s", scene->question);
	if (want_step)
		wait_for_enter();
	conclusions_for(scene->name);
	export_scene_begin(scene->name, scene->question);
	run()->start = monotonic_now();
	if (scene == lab->scenes)
		twin_compare(lab->source);
	else
		scene->play();
	show("%s", "");
	export_scene_end();
}
/* endregion */

/* Before the line with that number: if the screen is full, Enter for a new one. */
static void turn_page(int line)
{
	int columns, lines;

	terminal_size(&columns, &lines);
	if (line == 0 || line % (lines > 4 ? lines - 2 : 2) != 0)
		return;
	wait_for_enter();
	clear_screen();
}

/* How many conclusions did not hold; with a list of all, for a full run. */
static int sum_up(bool full)
{
	int count, failed = 0;
	const struct conclusion *all = conclusions(&count);

	if (full && want_step)
		clear_screen();
	for (int i = 0; i < count; i++) {
		if (full && want_step)
			turn_page(i);
		if (full)
			show_conclusion(&all[i], true);
		failed += !all[i].held;
	}
	if (full)
		show("%d of %d conclusions held", count - failed, count);
	return failed;
}

/*
 * Whoever started us with a standard descriptor closed gets one all the same: a
 * pipe of ours with number 1 would be written to as stdout. Writing to this one
 * fails, as it would to a closed one.
 */
static void fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", O_RDONLY);
}

/* A run: its clock and its colours, for every process that will speak. */
static void begin_run(void)
{
	fill_standard_descriptors();
	signal(SIGPIPE, SIG_IGN); /* a write fails instead, and says so */
	check(run_begin(RUN_EVENTS));
	run()->colour = want_colour == COLOUR_ALWAYS ||
			(want_colour == COLOUR_AUTO && wants_colour());
	run()->unicode = speaks_utf8();
	run()->quiet = want_quiet;
	run()->stepping = want_step;
	if (want_no_chart)
		charts_off();
}

/* stdout can take one thing alone, and so can a file. */
static void check_stdout(bool bare_program)
{
	const char *lines = bare_program ? "what the program prints goes"
					 : "the scenes' lines go";
	bool trace = trace_file != NULL && strcmp(trace_file, "-") == 0;
	bool svg = svg_file != NULL && strcmp(svg_file, "-") == 0;

	if (trace_file != NULL && svg_file != NULL &&
	    strcmp(trace_file, svg_file) == 0)
		usage_error("--svg: '%s' is %swhere the trace goes", svg_file,
			    svg ? "stdout, " : "");
	if ((trace || svg) && (bare_program || !want_quiet))
		usage_error("--%s: '-' is stdout, where %s%s",
			    trace ? "trace" : "svg", lines,
			    bare_program ? "" : "; --quiet leaves them out");
}

/* The files that were asked for. -1 if one of them could not be written. */
static int write_files(void)
{
	int failed = 0;

	export_dropped();
	if (trace_file != NULL)
		failed |= export_trace(trace_file);
	if (svg_file != NULL)
		failed |= export_svg(svg_file);
	return failed;
}

/* The program itself, as labN.py is: no frame, no lines of ours. */
static int play_bare(const struct scene *program)
{
	int failed;

	export_scene_begin(program->name, program->question);
	program->play();
	failed = printed();
	export_scene_end();
	return write_files() < 0 ? 1 : failed;
}

void stage_instead(int (*instead)(const char *scene))
{
	play_instead = instead;
}

int stage_main(int argc, char *argv[], const struct lab *lab)
{
	int first = options_parse(argc, argv, lab->options, common_options);
	bool alone = argc - first == 1, full = argc == first, failed;
	int status;

	for (int i = first; i < argc; i++)
		find(lab, argv[i]);
	if (want_help || want_version || want_list) {
		if (want_help)
			print_help(lab);
		else if (want_version)
			printf("%s %s\n", program_invocation_short_name,
			       VERSION);
		else
			print_list(lab);
		return printed();
	}

	alone = alone && find(lab, argv[first]) == lab->scenes;
	check_stdout(alone);
	begin_run();
	if (play_instead != NULL && (status = play_instead(argv[first])) >= 0)
		return status;
	if (alone)
		return play_bare(lab->scenes);
	for (int i = first; i < argc; i++)
		play(lab, find(lab, argv[i]));
	for (const struct scene *it = lab->scenes; full && it->name; it++)
		play(lab, it);
	failed = sum_up(full) > 0;
	return write_files() < 0 ? 1 : failed;
}
