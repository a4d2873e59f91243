/*
 * lab3-again.c - this program once more, by hand
 *
 * Several scenes need a child that exec'd this very program, without mp
 * between. They run it with argv[1] "--again", and main() sends such a process
 * here at once.
 */
#include "lab3.h"

#include "stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* region: exec-again */
void exec_again(const char *part, int number)
{
	char text[16];
	const char *path = this_program();

	snprintf(text, sizeof(text), "%d", number);
	execl(path, "lab3", AGAIN, part, text, (char *)NULL);
	die(path);
}
/* endregion */

/* For `by-hand`: a new image tells who it is. */
static int tell_image(int fd)
{
	int image[2] = { getpid(), variable };

	report(fd, image, sizeof(image));
	return 0;
}

/* For `descriptors`: is this number open here? */
static int tell_descriptor(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* region: storm */
/* For `no-guard`: what main() would do if nothing refused to. */
static int start_another(int depth)
{
	span_begin("main() again");
	say("main() again, process %d, depth %d", getpid(), depth);
	if (depth < STORM_LIMIT) { /* nothing but this line ends it */
		pid_t pid = check(fork());

		if (pid == 0)
			exec_again("storm", depth + 1);
		check(waitpid(pid, NULL, 0));
	}
	span_end();
	return 0;
}
/* endregion */

int play_again(int argc, char *argv[])
{
	const char *part = argc == 4 ? argv[2] : "";
	int number = argc == 4 ? atoi(argv[3]) : -1;

	speak_as("exec'd child");
	if (strcmp(part, "image") == 0) {
		say("main() began, argv: lab3 %s %s %s", argv[1], part,
		    argv[3]);
		return tell_image(number);
	}
	if (strcmp(part, "descriptor") == 0)
		return tell_descriptor(number);
	if (strcmp(part, "storm") == 0)
		return start_another(number);
	if (strcmp(part, "mark") == 0)
		mark("main() began");
	return 0; /* "end": for who wants the start and the end alone */
}

void ask(enum mp_method method, mp_target *target, void *args, size_t args_size,
	 int keep, void *answer, size_t size)
{
	struct gate answers;

	gate_make(&answers);
	*(int *)args = answers.out;

	struct mp_process p = { .target = target,
				.args = args,
				.size = args_size,
				.method = method,
				MP_KEEP(answers.out, keep) };

	p.keep_count = keep < 0 ? 1 : 2;
	check(start_process(&p));
	close(answers.out); /* or we would wait for ever for a dead child */
	hear(answers.in, answer, size);
	check(join_process(&p, -1));
	close(answers.in);
}
