/*
 * progress.c - what a terminal gets of the line that moves
 */
#include "progress.h"

#include "../support.h"
#include "check.h"
#include "deadline.h"
#include "io.h"
#include "run.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define ERASED "\r\033[K"

/* The two ends of a terminal that changes nothing that is written to it. */
static void make_terminal(int end[2])
{
	struct termios raw;

	end[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_return_code(end[0], errno);
	assert_int_equal(grantpt(end[0]), 0);
	assert_int_equal(unlockpt(end[0]), 0);
	end[1] = open(ptsname(end[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_return_code(end[1], errno);
	assert_int_equal(tcgetattr(end[1], &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(end[1], TCSANOW, &raw), 0);
}

static void make_pipe(int end[2])
{
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
}

/* What a process writes there in which that part runs. */
static const char *written(void (*part)(void), void (*make)(int[2]),
			   const char *term)
{
	static char text[4096];
	size_t size = 0;
	int end[2];
	pid_t pid;

	make(end);
	pid = forked();
	if (pid == 0) {
		dup2(end[1], STDOUT_FILENO);
		dup2(end[1], STDERR_FILENO);
		setenv("TERM", term, 1);
		if (run_begin(0) < 0)
			_exit(1);
		part();
		_exit(0);
	}
	close(end[1]);
	for (ssize_t n = 1; n > 0; size += n > 0 ? n : 0)
		n = read(end[0], text + size, sizeof(text) - 1 - size);
	text[size] = '\0'; /* 0 or EIO: nobody has it open any more */
	close(end[0]);
	end_of(pid);
	return text;
}

static void show_often(void)
{
	double began = monotonic_now(), took;

	for (int i = 0; i < 1000; i++) {
		progress("at %d", i);
		sleep_for(0.0003);
	}
	took = monotonic_now() - began;
	progress_erase();
	progress_erase(); /* there is none */
	progress("again");
	fprintf(stderr, "%f", took);
}

static void show_a_line(void)
{
	progress("working");
	show("a line");
	show("another");
}

static void die_of_it(void)
{
	progress("working");
	errno = ENOENT;
	die("it");
}

static void fail_a_check(void)
{
	progress("working");
	errno = ENOENT;
	check(-1);
}

static void be_quiet(void)
{
	run()->quiet = true;
	progress("working");
	show("a line");
}

static void say_much(void)
{
	progress("%0200d", 7);
}

static void a_terminal_gets_it_ten_times_a_second(void **state)
{
	const char *text = written(show_often, make_terminal, "xterm");
	const char *took = strrchr(text, '\r') + 1, *end = text;
	int times = 0;

	(void)state;
	assert_int_equal(strncmp(text, ERASED "at 0\r", 9), 0);
	for (; (end = strstr(end, ERASED "at ")) != NULL; end++)
		times++;
	assert_in_range(times, 2, (int)(atof(took) * 10) + 1);
	end = strstr(text, ERASED ERASED);
	assert_non_null(end);
	assert_int_equal(took - end, strlen(ERASED ERASED "again\r"));
}

static void whatever_comes_next_takes_it_off(void **state)
{
	const char *text;

	(void)state;
	assert_string_equal(written(show_a_line, make_terminal, "xterm"),
			    ERASED "working\r" ERASED "a line\nanother\n");
	text = written(die_of_it, make_terminal, "xterm");
	assert_int_equal(
		strncmp(text, ERASED "working\r" ERASED "progress: it",
			strlen(ERASED "working\r" ERASED "progress: it")),
		0);
	text = written(fail_a_check, make_terminal, "xterm");
	assert_int_equal(
		strncmp(text, ERASED "working\r" ERASED "progress: ",
			strlen(ERASED "working\r" ERASED "progress: ")),
		0);
}

static void nobody_else_gets_it(void **state)
{
	(void)state;
	assert_string_equal(written(show_a_line, make_pipe, "xterm"),
			    "a line\nanother\n");
	assert_string_equal(written(show_a_line, make_terminal, "dumb"),
			    "a line\nanother\n");
	assert_string_equal(written(be_quiet, make_terminal, "xterm"), "");
}

static void a_long_one_is_cut(void **state)
{
	(void)state;
	assert_true(strlen(written(say_much, make_terminal, "xterm")) < 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_terminal_gets_it_ten_times_a_second),
		TEST(whatever_comes_next_takes_it_off),
		TEST(nobody_else_gets_it),
		TEST(a_long_one_is_cut),
	};

	return cmocka_run_group_tests_name("stage/progress", tests, NULL, NULL);
}
