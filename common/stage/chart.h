/*
 * chart.h - pictures made of characters
 */
#ifndef STAGE_CHART_H
#define STAGE_CHART_H

/*
 * A line with a bar: a label, the bar (as long as value is against most), the
 * value and its unit. Blocks where the locale is UTF-8, '#' where not.
 */
void show_bar(const char *label, double value, double most, const char *unit);

#endif
