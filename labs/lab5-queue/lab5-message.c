/* lab5-message.c - what the scenes of lab 5 share; see lab5.h. */
#include "lab5.h"

#include "stage.h"

#include <stdio.h>
#include <string.h>

/* The byte at a place of a message: it depends on all there is. */
static unsigned char byte_of(uint64_t number, size_t size, size_t place)
{
	return (number * 31 + size * 13 + place * 7 + (place >> 8)) & 255;
}

void fill_message(void *message, size_t size, uint64_t number)
{
	unsigned char *bytes = message;

	for (size_t i = sizeof(number); i < size; i++)
		bytes[i] = byte_of(number, size, i);
	memcpy(bytes, &number, sizeof(number));
}

int64_t message_number(const void *message, size_t size)
{
	const unsigned char *bytes = message;
	uint64_t number;

	if (size < sizeof(number))
		return -1;
	memcpy(&number, bytes, sizeof(number));
	for (size_t i = sizeof(number); i < size; i++)
		if (bytes[i] != byte_of(number, size, i))
			return -1;
	return (int64_t)number;
}

/* The state letter in /proc/PID/stat; 0 if there is no such process. */
static char state_of(pid_t pid)
{
	char path[32], line[512] = "", *behind_name;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0'; /* reaped meanwhile */
	fclose(file);
	behind_name = strrchr(line, ')');
	return behind_name != NULL ? behind_name[strlen(") ")] : 0;
}

bool is_asleep(pid_t pid)
{
	return state_of(pid) == 'S';
}

bool falls_asleep(pid_t pid)
{
	double until = monotonic_now() + PATIENCE;
	char state;

	while ((state = state_of(pid)) != 'S') {
		if (state == 0 || state == 'Z' || monotonic_now() > until)
			return false;
		sleep_for(0.0002); /* nothing tells of it: look again */
	}
	return true;
}
