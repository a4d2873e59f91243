#!/usr/bin/env bats
# The self-check: what belongs to a lab is there, and the tree keeps its shape.

load helpers

@test "every lab has a program, a twin, a chapter and a test, and no more" {
	for name in $LABS; do
		lab=${name%%-*}
		for file in "labs/$name/$lab.c" "labs/$name/$lab.py" "guide/$name.md" "tests/labs/$name.bats"; do
			[ -s "$file" ] || fail "$file is missing"
		done
	done
	for file in guide/lab*.md tests/labs/*.bats; do
		name=$(basename "${file%.*}")
		[ -d "labs/$name" ] || fail "$file belongs to no lab"
	done
}

@test "every scene has a test, and stands in its chapter" {
	for name in $LABS; do
		for scene in $("$BUILD/${name%%-*}" --list | cut -f1); do
			grep -qE "^<!-- output build/${name%%-*} $scene( --[a-z=0-9-]+)* -->" "guide/$name.md" ||
				fail "guide/$name.md does not show $scene"
			grep -qE "(lab [0-9]+|trace) .*\b$scene\b|/lab[0-9]+\" $scene" "tests/labs/$name.bats" ||
				fail "tests/labs/$name.bats does not play $scene"
		done
	done
}

# The prose of a chapter: what stands in no block of code.
prose() {
	awk '/^ *```/ { inside = !inside; next } !inside' "$1"
}

@test "every chapter has its parts in the same order" {
	parts='What the notes say, What you see, Why, Under the hood, Differs from Python, Try, Further reading'
	for name in $LABS; do
		file=guide/$name.md
		found=$(prose "$file" | sed -n 's/^## //p' | paste -sd ,)
		assert_equal "$name: ${found//,/, }" "$name: $parts"
		assert_regex "$(head -n 1 "$file")" "^# Lab $(number_of "$name") · [A-Z]"
		assert_regex "$(sed -n 3p "$file")" "^\*[0-9]+ minutes .* · \`make ${name%%-*}\`\*$"
		[ "$name" = lab1-pool ] || assert_regex "$(sed -n 3p "$file")" ' · builds on '
		prose "$file" | awk '
			/^> \*\*Predict\.\*\*/ { predict = NR }
			/^## What the notes say/ { notes = NR }
			/^## What you see/ { see = NR }
			END { exit !(notes < predict && predict < see) }' ||
			fail "$file: Predict belongs between what the notes say and what you see"
	done
}

@test "every chapter has three or more things to try, numbered, each with what is seen" {
	for name in $LABS; do
		prose "guide/$name.md" | awk '
			/^## / { in_try = $0 == "## Try"; next }
			in_try && /^[0-9]+\. / { if ($1 + 0 != ++items) wrong = items " is called " $1 }
			in_try && tolower($0) ~ /you should see/ { told[items] = 1 }
			END {
				if (items < 3) wrong = items + 0 " items"
				for (item = 1; item <= items; item++)
					if (!told[item]) wrong = "item " item " does not tell what is seen"
				if (wrong) print wrong
				exit wrong != ""
			}' >"$BATS_TEST_TMPDIR/wrong" || fail "guide/$name.md, Try: $(cat "$BATS_TEST_TMPDIR/wrong")"
	done
}

# bats test_tags=long
@test "every exercise that is tested stands in its chapter" {
	for name in $LABS; do
		[ -e "tests/exercises/$name.bats" ] || continue
		grep -q '^# bats file_tags=long' "tests/exercises/$name.bats" ||
			fail "tests/exercises/$name.bats has no tag: make faults would not run it"
		for item in $(sed -n 's/^@test "try \([0-9]*\): .*/\1/p' "tests/exercises/$name.bats"); do
			prose "guide/$name.md" | sed -n '/^## Try/,$p' | grep -q "^$item\. " ||
				fail "tests/exercises/$name.bats: guide/$name.md has no item $item to try"
		done
	done
	for file in tests/exercises/*.bats; do
		[ -e "guide/$(basename "$file" .bats).md" ] || fail "$file belongs to no chapter"
	done
}

@test "every option of a lab stands in its chapter, with its range" {
	for name in $LABS; do
		said=$(tr -s '[:space:]' ' ' <"guide/$name.md")
		while read -r option range; do
			[[ $said == *"$option"* ]] || fail "guide/$name.md does not tell of $option"
			[[ $said == *"$option"*"$range"* ]] || fail "guide/$name.md does not tell that $option takes $range"
		done < <("$BUILD/${name%%-*}" --help |
			sed -n '/of this lab/,/^$/s/^  \(--[a-z-]*\)[^ ]*\( (\([^)]* to [^)]*\))\)\{0,1\}.*/\1 \3/p')
	done
}

@test "every option of all labs stands in the index" {
	for option in $("$BUILD/lab2" --help | sed -n '/of every lab/,/^$/s/^  \(--[a-z-]*\).*/\1/p'); do
		grep -q -e "\`$option" guide/index.md || fail "guide/index.md does not tell of $option"
	done
}

@test "the index and the README name every lab" {
	for name in $LABS; do
		grep -q "($name.md)" guide/index.md || fail "guide/index.md lacks $name"
		grep -q "(guide/$name.md)" README.md || fail "README.md lacks $name"
	done
}

@test "make list names every lab, make help every verb" {
	run -0 make -s list
	for name in $LABS; do
		assert_line --regexp "^${name%%-*}"$'\t.'
	done
	run -0 make -s help
	for verb in all list labN labN-python labN-strace labN-valgrind doctor test faults \
		valgrind sanitize fuzz bench demos guide guide-refresh guide-check site-check \
		side-by-side help clean; do
		assert_line --regexp "^make $verb +[^ ]"
	done
}

# bats test_tags=long
@test "every verb is phony: a file of that name is no excuse" {
	phony=$(sed -n 's/^\.PHONY: //p' Makefile)
	for verb in test doctor faults valgrind sanitize fuzz bench demos guide guide-refresh \
		guide-check site-check side-by-side clean list help; do
		assert_regex " $phony " "[ 
]$verb[ 
]"
	done
	run -0 make -n -W Makefile lab3
	mkdir "$BATS_TEST_TMPDIR/tree"
	cp -r Makefile common labs tests guide README.md "$BATS_TEST_TMPDIR/tree"
	cd "$BATS_TEST_TMPDIR/tree"
	touch lab3 list
	run -0 make -n lab3
	assert_output --partial "build/lab3"
	run -0 make -s list
	assert_line --partial "lab3"
}

@test "make lab3 plays it with ARGS, lab3-python and lab2-strace run" {
	run -0 make -s lab3 ARGS="guard --color=never"
	assert_line "=> spawn: it has not the 42, the guard ended its main()"
	run -0 make -s lab2-python
	assert_output "hello bob"
	run -0 make -s lab2-strace
	assert_line --partial "wait4("
}

@test "make lab3-valgrind: a scene that is skipped there is no failure" {
	run -0 make -s lab3-valgrind ARGS=cost
	assert_line "valgrind: nothing to play, all that was named is skipped"
	assert_line "valgrind: 0 passed, 0 failed"
	run -1 tests/valgrind "$BUILD" cost
	assert_output "valgrind: 0 passed, 0 failed"
}

@test "a lab whose conclusion does not hold makes make fail" {
	run -2 make -s lab2 ARGS=bogus
	assert_line --partial "'bogus' is no scene"
}

@test "mp leans on sys alone, and no lab on another" {
	stage=$(basename -s .h common/stage/*.h | paste -sd '|')
	run -1 grep -rnE "#include \"(.*/)?($stage)\.h\"|labs/" common/mp common/sys
	for name in $LABS; do
		# Its own header, and no other lab's.
		run -1 bash -c "grep -rnE '#include \".*lab[0-9]' 'labs/$name' | grep -v '\"${name%%-*}[.-]'"
	done
}

@test "libmp.a and the headers in common/mp are enough for a program" {
	cat >"$BATS_TEST_TMPDIR/my.c" <<-'END'
		#include "process.h"
		#include <spawn.h>
		#include <stdio.h>

		int hello(const void *name, size_t size)
		{
			(void)size;
			return printf("hello %s\n", (const char *)name) < 0;
		}

		int main(int argc, char *argv[])
		{
			struct mp_process p = { .target = hello, MP_ARGS("bob"),
						.method = MP_SPAWN };

			mp_guard(argc, argv);
			return posix_spawn == NULL || mp_process_start(&p) < 0 ||
			       mp_process_join(&p, -1) < 0 || mp_process_exitcode(&p);
		}
	END
	gcc -std=gnu17 -D_GNU_SOURCE -Icommon/mp -o "$BATS_TEST_TMPDIR/my" "$BATS_TEST_TMPDIR/my.c" \
		"$BUILD/libmp.a" -lpthread -ldl -rdynamic
	run -0 timeout -k 2 30 "$BATS_TEST_TMPDIR/my"
	assert_output "hello bob"
}

@test "the quick start of the README is exactly its two commands" {
	run -0 awk '/^## Quick start/ { on = 1; next } /^## / { on = 0 } on && /^```/ { inside = !inside; next } inside' README.md
	assert_output $'./setup && make lab3\nmake test'
}

# bats test_tags=long
@test "setup: nothing to do twice, a wrong option is named" {
	run -0 ./setup
	assert_line "Nothing to install: all is there."
	assert_line "This machine can run the labs."
	run -2 --separate-stderr ./setup --bogus
	assert_equal "$output" ""
	assert_regex "$stderr" "^setup: '--bogus'"
	run -0 ./setup --help
	assert_line --partial "--dev"
}

# bats test_tags=long
@test "setup: without apt it names what is missing, and stops" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	for tool in sh id dirname mktemp rm echo sed tr head cat env; do
		ln -s "$(command -v "$tool")" "$BATS_TEST_TMPDIR/bin/"
	done
	PATH=$BATS_TEST_TMPDIR/bin run -1 "$TOP/setup" --dev
	assert_line --partial "There is no apt here"
	for package in gcc make valgrind jq libcmocka-dev libclang-rt-NN-dev; do
		assert_line "  $package"
	done
}

@test "doctor: a no tells what to do, and is the exit status" {
	run -0 make -s doctor
	assert_line "This machine can run the labs."
	CC=/bin/false run -1 tests/doctor
	assert_line --regexp '^  no    compiler '
	assert_line --partial "./setup installs one"
	assert_line "1 to mend before the labs run."
}
