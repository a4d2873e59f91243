#!/usr/bin/env bats
# The tool that puts excerpts and outputs into the chapters, and finds what drifted.

load helpers

# A small tree with one source and one page; its blocks on stdin.
tree() {
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree/guide" "$tree/labs/lab1-try" "$tree/common"
	sed 's/EIGHT_/\t/' >"$tree/labs/lab1-try/lab1.c" <<-'END'
		/*
		 * lab1.c - trying the tool
		 */
		/* region: outer */
		int before;
		/* region: inner */
		EIGHT_int answer = 42;
		/* endregion */
		/* endregion */
	END
	cat >"$tree/guide/page.md"
	OUTER='<!-- excerpt labs/lab1-try/lab1.c#outer -->'
}

refresh() {
	timeout -k 2 60 "$TOP/guide/tools/refresh" --root="$tree" "$@"
}

BLOCKS='<!-- excerpt labs/lab1-try/lab1.c#outer -->
<!-- end excerpt -->
<!-- excerpt labs/lab1-try/lab1.c#inner -->
<!-- end excerpt -->'

change() { # WHAT BY: in the source
	sed -i "s|$1|$2|" "$tree/labs/lab1-try/lab1.c"
}

@test "an excerpt is put in, dedented, without marks, and stays" {
	tree <<<"$BLOCKS"
	run -0 refresh
	assert_output "guide/page.md: refreshed"
	# A here document loses its tabs, so the eight columns are named.
	run -0 sed 's/^        int answer/EIGHT_int answer/' "$tree/guide/page.md"
	assert_output - <<-'END'
		<!-- excerpt labs/lab1-try/lab1.c#outer -->
		```c
		int before;
		EIGHT_int answer = 42;
		```
		<!-- end excerpt -->
		<!-- excerpt labs/lab1-try/lab1.c#inner -->
		```c
		int answer = 42;
		```
		<!-- end excerpt -->
	END
	run -0 refresh
	assert_output ""
	run -0 refresh --check
}

@test "--check shows what the source has and the chapter has not, and changes nothing" {
	tree <<<"$BLOCKS"
	refresh
	cp "$tree/guide/page.md" "$BATS_TEST_TMPDIR/before"
	change 42 43
	run -1 refresh --check
	assert_line "-int answer = 42;"
	assert_line "+int answer = 43;"
	run -0 cmp "$tree/guide/page.md" "$BATS_TEST_TMPDIR/before"
}

@test "a region that is missing, double, open or closed twice is named" {
	tree <<<"$BLOCKS"
	refresh
	change 'region: inner' 'region: other'
	run -1 refresh --check
	assert_line --partial "guide/page.md:7: labs/lab1-try/lab1.c: no region inner"
	change 'region: other' 'region: outer'
	run -1 refresh --check
	assert_line --partial "lab1.c:6: a second region outer"
	change 'region: outer' 'nothing'
	run -1 refresh --check
	assert_line --partial "endregion without a region"
	tree <<<"$BLOCKS"
	change 'endregion' 'nothing'
	run -1 refresh --check
	assert_line --partial "has no end"
}

@test "a region that no chapter shows is named" {
	tree <<<"$OUTER"$'\n<!-- end excerpt -->'
	head -n 2 <<<"$BLOCKS" >"$tree/guide/page.md"
	refresh
	run -1 refresh --check
	assert_output "labs/lab1-try/lab1.c: region inner is in no chapter"
}

@test "a file that is missing, a block that does not end, one of no known kind" {
	tree <<<$'<!-- excerpt labs/none.c#x -->\n<!-- end excerpt -->'
	run -1 refresh --check
	assert_line "guide/page.md:1: labs/none.c: no such file"
	tree <<<'<!-- output true -->'
	run -1 refresh
	assert_line "guide/page.md:1: this output has no end"
	tree <<<$'<!-- output true -->\n<!-- end excerpt -->'
	run -1 refresh
	assert_line "guide/page.md:1: this output has no end"
	tree <<<'<!-- end excerpt -->'
	run -1 refresh
	assert_line --partial "guide/page.md:1: no block begins or ends like this"
}

@test "a line too wide for half a page is refused there, and taken elsewhere" {
	tree <<<$'<td>\n\n'"$BLOCKS"$'\n\n</td>'
	change 'int before' 'int a_name_that_is_just_too_long_for_one_half_of_a_page'
	run -1 refresh
	assert_line --partial "over 48"
	tree <<<"$BLOCKS"
	change 'int before' 'int a_name_that_is_just_too_long_for_one_half_of_a_page'
	run -0 refresh
	change 'int a_name' "int $(printf 'x%.0s' {1..60})"
	run -1 refresh
	assert_line --partial "over 80"
}

record() { # COMMAND: its output is in the page
	tree <<<"<!-- output $1 -->"$'\n<!-- end output -->'
	rm -r "$tree/labs"
	refresh
}

@test "output begins with its command; errors are in it" {
	record 'echo one; echo two >&2'
	run -0 sed -n 2,5p "$tree/guide/page.md"
	assert_output $'```console\n$ echo one; echo two >&2\none\ntwo'
}

# pairs: each "BEFORE|AFTER" on stdin is the output of a block; recorded, then changed.
pairs() {
	local what=$BATS_TEST_TMPDIR/what number=0
	tree </dev/null
	rm -r "$tree/labs"
	mkdir "$what"
	while IFS='|' read -r before after; do
		number=$((number + 1))
		echo "$before" >"$what/before$number"
		echo "$after" >"$what/after$number"
		printf '%s\n' "<!-- output cat $what/now$number -->" "<!-- end output -->" >>"$tree/guide/page.md"
		cp "$what/before$number" "$what/now$number"
	done
	run -0 refresh
	for after in "$what"/after*; do cp "$after" "${after/after/now}"; done
}

@test "pids, addresses and times may differ" {
	pairs <<-'END'
		pid 4711|pid 4712
		0.123 s|45.6 s
		at 0x7ffd12345678|at 0x55aa00112233
		/proc/99/fd|/proc/100/fd
		I am 12|I am 7
		█████ 1.0|██ 0.4
		   █ start  ░ join|   ░ join  · alive
	END
	run -0 refresh --check
	assert_output ""
}

@test "words and small numbers may not differ" {
	pairs <<-'END'
		state Z|state S
		exitcode 7|exitcode 8
		=> held|!! held
		one line|one line more
	END
	run -1 refresh --check
	for after in "state S" "exitcode 8" "!! held" "one line more"; do
		assert_line "+$after"
	done
}

@test "a command that fails is an error, unless the page says so" {
	tree <<<$'<!-- output exit 3 -->\n<!-- end output -->'
	run -1 refresh
	assert_line --partial "exit status 3, not 0"
	tree <<<$'<!-- output exits-3: exit 3 -->\n<!-- end output -->'
	run -0 refresh
	tree <<<$'<!-- output build/lab1 -->\n<!-- end output -->'
	run -1 refresh
	assert_line --partial "run make first"
	run -0 refresh --no-run
}

@test "a picture is drawn beside the page; lengths may differ, bars may not" {
	tree <<<$'<!-- picture ./draw one -->\n<!-- end picture -->'
	rm -r "$tree/labs"
	cat >"$tree/draw" <<-'END'
		#!/bin/sh
		cat bars >"${2#--svg=}"
	END
	chmod +x "$tree/draw"
	echo '<rect width="10"/>' >"$tree/bars"
	run -0 refresh
	run -0 sed -n 2p "$tree/guide/page.md"
	assert_output "![Who did what when in ./draw one](pictures/draw-one.svg)"
	run -0 cat "$tree/guide/pictures/draw-one.svg"
	assert_output '<rect width="10"/>'
	echo '<rect width="99.5"/>' >"$tree/bars"
	run -0 refresh --check
	echo '<rect width="10"/><rect width="10"/>' >"$tree/bars"
	run -1 refresh --check
	assert_line --partial "guide/pictures/draw-one.svg is not what ./draw one draws now"
}

@test "the table of labs is made from the folders and their first comments" {
	tree <<<$'<!-- labs -->\n<!-- end labs -->'
	change 'region: ' 'nothing '
	change 'endregion' 'nothing'
	run -0 refresh
	run -0 cat "$tree/guide/page.md"
	assert_line "| [1 · try](lab1-try.md) | trying the tool | \`make lab1\` |"
}

# What the labs print now, make guide-check compares.
@test "the chapters are what the sources say now" {
	run -0 guide/tools/refresh --check --no-run
}
