/*
 * measure.c - what a scene relies on before it takes much memory
 */
#include "measure.h"

#include "../support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1024.0 * 1024)

static char root[] = "/tmp/measure-XXXXXX"; /* a tree of control groups */

static int make_root(void **state)
{
	(void)state;
	strcpy(root + sizeof(root) - sizeof("XXXXXX"), "XXXXXX");
	return mkdtemp(root) == NULL;
}

static int remove_one(const char *path, const struct stat *status, int kind,
		      struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

static int remove_root(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A file below root, and the folders above it. */
static void write_file(const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = path + strlen(root);
	     (slash = strchr(slash + 1, '/')) != NULL;) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* What is left to a process whose groups are in that list, in MiB. */
static double left(const char *list)
{
	char path[512];

	write_file("list", list);
	snprintf(path, sizeof(path), "%s/list", root);
	return left_in_cgroups(path, root) / MIB;
}

#define BEYOND_ALL (1 << 20) /* MiB */

static void without_a_limit_all_is_left(void **state)
{
	(void)state;
	assert_true(left("") > BEYOND_ALL);
	assert_true(left("0::/\n") > BEYOND_ALL);
	write_file("a/memory.max", "max\n");
	write_file("a/memory.current", "1048576\n");
	assert_true(left("0::/a\n") > BEYOND_ALL);
	write_file("memory/a/memory.limit_in_bytes", "9223372036854771712\n");
	write_file("memory/a/memory.usage_in_bytes", "1048576\n");
	assert_true(left("3:cpu:/a\n4:memory:/a\n0::/a\n") > BEYOND_ALL);
	assert_true(left_in_cgroups("/nonexistent", root) > BEYOND_ALL * MIB);
}

static void cached_files_are_no_use(void **state)
{
	(void)state;
	write_file("a/memory.max", "104857600\n");
	write_file("a/memory.current", "94371840\n");
	write_file("a/memory.stat", "anon 1\ninactive_file 73400320\nx 5\n");
	assert_int_equal((int)left("0::/a\n"), 100 - 90 + 70);
	write_file("memory/b/memory.limit_in_bytes", "104857600\n");
	write_file("memory/b/memory.usage_in_bytes", "94371840\n");
	write_file("memory/b/memory.stat",
		   "inactive_file 1048576\ntotal_inactive_file 52428800\n");
	assert_int_equal((int)left("4:memory:/b\n"), 100 - 90 + 50);
	assert_int_equal((int)left("0::/a\n4:memory:/b\n"), 100 - 90 + 50);
}

static void the_limit_of_a_group_above_holds(void **state)
{
	(void)state;
	write_file("a/b/c/memory.max", "max\n");
	write_file("a/b/memory.max", "209715200\n");
	write_file("a/memory.max", "104857600\n");
	write_file("a/memory.current", "10485760\n");
	assert_int_equal((int)left("0::/a/b/c\n"), 90);
	/* In a container: its own group is on top, the path leads nowhere. */
	write_file("memory/memory.limit_in_bytes", "52428800\n");
	assert_int_equal((int)left("4:memory:/docker/4711\n"), 50);
}

static void what_is_no_list_is_no_trouble(void **state)
{
	char path[6000];

	(void)state;
	assert_true(left("nonsense\n\n:\n::\n7") > BEYOND_ALL);
	assert_true(left("0::") > BEYOND_ALL);
	memset(path, 'x', sizeof(path));
	memcpy(path, "0::/", 4);
	path[sizeof(path) - 1] = '\0';
	assert_true(left(path) > BEYOND_ALL);
	write_file("a/memory.max", "1048576\n");
	write_file("a/memory.current", "2097152\n");
	assert_int_equal((int)left("0::/a"), 0);
}

static void no_more_than_is_asked_for(void **state)
{
	(void)state;
	assert_true(affordable(1 << 20) <= 1 << 20);
	assert_int_equal(affordable(SIZE_MAX) % (1 << 20), 0);
	assert_true(affordable(SIZE_MAX) < SIZE_MAX / 4);
}

#define IN_A_TREE(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_TREE(without_a_limit_all_is_left),
		IN_A_TREE(cached_files_are_no_use),
		IN_A_TREE(the_limit_of_a_group_above_holds),
		IN_A_TREE(what_is_no_list_is_no_trouble),
		cmocka_unit_test(no_more_than_is_asked_for),
	};

	return cmocka_run_group_tests_name("stage/measure", tests, NULL, NULL);
}
