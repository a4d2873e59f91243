/*
 * bench.h - what a row of the bench is
 *
 * Each file beside this one has a table of rows, which ends with a row without a
 * name.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>

struct row {
	const char *name, *unit;
	double scale;	     /* from seconds, for one operation, to the unit; */
			     /* below 0: its seconds alone, for a speedup */
	size_t count;	     /* operations in a call */
	void (*begin)(void); /* before the row: partners, memory; or NULL */
	void (*ours)(void);
	void (*bare)(void); /* NULL: there is nothing to compare with */
	bool cpython;	    /* does bench.py have such a row? */
	void (*end)(void);  /* behind the row, or NULL */
};

extern const struct row process_rows[], stage_rows[], connection_rows[],
	lock_rows[], queue_rows[], pool_rows[], socket_rows[];

/* The path of this program, and of what lies beside it (until the next call). */
extern char *program;
char *beside(const char *name);

/* Ends the bench, with errno's text. */
_Noreturn void fail(const char *what);

/* The first argument of this program when a row starts it just to end. */
#define END_AT_ONCE "end-at-once"

/* Starts a child by hand that plays a part and ends. */
void start_partner(void (*part)(void));

/* Joins all partners. */
void join_partners(void);

/* Pins this process, and those it starts, to one CPU; and back to all. */
void pin(void);
void unpin(void);

#endif
