/* stage.c - rows of the bench: what recording costs; see bench.h. */
#include "timeline.h"

#include "bench.h"
#include "run.h"

#include <stdatomic.h>

#define EVENTS 10000

static void begin(void)
{
	if (run_begin(EVENTS + 1) < 0)
		fail("the timeline");
}

/* One after the other, into memory that is there. */
static void record_events(void)
{
	atomic_store(&run()->asked, 0);
	for (int i = 0; i < EVENTS; i++)
		mark("event");
}

const struct row stage_rows[] = { { "timeline-event", "ns", 1e9, EVENTS, begin,
				    record_events, NULL, false, NULL },
				  { 0 } };
