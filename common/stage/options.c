/* options.c - a table of options that parses; see options.h. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST  32  /* rows of both tables together */
#define FIRST 256 /* of getopt's numbers for them: beyond all characters */

void usage_error(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(2);
}

/* A size as people write it: 64K, 16M, 1G. */
static void print_size(char *text, size_t room, double bytes)
{
	const char *unit = "";

	for (const char *larger = "KMG";
	     *larger != '\0' && bytes >= 1024 && (size_t)bytes % 1024 == 0;
	     larger++) {
		bytes /= 1024;
		unit = larger;
	}
	snprintf(text, room, "%.0f%.1s", bytes, unit);
}

/* The range of a row: "1M to 64G". */
static void print_bounds(char *text, size_t room, const struct option_row *row)
{
	char min[32], max[32];

	print_size(min, sizeof(min), row->min);
	print_size(max, sizeof(max), row->max);
	if (row->kind == OPTION_SIZE)
		snprintf(text, room, "%s to %s", min, max);
	else
		snprintf(text, room, "%.10g to %.10g", row->min, row->max);
}

/* What a row takes, in words: "seconds from 0 to 60". */
static void print_range(char *text, size_t room, const struct option_row *row)
{
	static const char *const what[] = {
		[OPTION_NUMBER] = "a whole number from",
		[OPTION_SECONDS] = "seconds from",
		[OPTION_SIZE] = "a size from",
	};
	char bounds[80];

	print_bounds(bounds, sizeof(bounds), row);
	if (row->kind == OPTION_FLAG)
		snprintf(text, room, "no value");
	else if (row->kind == OPTION_FILE)
		snprintf(text, room, "the name of a file");
	else if (row->kind == OPTION_TEXT)
		snprintf(text, room, "%s", row->choices);
	else if (row->kind == OPTION_CHOICE)
		snprintf(text, room, "one of %s", row->choices);
	else
		snprintf(text, room, "%s %s", what[row->kind], bounds);
}

/* Which of the words between the bars it is, or -1. */
static int choice(const char *choices, const char *text)
{
	size_t length = strlen(text);

	for (int i = 0; length > 0; i++) {
		size_t word = strcspn(choices, "|");

		if (word == length && strncmp(choices, text, length) == 0)
			return i;
		if (choices[word] == '\0')
			break;
		choices += word + 1;
	}
	return -1;
}

/* A plain decimal, with a unit if it is a size; no sign, no "inf", no 0x. */
static bool number(const struct option_row *row, const char *text, double *out)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)text[0]) || strpbrk(text, "xXeE") != NULL)
		return false;
	*out = strtod(text, &end);
	if (row->kind != OPTION_SECONDS && memchr(text, '.', end - text))
		return false;
	if (row->kind == OPTION_SIZE && *end != '\0' &&
	    (unit = strchr(units, toupper((unsigned char)*end))) != NULL) {
		for (const char *u = units; u <= unit; u++)
			*out *= 1024;
		end++;
	}
	return *end == '\0' && *out >= row->min && *out <= row->max;
}

/* Stores the text's value; false if it is none, or out of range. */
static bool store(const struct option_row *row, const char *text)
{
	double value = 0;

	if (row->kind == OPTION_FLAG) {
		*(bool *)row->value = true;
		return true;
	}
	if (row->kind == OPTION_FILE || row->kind == OPTION_TEXT) {
		*(const char **)row->value = text;
		return row->kind == OPTION_TEXT || text[0] != '\0';
	}
	if (row->kind == OPTION_CHOICE) {
		int which = choice(row->choices, text);

		if (which >= 0)
			*(int *)row->value = which;
		return which >= 0;
	}
	if (!number(row, text, &value))
		return false;
	if (row->kind == OPTION_NUMBER)
		*(int *)row->value = value;
	else if (row->kind == OPTION_SECONDS)
		*(double *)row->value = value;
	else
		*(size_t *)row->value = value;
	return true;
}

static int append(const struct option_row *table, struct option *to,
		  const struct option_row **rows, int count)
{
	for (; table != NULL && table->name != NULL && count < MOST; table++) {
		bool flag = table->kind == OPTION_FLAG;

		to[count] = (struct option){
			.name = table->name,
			.has_arg = flag ? no_argument : required_argument,
			.val = FIRST + count,
		};
		rows[count++] = table;
	}
	return count;
}

static void take(const struct option_row *row, const char *text)
{
	char range[160];

	if (store(row, text))
		return;
	print_range(range, sizeof(range), row);
	usage_error("--%s: '%s' is not %s", row->name, text, range);
}

/* getopt_long(3) found no such option, or none that may have a value. */
static _Noreturn void refuse(const struct option_row **rows, char *word)
{
	if (optopt >= FIRST)
		usage_error("--%s takes no value: '%s'",
			    rows[optopt - FIRST]->name, word);
	if (optopt != 0) /* a letter: word may be the one before its own */
		usage_error("'-%c' is no option; --help names them", optopt);
	usage_error("'%s' is no option; --help names them", word);
}

int options_parse(int argc, char *argv[], const struct option_row *ours,
		  const struct option_row *theirs)
{
	struct option getopt_table[MOST + 1] = { 0 };
	const struct option_row *rows[MOST];
	int count = append(ours, getopt_table, rows, 0), found;
	char range[160];

	append(theirs, getopt_table, rows, count);
	opterr = 0;
	while ((found = getopt_long(argc, argv, ":", getopt_table, NULL)) !=
	       -1) {
		if (found == '?')
			refuse(rows, argv[optind - 1]);
		if (found == ':') {
			const struct option_row *row = rows[optopt - FIRST];

			print_range(range, sizeof(range), row);
			usage_error("--%s: needs %s", row->name, range);
		}
		take(rows[found - FIRST], optarg);
	}
	return optind;
}

void options_help(const struct option_row *table)
{
	static const char *const value[] = {
		[OPTION_NUMBER] = "N",
		[OPTION_SECONDS] = "SECONDS",
		[OPTION_SIZE] = "SIZE",
	};

	for (; table != NULL && table->name != NULL; table++) {
		char usage[96], bounds[80];

		print_bounds(bounds, sizeof(bounds), table);
		if (table->kind == OPTION_FLAG)
			snprintf(usage, sizeof(usage), "--%s", table->name);
		else if (table->kind == OPTION_FILE)
			snprintf(usage, sizeof(usage), "--%s=FILE",
				 table->name);
		else if (table->kind == OPTION_CHOICE ||
			 table->kind == OPTION_TEXT)
			snprintf(usage, sizeof(usage), "--%s=%s", table->name,
				 table->choices);
		else
			snprintf(usage, sizeof(usage), "--%s=%s (%.40s)",
				 table->name, value[table->kind], bounds);
		printf("  %-32s %s\n", usage, table->help);
	}
}
