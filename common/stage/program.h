/*
 * program.h - where this program is, and what was built beside it
 */
#ifndef STAGE_PROGRAM_H
#define STAGE_PROGRAM_H

/* The path of this program; of another one in the same folder, whether it is
 * there or not. Each lasts until its next call. */
const char *this_program(void);
const char *program_beside(const char *name);

#endif
