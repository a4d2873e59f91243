/*
 * stage.h - a lab: its scenes, and how they are played
 *
 * All that a lab includes of stage/. A lab needs a table of scenes, a table of
 * options if it has any of its own, and a main of two lines:
 *
 *	mp_guard(argc, argv);
 *	return stage_main(argc, argv, &lab);
 */
#ifndef STAGE_STAGE_H
#define STAGE_STAGE_H

#include "chart.h"
#include "check.h"
#include "deadline.h"
#include "export.h"
#include "gate.h"
#include "measure.h"
#include "memory.h"
#include "options.h"
#include "program.h"
#include "progress.h"
#include "say.h"
#include "timeline.h"

struct scene {
	const char *name;     /* for the command line; NULL ends a table */
	const char *question; /* put before anything runs; under 70 columns */
	void (*play)(void);
};

struct lab {
	const char *source;		  /* __FILE__ of the lab */
	const char *title;		  /* "fork against spawn" */
	const struct scene *scenes;	  /* the first one is `program` */
	const struct option_row *options; /* of its own, or NULL */
};

/*
 * Plays the scenes that the command line names, or all. Exit status for main:
 * 0 every conclusion held, 1 one did not; a wrong command line exits with 2.
 *
 * The scene `program`, played alone, is nothing but its play(); in a full run
 * it is a comparison with the Python program (see twin.h).
 */
int stage_main(int argc, char *argv[], const struct lab *lab);

/*
 * For a lab whose options can ask for something else than scenes; before
 * stage_main(). instead() does that, and its answer is the exit status; or it
 * is -1, and the scenes are played. scene is the first one that the command line
 * names, or NULL.
 */
void stage_instead(int (*instead)(const char *scene));

#endif
