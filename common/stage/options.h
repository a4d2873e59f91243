/*
 * options.h - a table of options that parses, and that --help prints
 *
 * GNU style: --name, --name=VALUE, --name VALUE; see getopt_long(3). A wrong
 * value is told in one line that names the text and the range, and the program
 * exits with 2.
 */
#ifndef STAGE_OPTIONS_H
#define STAGE_OPTIONS_H

#include <stddef.h>

enum option_kind {
	OPTION_FLAG,	/* no value; sets a bool */
	OPTION_NUMBER,	/* a whole number; sets an int */
	OPTION_SECONDS, /* sets a double */
	OPTION_SIZE,	/* bytes, with K, M or G behind; sets a size_t */
	OPTION_FILE,	/* a name, not empty; sets a const char * */
	OPTION_TEXT,	/* any text; sets a const char * */
	OPTION_CHOICE	/* one of a few words; sets an int, which one, from 0 */
};

struct option_row {
	const char *name; /* without the dashes; NULL ends a table */
	enum option_kind kind;
	void *value;	     /* where it goes; holds the default before */
	double min, max;     /* the range of a number, of seconds, of a size */
	const char *choices; /* of OPTION_CHOICE: "fork|spawn"; of
				OPTION_TEXT: what it is, "ADDRESS" */
	const char *help;    /* one line */
};

/*
 * Parses the command line by both tables (either may be NULL). The index of the
 * first word that is no option; such words are moved to the end of argv.
 */
int options_parse(int argc, char *argv[], const struct option_row *ours,
		  const struct option_row *theirs);

/* Prints the table as lines for --help, to stdout. */
void options_help(const struct option_row *table);

/* Says what is wrong with the command line, in one line, and exits with 2. */
_Noreturn void usage_error(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif
