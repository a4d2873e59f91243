/* descriptors.c - which descriptors are open; see descriptors.h. */
#include "descriptors.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

/* Appends fd to the list, which grows by doubling at powers of two. */
static int append(int **list, size_t count, int fd)
{
	if ((count & (count - 1)) == 0) {
		size_t room = count == 0 ? 1 : 2 * count;
		int *larger = realloc(*list, room * sizeof(**list));

		if (larger == NULL)
			return -1;
		*list = larger;
	}
	(*list)[count] = fd;
	return 0;
}

ssize_t open_descriptors(int **list)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	size_t count = 0;
	int error = 0;

	*list = NULL;
	if (folder == NULL)
		return -1;
	while (errno = 0, (entry = readdir(folder)) != NULL) {
		int fd = atoi(entry->d_name);

		if (!isdigit(entry->d_name[0]) || fd == dirfd(folder))
			continue;
		if (append(list, count, fd) < 0)
			break;
		count++;
	}
	error = errno;
	closedir(folder);
	if (error == 0)
		return count;
	free(*list);
	*list = NULL;
	errno = error;
	return -1;
}
