/*
 * chart.h - pictures made of characters
 *
 * Blocks where the locale is UTF-8, plain ASCII where not.
 */
#ifndef STAGE_CHART_H
#define STAGE_CHART_H

#include "timeline.h"

/*
 * A line with a bar: a label, the bar (as long as value is against most), the
 * value and its unit.
 */
void show_bar(const char *label, double value, double most, const char *unit);

/*
 * A record as a chart: a row a process, a time axis, a legend. It takes as many
 * lines as there are processes, and three at most; of more processes than fit,
 * the first are shown. Nothing if the run has --no-chart, or nothing was recorded.
 */
void show_chart(const struct record *record);

/*
 * Several records, one below the other over one axis: each begins at its 0, and
 * the longest ends at the right. A label stands beside the first row of each; it
 * lives until the run ends, for the SVG. The lab's own row is left out. It takes
 * as many lines as the rest has rows, and three at most.
 */
void show_charts(const struct record *records, const char *const *labels,
		 size_t count);

/* For stage.c: no charts in this run. */
void charts_off(void);

#endif
