/*
 * guard.c - how a spawned child becomes what its parent meant; see mp_spawn.h
 *
 * The child's side: it comes through main() to mp_guard(), reads the hand-over,
 * and runs its target.
 */
#include "mp_spawn.h"

#include "io.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool guard_passed;

static _Noreturn void fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, list);
	fprintf(stderr, "\n");
	va_end(list);
	_exit(2);
}

static char *receive(int fd, size_t size)
{
	char *bytes = malloc(size + 1);

	if (bytes == NULL || read_full(fd, bytes, size) != (ssize_t)size)
		fail(SPAWN_HANDLE "%d: the hand-over is not whole", fd);
	bytes[size] = '\0';
	return bytes;
}

static void receive_head(int fd, struct hand_over *head)
{
	struct stat status;

	/* Somebody may have typed the number: a terminal would be read. */
	if (fstat(fd, &status) < 0 || !S_ISFIFO(status.st_mode))
		fail(SPAWN_HANDLE "%d: no pipe; only mp_process_start() starts "
				  "a program like this",
		     fd);
	if (read_full(fd, head, sizeof(*head)) != sizeof(*head) ||
	    memcmp(head->magic, SPAWN_MAGIC, sizeof(head->magic)) != 0 ||
	    head->args_size > MP_ARGS_MAX || head->strings_size > HAND_OVER_MAX)
		fail(SPAWN_HANDLE "%d: no hand-over of mp_process_start()", fd);
}

/* region: become */
/* Reads what the parent sent, and becomes that process. */
_Noreturn void mp_spawn_become(int fd)
{
	struct hand_over head;
	char *args, *strings, **argv;
	struct mp_current self = { 0 };
	mp_target *target;

	receive_head(fd, &head);
	args = receive(fd, head.args_size);
	strings = receive(fd, head.strings_size);
	close(fd);

	snprintf(self.name, sizeof(self.name), "%s", strings);
	strings += strlen(strings) + 1;
	target = (mp_target *)dlsym(RTLD_DEFAULT, strings);
	if (target == NULL)
		fail("%s: no such function in this program", strings);
	argv = calloc(head.argc + 1, sizeof(*argv));
	if (argv == NULL)
		fail("no memory for argv");
	for (uint32_t i = 0; i < head.argc; i++) {
		strings += strlen(strings) + 1;
		argv[i] = strings;
	}

	self.daemon = head.daemon;
	self.argv = argv;
	mp_set_current(&self);
	guard_passed = true;
	mp_leave(target(args, head.args_size));
}
/* endregion */

/* region: guard */
void mp_guard(int argc, char *argv[])
{
	char *end;
	long fd;

	if (argc < 2 || strcmp(argv[1], SPAWN_MARK) != 0) {
		struct mp_current self = *mp_current_process();

		self.argv = argv;
		mp_set_current(&self);
		guard_passed = true;
		return;
	}
	if (argc != 3 ||
	    strncmp(argv[2], SPAWN_HANDLE, strlen(SPAWN_HANDLE)) != 0)
		fail(SPAWN_MARK ": needs " SPAWN_HANDLE "N, and nothing else");
	fd = strtol(argv[2] + strlen(SPAWN_HANDLE), &end, 10);
	if (*end != '\0' || end == argv[2] + strlen(SPAWN_HANDLE) || fd < 0 ||
	    fd > INT_MAX)
		fail("%s: no descriptor's number", argv[2]);
	mp_spawn_become(fd);
}
/* endregion */

/* Who never calls the guard still has a command line that tells. */
bool mp_spawn_bootstrapping(void)
{
	char line[PATH_MAX + sizeof(SPAWN_MARK) + 1];
	ssize_t size;
	const char *second;
	int fd;

	if (guard_passed)
		return false;
	fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size = read_full(fd, line, sizeof(line) - 1);
	close(fd);
	line[size < 0 ? 0 : size] = '\0';
	second = line + strlen(line) + 1;
	return second < line + size && strcmp(second, SPAWN_MARK) == 0;
}
