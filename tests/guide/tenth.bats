#!/usr/bin/env bats
# CONTRIBUTING.md tells how to add a lab, and shows each of its files. Here a tenth lab is
# made of those very files, in a copy of the tree.

load ../helpers

setup_file() {
	tree=$BATS_FILE_TMPDIR/tree
	export tree
	mkdir -p "$tree/build"
	cp -a "$TOP"/{Makefile,README.md,CONTRIBUTING.md,common,labs,guide,tests} "$tree"
	find "$BUILD" -maxdepth 1 -type f -exec cp -a -t "$tree/build" {} +
	cp -a "$BUILD/obj" "$tree/build"
	mkdir "$tree/labs/lab10-signal"
	# Each file is the block after the first mention of its name.
	awk -v there="$tree" '
		name == "" && match($0, /`(labs|guide|tests)\/[^`]*lab10[^`]*`/) {
			name = substr($0, RSTART + 1, RLENGTH - 2)
		}
		/^```./ && name != "" { inside = 1; next }
		/^```$/ { inside = 0; name = "" }
		inside { print > (there "/" name) }' "$TOP/CONTRIBUTING.md"
	# What make guide-refresh does, for these pages alone.
	(cd "$tree" && make -s BUILD=build build/lab10 &&
		guide/tools/refresh guide/lab10-signal.md &&
		guide/tools/refresh --no-run guide/index.md README.md) >"$tree/log" 2>&1 ||
		{ cat "$tree/log" && return 1; }
}

in_the_tree() { # BATS-FILE OPTION...
	BUILD=build run timeout -k 2 60 bats "$@"
}

self_check() { # [TESTS]
	in_the_tree tests/tree.bats -f "${1:-^every (lab|scene|chapter|option of a lab)|^the index|^make list|leans on}"
}

without() { # FILE: the self-check names it
	mv "$1" "$BATS_TEST_TMPDIR/kept"
	self_check '^every lab'
	mv "$BATS_TEST_TMPDIR/kept" "$1"
	assert_equal "$status" 1
	assert_line --partial "$1 is missing"
}

@test "the tenth lab plays, and comes last in make list and in the tables" {
	cd "$tree"
	run -0 make -s BUILD=build lab10
	assert_line "2 of 2 conclusions held"
	run -0 make -s list
	assert_equal "$(cut -f1 <<<"$output" | tr '\n' ' ')" "$(printf 'lab%d ' {1..10})"
	for page in guide/index.md README.md; do
		run -0 sed -n 's/^| \[\([0-9]*\) · .*/\1/p' "$page"
		assert_equal "${lines[*]}" "$(echo {1..10})"
	done
	run -0 guide/tools/refresh --check guide/lab10-signal.md
}

@test "the tenth lab's own tests and the self-check pass" {
	cd "$tree"
	in_the_tree tests/labs/lab10-signal.bats
	assert_equal "$status" 0
	assert_line --partial "ok 2 by-hand"
	self_check
	assert_equal "$status" 0
	assert_line --partial "every scene has a test"
}

@test "a tenth lab without its chapter, its tests or its Python program is noticed" {
	cd "$tree"
	without guide/lab10-signal.md
	without tests/labs/lab10-signal.bats
	without labs/lab10-signal/lab10.py
}

@test "a tenth lab's scene without a test or an output is noticed" {
	cd "$tree"
	cp tests/labs/lab10-signal.bats guide/lab10-signal.md "$BATS_TEST_TMPDIR"
	sed -i 's/lab 10 by-hand/lab 10 --list/' tests/labs/lab10-signal.bats
	self_check '^every scene'
	assert_line --partial "tests/labs/lab10-signal.bats does not play by-hand"
	cp "$BATS_TEST_TMPDIR/lab10-signal.bats" tests/labs/
	sed -i '/^<!-- output build.lab10 by-hand/d' guide/lab10-signal.md
	self_check '^every scene'
	assert_line --partial "guide/lab10-signal.md does not show by-hand"
	cp "$BATS_TEST_TMPDIR/lab10-signal.md" guide/
}

@test "what README.md and CONTRIBUTING.md link to is there" {
	run -0 awk '/^ *```/ { inside = !inside }
		!inside { while (match($0, /\]\([^)#]*/)) {
			print substr($0, RSTART + 2, RLENGTH - 2); $0 = substr($0, RSTART + RLENGTH)
		} }' README.md CONTRIBUTING.md
	[ "${#lines[@]}" -gt 15 ] || fail "too few links: $output"
	for file in "${lines[@]}"; do
		[ -e "$file" ] || fail "$file is missing"
	done
}

@test "every verb that CONTRIBUTING.md names is there" {
	cd "$tree"
	for verb in $(grep -oE '(^|`)make [a-z0-9-]+' CONTRIBUTING.md | cut -d' ' -f2 | sort -u); do
		make -n "$verb" >/dev/null || fail "no make $verb"
	done
}
