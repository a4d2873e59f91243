#!/usr/bin/env bats
# Recordings, and the pictures of them: what `make demos` makes, and README.md shows.

load ../helpers

demos() { # LAB [SCENE]: recorded into $made, once for all tests
	command -v asciinema >/dev/null || skip "asciinema is missing: ./setup --dev installs it"
	made=$BATS_FILE_TMPDIR programs=$(realpath --relative-to . "$BUILD")
	local name=$*
	[ ! -e "$made/${name// /-}.svg" ] || return 0
	run -0 timeout -k 2 60 guide/tools/demos --folder="$made" "$@"
}

shown() { # the words of a picture, a line each
	sed -n 's/^<text class="text[^>]*>\(.*\)<\/text>/\1/p' "$1" | sed 's/&gt;/>/g'
}

@test "demos: a lab is recorded as a terminal of 80 by 24 shows it" {
	demos lab2
	run -0 jq -c 'select(type == "object") | [.version, .width, .height, .title]' "$made/lab2.cast"
	assert_output '[2,80,24,"'"$programs"'/lab2"]'
	run -0 jq -rsj '[.[1:][] | select(.[1] == "o") | .[2]] | add' "$made/lab2.cast"
	assert_line --partial $'\e[32m=> join is waitpid'
	assert_regex "${lines[-1]}" '^([0-9]+) of \1 conclusions held'
}

@test "demos: the picture is the last screen, well-formed, with its colours" {
	demos lab2
	run -0 python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$made/lab2.svg"
	run -0 shown "$made/lab2.svg"
	assert_regex "${lines[-1]}" '^([0-9]+) of \1 conclusions held'
	[ "$(sed -n 's/^<text class="text.* y="\([0-9]*\)".*/\1/p' "$made/lab2.svg" | sort -u | wc -l)" -le 24 ] ||
		fail "more lines than a terminal has"
	run -0 grep -c '^<text class="text green".*=&gt; ' "$made/lab2.svg"
	run -1 grep -E 'https?:|url\(|@import|<image|<script' <(sed 's|http://www.w3.org/2000/svg||' "$made/lab2.svg")
}

@test "demos: a scene's picture shows all of it, under its command" {
	demos lab2 zombie
	assert_output --partial "/lab2-zombie.svg"
	run -0 shown "$made/lab2-zombie.svg"
	assert_line --index 0 "zombie"
	assert_line --index 1 "Predict: what is left of an ended child nobody has joined?"
	assert_line "=> join fetched the exit status, and the entry is gone"
	run -0 grep -c "<title>$programs/lab2 zombie, as in a terminal</title>" "$made/lab2-zombie.svg"
}

@test "demos: what fails is an error, and says what to do" {
	run -1 guide/tools/demos --folder="$BATS_TEST_TMPDIR" table
	assert_output "demos: 'table' comes before any lab; labN is one"
	python=$(python3 -c 'import sys; print(sys.executable)')
	PATH=$BATS_TEST_TMPDIR run -1 "$python" guide/tools/demos --folder="$BATS_TEST_TMPDIR" lab2
	assert_output "demos: asciinema is not there: ./setup --dev installs it"
	command -v asciinema >/dev/null || skip "asciinema is missing: ./setup --dev installs it"
	run -1 guide/tools/demos --folder="$BATS_TEST_TMPDIR" lab2 bogus
	assert_line --partial "demos: $(realpath --relative-to . "$BUILD")/lab2 bogus: exit status 2, see "
}

@test "demos: make help names it, and a file of that name is no excuse" {
	run -0 make -s help
	assert_line --regexp '^make demos +[^ ]'
	run -0 grep -c '^\.PHONY:.* demos\b' Makefile
}

# A page with a still of ./say, of which there is a recording that said "one 1.5".
page() {
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree/guide/demos"
	printf '#!/bin/sh\ncat said\n' >"$tree/say"
	chmod +x "$tree/say"
	echo '<!-- still ./say -->'$'\n''<!-- end still -->' >"$tree/guide/page.md"
	printf '%s\n' '{"version": 2, "width": 80, "height": 24}' \
		'[0.1, "o", "gone for good\r\u001b[K\u001b[1mone\u001b[0m 1.5\r\n"]' \
		'[0.2, "o", "\u001b[32m=> so < it is\u001b[0m\r\n"]' >"$tree/guide/demos/say.cast"
	printf 'one 1.5\n=> so < it is\n' >"$tree/said"
	run -0 guide/tools/refresh --root="$tree"
	assert_line "guide/pictures/say-still.svg: refreshed"
}

@test "still: a recording is drawn, and its conclusion is read to those who do not see" {
	page
	run -0 sed -n 2p "$tree/guide/page.md"
	assert_output "![What ./say prints in a terminal. It concludes: so < it is](pictures/say-still.svg)"
	run -0 grep -o 'class="text.*' "$tree/guide/pictures/say-still.svg"
	assert_line --regexp '^class="text bold" x="16.0" .*>one</text>$'
	assert_line --regexp '^class="text" x="49.6" .*>1.5</text>$'
	assert_line --regexp '^class="text green" .*>=&gt; so &lt; it is</text>$'
	refute_output --regexp "gone|good"
}

@test "still: --check notices when the command prints another thing, and when the picture does" {
	page
	sed -i 's/1\.5/2.25/' "$tree/said"
	run -0 guide/tools/refresh --root="$tree" --check
	echo 'one line more' >>"$tree/said"
	run -1 guide/tools/refresh --root="$tree" --check
	assert_output "guide/page.md:1: guide/demos/say.cast is not what ./say prints now"
	sed -i '$d' "$tree/said"
	sed -i 's/so/no/' "$tree/guide/pictures/say-still.svg"
	run -1 guide/tools/refresh --root="$tree" --check
	assert_output "guide/page.md:1: guide/pictures/say-still.svg does not show the recording"
	run -0 guide/tools/refresh --root="$tree"
	run -0 guide/tools/refresh --root="$tree" --check
}

@test "still: a run that prints another thing is recorded anew" {
	command -v asciinema >/dev/null || skip "asciinema is missing: ./setup --dev installs it"
	page
	echo 'one line more' >>"$tree/said"
	run -0 guide/tools/refresh --root="$tree"
	assert_line "guide/demos/say.cast: refreshed"
	run -0 grep -c 'one line more' "$tree/guide/demos/say.cast" "$tree/guide/pictures/say-still.svg"
	printf '#!/bin/sh\necho still >>said\ncat said\n' >"$tree/say"
	run -1 guide/tools/refresh --root="$tree"
	assert_output "guide/page.md:1: ./say prints another thing each time"
}

@test "the README begins with lab 3's table and lab 6's picture, and they are there" {
	run -0 awk '/^## /{ exit } match($0, /\]\(guide\/pictures\/[^)]*/) { print substr($0, RSTART + 2, RLENGTH - 2) }' README.md
	assert_output $'guide/pictures/lab3-table-still.svg\nguide/pictures/lab6-what-serializes.svg'
	for file in "${lines[@]}" guide/demos/lab3-table.cast; do
		[ -s "$file" ] || fail "$file is missing"
	done
	# The chapter's block keeps it fresh.
	run -0 grep -c '^<!-- picture build/lab6 what-serializes -->' guide/lab6-lock.md
}
