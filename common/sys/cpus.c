/* cpus.c - on which CPUs a process may run; see cpus.h. */
#include "cpus.h"

#include <unistd.h>

int usable_cpus(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return (int)sysconf(_SC_NPROCESSORS_ONLN);
	return CPU_COUNT(&cpus);
}

cpu_set_t stay_on_one_cpu(void)
{
	int here = sched_getcpu();
	cpu_set_t before, one;

	CPU_ZERO(&before);
	CPU_ZERO(&one);
	if (here < 0 || sched_getaffinity(0, sizeof(before), &before) < 0)
		return before; /* none: use_cpus() does nothing either */
	CPU_SET(here, &one);
	sched_setaffinity(0, sizeof(one), &one);
	return before;
}

void use_cpus(const cpu_set_t *cpus)
{
	if (CPU_COUNT(cpus) > 0)
		sched_setaffinity(0, sizeof(*cpus), cpus);
}
