/*
 * support.h - what the cmocka programs have in common
 *
 * Each test of mp runs between two looks at this process (TEST): no descriptor
 * more than before, no child left. STORM=full makes the storms long.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "process.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <sys/types.h>

#define LONG 30.0 /* seconds: only a defect takes so long */

#define NOBODY 65534 /* a user whom limits bind, unlike root */

/* Each method of starting a process in turn: EACH_METHOD(m) uses *m. */
#define EACH_METHOD(m) \
	for (const enum mp_method *m = both_methods; m < both_methods + 2; m++)
extern const enum mp_method both_methods[2];

/* Are the storms to be long? The number of rounds: full, or a twentieth of them. */
bool storm(void);
int rounds(int full);

/* How many descriptors this process has open. */
ssize_t count_descriptors(void);

#define TEST(f) cmocka_unit_test_setup_teardown(f, look_before, look_after)
int look_before(void **state);
int look_after(void **state);

/* A fork of this process, in which a failed assertion is the end. */
pid_t forked(void);

/* Runs a test's dangerous part in a process of its own; 0 from it is success. */
void apart(int (*part)(void));

/* A child's end: joins it, and gives its exit code. */
int exitcode_of(struct mp_process *process);

/* For a forked child by hand: waits for its end. Its exit status, or -N. */
int end_of(pid_t pid);

/* Waits until a child sleeps in the system: one that spins never does. */
void wait_until_asleep(pid_t pid);

/* In a process of its own, alone: room for so many descriptors more, no more. */
void limit_descriptors(int more);

/* Targets. They have names, so a spawned child finds them. */

enum ending { RETURN_0, RETURN_7, RETURN_261, EXIT_7, ABORT, WAIT };

/* Ends in the way that its argument, an int, says; without one RETURN_0. */
int end_like(const void *args, size_t size);

/* 0 if the bytes are 0, 1, 2 ... and stand where a struct may stand. */
int check_bytes(const void *args, size_t size);

/* Prints "a line". */
int write_a_line(const void *args, size_t size);

#endif
