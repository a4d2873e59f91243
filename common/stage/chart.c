/* chart.c - pictures made of characters; see chart.h. */
#include "chart.h"

#include "run.h"
#include "say.h"

#include <stdio.h>
#include <string.h>

#define WIDEST 36 /* columns of the longest bar */

void show_bar(const char *label, double value, double most, const char *unit)
{
	const char *block = run()->unicode ? "█" : "#";
	int length = most > 0 ? (int)(value / most * WIDEST + 0.5) : 0;
	char bar[WIDEST * sizeof("█")] = "", *end = bar;

	for (int i = 0; i < length && i < WIDEST; i++)
		end = stpcpy(end, block);
	show("%-26s %s%s%.2f %s", label, bar, length > 0 ? " " : "", value,
	     unit);
}
