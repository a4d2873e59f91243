#!/usr/bin/env bats
# The tool that puts excerpts and outputs into the chapters, and finds what drifted.

load ../helpers

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

# --- what is quoted from a lab and its chapter -----------------------------------

# quoting: a page with blocks on stdin, lab 1 with three scenes, and its chapter.
quoting() {
	tree
	rm "$tree/labs/lab1-try/lab1.c"
	mkdir "$tree/build"
	cat >"$tree/build/lab1" <<-'END'
		#!/bin/sh
		case $1 in
		--list) printf 'program\twhat is printed?\nfirst\tone or two?\nlast\tthree?\n' ;;
		program) echo hello ;;
		*) printf '%s\nPredict: ?\n=> 1.5 of it held\n' "$1" ;;
		esac
	END
	chmod +x "$tree/build/lab1"
	cat >"$tree/guide/lab1-try.md" <<-'END'
		### first: one, or "two"?
		<!-- output build/lab1 program -->
		<!-- end output -->
		<!-- output build/lab1 first -->
		<!-- end output -->
		<!-- output build/lab1 last --pace=2 -->
		<!-- end output -->
	END
	refresh
}

CONCLUSION='<!-- conclusion build/lab1 first -->
<!-- end conclusion -->'
ANSWERS='<!-- answers build/lab1 -->
<!-- end answers -->'

@test "a conclusion is that of the chapter, with a link to its scene" {
	quoting <<<"$CONCLUSION"
	run -0 cat "$tree/guide/page.md"
	assert_output - <<-'END'
		<!-- conclusion build/lab1 first -->
		Scene [first](lab1-try.md#first-one-or-two), `build/lab1 first`:

		```text
		=> 1.5 of it held
		```
		<!-- end conclusion -->
	END
	# The lab says another figure now: the chapter keeps its own, and so does this.
	sed -i 's/1.5 of/2.5 of/' "$tree/build/lab1"
	run -0 refresh --check
	# Another sentence goes into the chapter, and from there into the page at once,
	# which comes first by its name.
	mv "$tree/guide/page.md" "$tree/guide/a.md"
	sed -i 's/2.5 of it held/none of it held/' "$tree/build/lab1"
	run -0 refresh
	run -0 grep -r '=> none of it held' "$tree/guide/a.md"
	sed -i 's/=> none/=> some/' "$tree/guide/a.md"
	run -1 refresh --check
	assert_line "-=> some of it held"
}

@test "a conclusion that is not recorded, or of no scene, is named with its place" {
	quoting <<<"$CONCLUSION"
	sed -i 's/build.lab1 first/build\/lab1 gone/' "$tree/guide/page.md"
	run -1 refresh --check
	assert_line "guide/page.md:1: guide/lab1-try.md: no recorded run of gone"
	sed -i 's/build.lab1 gone/build\/lab1 program/' "$tree/guide/page.md"
	run -1 refresh --check
	assert_line "guide/page.md:1: guide/lab1-try.md: the recorded run of program concludes nothing"
	sed -i 's/build.lab1 program/build\/lab1/' "$tree/guide/page.md"
	run -1 refresh --check
	assert_line "guide/page.md:1: a conclusion needs build/labN and a scene"
	sed -i 's/build.lab1/build\/lab2 first/' "$tree/guide/page.md"
	run -1 refresh --no-run --check
	assert_line "guide/page.md:1: build/lab2: 0 chapters, and not one"
}

@test "questions are the lab's own, with room to write" {
	quoting <<<$'<!-- questions build/lab1 -->\n<!-- end questions -->'
	run -0 grep -A 2 '^[0-9]' "$tree/guide/page.md"
	assert_line --index 0 "1. **program**: what is printed?"
	assert_line --index 1 --regexp '^   \. \. \. '
	assert_line "3. **last**: three?"
	sed -i 's/three?/four?/' "$tree/build/lab1"
	run -1 refresh --check --no-run
	assert_line "+3. **last**: four?"
	rm "$tree/build/lab1"
	run -1 refresh --check
	assert_line "guide/page.md:1: build/lab1: not there; run make first"
}

@test "answers are the scenes' conclusions, or what they print" {
	quoting <<<"$ANSWERS"
	run -0 cat "$tree/guide/page.md"
	assert_line "2. [first](lab1-try.md#first-one-or-two): one or two?"
	assert_line "3. [last](lab1-try.md): three?"
	assert_line "   => 1.5 of it held"
	assert_line "   hello"
	sed -i 's/first.tone/second\\tone/' "$tree/build/lab1"
	run -1 refresh --check
	assert_line "guide/page.md:1: guide/lab1-try.md: no recorded run of second"
}

# --- links and commands ------------------------------------------------------------

proofread() {
	timeout -k 2 60 "$TOP/guide/tools/proofread" --root="$tree" "$tree/guide/page.md"
}

@test "a link without a target is named, to a file or to a heading" {
	tree <<-'END'
		## One, or `two`?
		[here](#one-or-two) [there](../labs/lab1-try/lab1.c) [web](https://example.org/#x)
		## One, or `two`?
		[the second](#one-or-two-1) ![none](pictures/none.svg) [page](page.md#three)
		```text
		## three
		[no](link)
		```
	END
	run -1 proofread
	assert_output - <<-'END'
		guide/page.md:4: pictures/none.svg: no such file
		guide/page.md:4: page.md#three: no such heading
	END
}

@test "a command that does not exist is named: lab, scene, option, verb, tool; so is typed output" {
	tree <<-'END'
		`build/lab3 guard --step`, `build/lab3 cost --max-rss=1G`, `make help`, `make labN`
		`make lab3 ARGS="guard --no-chart"`, `build/labN SCENE`, `build/lab7 --listen`
		`build/lab3 gard`, `make lab3 ARGS="guard --slow"`
		```sh
		NO_COLOR=1 build/lab3 --max-rss=1K | cat
		make helpless && guide/tools/none # build/lab3 comment
		```
		```console
		$ build/lab3 table --wide
		it is as wide as this
		```
		<!-- output exits-2: build/lab3 bogus -->
		`build/lab3 bogus`
		<!-- end output -->
	END
	cp "$TOP/Makefile" "$tree"
	ln -s "$BUILD" "$tree/build"
	run -1 proofread
	assert_output - <<-'END'
		guide/page.md:3: build/lab3 gard: lab3: 'gard' is no scene; --list names them
		guide/page.md:3: make lab3 ARGS="guard --slow": lab3: '--slow' is no option; --help names them
		guide/page.md:5: NO_COLOR=1 build/lab3 --max-rss=1K: lab3: --max-rss: '1K' is not a size from 1M to 64G
		guide/page.md:6: make helpless: no verb helpless
		guide/page.md:6: guide/tools/none: no such program
		guide/page.md:9: build/lab3 table --wide: lab3: '--wide' is no option; --help names them
		guide/page.md:10: it is as wide as this: typed, not recorded
	END
}

@test "every link of the guide has its target, and every command in it exists" {
	run -0 guide/tools/proofread
}

# What it compares leaves legends out: they follow the columns.
@test "the legend of each recorded chart tells of just what its rows show" {
	cd "$TOP"
	run -0 tests/legends guide/*.md
	[ "$output" -ge 5 ] || fail "just $output charts"
}

@test "the terms of the glossary are in order, each once" {
	# As a reader looks for them: without marks, small.
	run -0 sed -n 's/^### //p' guide/glossary.md
	[ "${#lines[@]}" -ge 50 ] || fail "just ${#lines[@]} terms"
	terms=$(printf '%s\n' "${lines[@]}" | tr -d '`_()' | tr '[:upper:]-' '[:lower:] ')
	run -0 sort -u <<<"$terms"
	assert_equal "$terms" "$output"
}

# What the labs print now, make guide-check compares.
@test "the chapters are what the sources say now" {
	run -0 guide/tools/refresh --check --no-run
}
