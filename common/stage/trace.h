/*
 * trace.h - the timeline as Chrome trace JSON, which Perfetto opens
 */
#ifndef STAGE_TRACE_H
#define STAGE_TRACE_H

#include "timeline.h"

#include <stdio.h>

/*
 * Writes a record as one JSON object. Times are microseconds since the run
 * began. A span that never ended is a "B" event without its "E"; all others are
 * "X" events. Whoever called looks at ferror(3) and fclose(3).
 */
void trace_write(FILE *file, const struct record *record);

#endif
