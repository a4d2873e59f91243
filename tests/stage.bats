#!/usr/bin/env bats
# What every lab can do: options, colours, steps, pipes, and how it fails.

load helpers

# --- a wrong command line --------------------------------------------------------

@test "a wrong word is refused in one line, in every lab" {
	for name in $LABS; do
		number=$(number_of "$name")
		refused "$number" "'--bogus' is no option" --bogus
		refused "$number" "'bogus' is no scene" program bogus
		refused "$number" "--color: 'blue' is not one of auto.always.never" --color=blue
	done
}

@test "a word that is wrong in other ways is refused in one line" {
	refused 2 "'--bogus=1' is no option" --bogus=1
	refused 2 "'-x' is no option" -x
	refused 2 "'-x' is no option" --step -xy
	refused 2 "'-.' is no option" --step $'-\x1fy'
	refused 2 "'bogus' is no scene" bogus
	refused 2 "'' is no scene" ""
	refused 2 "--list takes no value: '--list=1'" --list=1
	refused 2 "--step takes no value: '--step=yes'" --step=yes
	refused 2 "--color: needs one of auto.always.never" --color
	refused 2 "--color: '' is not one of" --color=
	refused 2 "--color: 'auto.always' is not one of" "--color=auto|always"
}

@test "lab2 --timeout: what is no number of seconds in the range is named" {
	refused 2 "--timeout: needs seconds from 0.001 to 5" --timeout
	for text in soon "" -1 0 0.0001 5.1 1e3 0x1 nan inf " 1" "1 " 1s 1,5 999999999999999999999; do
		refused 2 "--timeout: '$text' is not seconds from 0.001 to 5" --timeout="$text"
	done
}

@test "lab3 --max-rss: what is no size in the range is named" {
	refused 3 "--max-rss: needs a size from 1M to 64G" --max-rss
	for text in big "" -1M 0 1K 1023K 1T 65G 1.5G 1e9 0x100000 nan 16MB "1 M" M; do
		refused 3 "--max-rss: '$text' is not a size from 1M to 64G" --max-rss="$text"
	done
}

@test "values in the range are taken, in all their forms" {
	for option in --max-rss=1M --max-rss=1024K --max-rss=1048576 --max-rss=2m; do
		run -0 lab 3 guard "$option"
	done
	run -0 lab 2 zombie --timeout 0.001
	run -0 lab 2 --timeout=5 zombie
	run -0 lab 2 --color=never -- zombie
}

# --- what it tells of itself -------------------------------------------------------

@test "--help names every option, every range and every scene" {
	for name in $LABS; do
		number=$(number_of "$name")
		run -0 --separate-stderr lab "$number" --help
		assert_equal "$stderr" ""
		for option in --list --step --color=auto --help --version; do
			assert_output --partial "  $option"
		done
		while IFS=$'\t' read -r scene question; do
			assert_line "  $scene"
			[ -n "$question" ]
		done < <(lab "$number" --list)
		[ "$(wc -L <<<"$output")" -le 80 ] || fail "too wide: $output"
	done
	assert_output --partial "--max-rss=SIZE (1M to 64G) "
}

@test "--list: name, tab, question; the first scene is program, by-hand is there" {
	for name in $LABS; do
		run -0 lab "$(number_of "$name")" --list
		assert_regex "${lines[0]}" $'^program\t.+\\?$'
		assert_line --regexp $'^by-hand\t.+\\?$'
		run -1 grep -vP '^[a-z-]+\t[^\t]+\?$' <<<"$output"
	done
}

@test "--version: the name and the version, on stdout" {
	for name in $LABS; do
		number=$(number_of "$name")
		run -0 --separate-stderr lab "$number" --version
		assert_regex "$output" "^lab$number [0-9]+\.[0-9]+\$"
	done
}

# --- what a scene looks like ---------------------------------------------------------

@test "every line is one write" {
	timeout -k 2 30 strace -f -s 300 -o "$BATS_TEST_TMPDIR/trace" -e trace=write \
		"$BUILD/lab2" join daemon >/dev/null
	run -0 grep -c 'write(1, ".*\\n", [0-9]*)' "$BATS_TEST_TMPDIR/trace"
	[ "$output" -gt 15 ] || fail "$output lines"
	run -1 grep 'write(1, .*\\n[^"]' "$BATS_TEST_TMPDIR/trace"
	run -1 grep -E 'write\(1, .*[^n]", [0-9]+\)' "$BATS_TEST_TMPDIR/trace"
}

# --- colours ---------------------------------------------------------------------------

ESCAPE=$'\033'

@test "colours: always, never, and not into a pipe" {
	run -0 lab 2 zombie --color=always
	assert_output --partial "$ESCAPE[32m=>"
	run -0 lab 2 zombie --color=never
	refute_output --partial "$ESCAPE"
	run -0 lab 2 zombie
	refute_output --partial "$ESCAPE"
}

@test "colours: on a terminal, unless TERM is dumb or NO_COLOR is set" {
	TERM=xterm run -0 on_terminal -- "$BUILD/lab2" zombie
	assert_output --partial "$ESCAPE[32m=>"
	NO_COLOR='' TERM=xterm run -0 on_terminal -- "$BUILD/lab2" zombie
	assert_output --partial "$ESCAPE[32m=>"
	NO_COLOR=1 TERM=xterm run -0 on_terminal -- "$BUILD/lab2" zombie
	refute_output --partial "$ESCAPE"
	TERM=dumb run -0 on_terminal -- "$BUILD/lab2" zombie
	refute_output --partial "$ESCAPE"
	TERM=xterm run -0 on_terminal -- "$BUILD/lab2" zombie --color=never
	refute_output --partial "$ESCAPE"
}

@test "colours: of every process of the run, exec'd by hand or spawned" {
	run -0 lab 3 by-hand guard --color=always
	assert_output --partial "$ESCAPE[36mexec'd child"
	assert_output --partial "$ESCAPE[36mProcess-2"
}

@test "a pipe changes nothing but the colours" {
	lab 3 shared-or-copied --color=always | sed "s/$ESCAPE\[[0-9;]*m//g" >"$BATS_TEST_TMPDIR/coloured"
	lab 3 shared-or-copied | cat >"$BATS_TEST_TMPDIR/piped"
	lab 3 shared-or-copied >"$BATS_TEST_TMPDIR/filed"
	run -0 cmp "$BATS_TEST_TMPDIR/coloured" "$BATS_TEST_TMPDIR/piped"
	run -0 cmp "$BATS_TEST_TMPDIR/filed" "$BATS_TEST_TMPDIR/piped"
}

# --- progress ----------------------------------------------------------------------------

# What is left on a terminal: whatever the progress line wrote is erased.
left_on_terminal() {
	tr -d '\000' | sed "s/.*\r$ESCAPE\[K//; s/\r\$//"
}

@test "progress: a line on the terminal while a long scene runs, then erased" {
	TERM=xterm run -0 on_terminal -- "$BUILD/lab1" speedup --color=never
	assert_output --partial "$ESCAPE[Kspeedup: the work by 1"
	printf '%s\n' "$output" | left_on_terminal >"$BATS_TEST_TMPDIR/left"
	run -1 grep -e "speedup: the work" -e "$ESCAPE" "$BATS_TEST_TMPDIR/left"
	# A line each, as where there is no terminal.
	lab 1 speedup >"$BATS_TEST_TMPDIR/plain"
	assert_equal "$(sed 's/[0-9.]\+/N/g; s/ \+/ /g' "$BATS_TEST_TMPDIR/left")" \
		"$(sed 's/[0-9.]\+/N/g; s/ \+/ /g' "$BATS_TEST_TMPDIR/plain")"
}

@test "progress: on stderr alone, so no file holds it" {
	# shellcheck disable=SC2016 # the inner shell's
	TERM=xterm run -0 on_terminal -- sh -c '"$1" speedup >"$2"' - "$BUILD/lab1" "$BATS_TEST_TMPDIR/out"
	assert_output --partial "$ESCAPE[Kspeedup: the work"
	assert_equal "$(left_on_terminal <<<"$output")" ""
	run -1 grep -e "the work by" -e "$ESCAPE" "$BATS_TEST_TMPDIR/out"
	# shellcheck disable=SC2016
	TERM=xterm run -0 on_terminal -- sh -c '"$1" speedup 2>"$2"' - "$BUILD/lab1" "$BATS_TEST_TMPDIR/errors"
	refute_output --partial "the work by"
	assert_equal "$(cat "$BATS_TEST_TMPDIR/errors")" ""
	run -0 --separate-stderr lab 1 speedup
	assert_equal "$stderr" ""
}

@test "progress: not with --quiet, not on a dumb terminal" {
	TERM=xterm run -0 on_terminal -- "$BUILD/lab1" speedup --quiet
	assert_output ""
	TERM=dumb run -0 on_terminal -- "$BUILD/lab1" speedup
	refute_output --partial "the work by"
	refute_output --partial "$ESCAPE"
}

# --- --step ------------------------------------------------------------------------------

@test "--step: the question alone until Enter, Enter after each conclusion" {
	TERM=xterm run -0 on_terminal --on " Enter " '\r' --on " Enter " '\r' \
		--on " Enter " '\r' -- "$BUILD/lab2" zombie --step
	assert_output --partial "$ESCAPE[2J" # the screen was cleared
	# Text, line by line: the question, then nothing but what was typed.
	plain=$(sed "s/$ESCAPE\[[0-9;]*[A-Za-z]//g; s/\r//g" <<<"$output")
	asked=$(grep -n '^Predict' <<<"$plain" | cut -d: -f1)
	typed=$(grep -n 'typed' <<<"$plain" | cut -d: -f1)
	seen=$(grep -n 'state Z' <<<"$plain" | cut -d: -f1)
	concluded=$(grep -n '^=>' <<<"$plain" | cut -d: -f1)
	# shellcheck disable=SC2086 # a word each
	set -- $asked $typed $seen $concluded
	# asked typed typed typed seen concluded concluded
	[ "$1" -lt "$2" ] && [ "$2" -lt "$5" ] && [ "$5" -lt "$6" ] &&
		[ "$6" -lt "$3" ] && [ "$3" -lt "$7" ] && [ "$7" -lt "$4" ] || fail "$* $plain"
}

@test "--step: a list of conclusions longer than the screen comes page by page" {
	enter=()
	for _ in {1..40}; do enter+=(--on " Enter " '\r'); done
	TERM=xterm run -0 on_terminal --size 80x8 "${enter[@]}" -- "$BUILD/lab2" --step
	# The screens behind the last one with a question: at most 7 lines each, and Enter.
	awk -v RS="$ESCAPE\\\\[2J" 'NR > 1 && !/Predict:/ { gsub(/\[typed\]\r?\n/, ""); print gsub(/\n/, "") }' \
		<<<"$output" >"$BATS_TEST_TMPDIR/pages"
	run -0 sort -n "$BATS_TEST_TMPDIR/pages"
	[ "${#lines[@]}" -ge 3 ] && [ "${lines[-1]}" -le 7 ] || fail "pages of $output lines"
}

@test "--step: at the end of stdin it no longer waits" {
	run -0 lab 2 zombie orphan --step </dev/null
	assert_all_held
}

# Scenes in which somebody waits while a conclusion is on the screen.
# bats test_tags=long
@test "--step: a conclusion may be read for longer than a scene waits" {
	export BUILD
	while read -r _ name value _; do
		[ "$name" != PATIENCE ] || export late=$((value + 2))
	done <common/stage/gate.h
	cat >"$BATS_TEST_TMPDIR/play" <<-'END'
		{ echo; sleep "$late"; yes "" | head -n 20; } |
			timeout -k 2 $((late + 30)) "$BUILD/$1" --step "$2" 2>&1 ||
			echo "$1 $2: exit status ${PIPESTATUS[1]}"
	END
	run -0 xargs -n 2 -P 10 bash "$BATS_TEST_TMPDIR/play" <<-'END'
		lab1 killed
		lab3 table
		lab5 join-before-drain
		lab6 timeout
		lab6 non-owner
		lab7 pass-descriptor
		lab7 interop
		lab8 by-descriptor-or-name
		lab8 killed
		lab8 manager
	END
	refute_output --partial "exit status"
	assert_equal "$(grep -c "^=>" <<<"$output")" 36
}

@test "--step: Ctrl-C at a question ends the run" {
	TERM=xterm run -130 on_terminal --on " Enter " '\x03' -- "$BUILD/lab3" guard --step
}

# --- a rough world --------------------------------------------------------------------------

@test "a full disk: one clear line, exit status 1" {
	for words in "2 program" "2 zombie" "3 guard" "2 --list" "2 --help" "3 --version"; do
		# shellcheck disable=SC2086 # a word each
		run -1 --separate-stderr sh -c 'lab=$1; shift; exec timeout -k 2 30 "$lab" "$@" >/dev/full' - \
			"$BUILD/lab${words%% *}" ${words#* }
		assert_equal "${#stderr_lines[@]}" 1
		assert_regex "$stderr" "No space left on device"
	done
}

@test "a closed stdout, a closed stdin" {
	run -1 sh -c 'exec timeout -k 2 30 "$1" zombie >&-' - "$BUILD/lab2"
	for words in "2 program" "2 join" "3 program" "3 guard" "3 descriptors" "3 table --max-rss=1M"; do
		# shellcheck disable=SC2086 # a word each
		run -0 sh -c 'lab=$1; shift; exec timeout -k 2 30 "$lab" "$@" <&-' - \
			"$BUILD/lab${words%% *}" ${words#* }
	done
}

# Every scene, as LAB SCENE.
all_scenes() {
	for name in $LABS; do
		"$BUILD/${name%%-*}" --list | sed "s/^/${name%%-*} /; s/\t.*//"
	done
}

# bats test_tags=long
@test "a reader that goes away ends each scene, at once" {
	# 15 s: less than the patience of those who wait for somebody dead. Exit status
	# 0 is right, too, where all was written before the reader left.
	cat >"$BATS_TEST_TMPDIR/play" <<-'END'
		lines=$1 lab=$2
		shift 2
		timeout -k 2 15 "$BUILD/$lab" "$@" 2>/dev/null | head -n "$lines" >/dev/null
		status=${PIPESTATUS[0]}
		[ "$status" -le 1 ] || echo "$lab $* | head -n $lines: exit status $status"
	END
	export BUILD
	for lines in 1 3; do
		run -0 xargs -P 4 -L 1 bash "$BATS_TEST_TMPDIR/play" "$lines" < <(all_scenes)
		assert_output ""
	done
}

@test "from another folder, by its whole path" {
	cd "$BATS_TEST_TMPDIR"
	run -0 lab 3 program no-guard
	assert_line "=> the C program and the Python program print the same"
	assert_line '$ build/no_guard'
}

@test "without the Python program, and without python3, it concludes nothing of it" {
	cp "$BUILD/lab2" "$BATS_TEST_TMPDIR/lab2"
	run -0 timeout -k 2 30 "$BATS_TEST_TMPDIR/lab2" program zombie
	assert_line "No lab2.py above this program: nothing to compare with."
	refute_line --partial "print the same"
	PATH=/nowhere run -0 "$BUILD/lab2" program zombie
	assert_line "No python3 here: nothing to compare with."
	rm "$BATS_TEST_TMPDIR/lab2"
}

@test "a Python program that prints for ever ends with the comparison" {
	cp "$BUILD/lab2" "$BATS_TEST_TMPDIR/lab2"
	mkdir -p "$BATS_TEST_TMPDIR/labs/lab2-process"
	printf 'while True:\n    print("hello bob")\n' >"$BATS_TEST_TMPDIR/labs/lab2-process/lab2.py"
	run -1 timeout -k 2 10 "$BATS_TEST_TMPDIR/lab2" program zombie
	assert_line "!! the C program and the Python program print the same"
}

@test "a hand-over that is none is refused: exit status 2, one line" {
	for handle in 0 77 x '' -1 5x 99999999999; do
		run -2 --separate-stderr sh -c '"$1" --multiprocessing-fork pipe_handle="$2" </dev/null' - \
			"$BUILD/lab3" "$handle"
		assert_equal "$output" ""
		assert_equal "${#stderr_lines[@]}" 1
		assert_regex "$stderr" "^lab3: pipe_handle=$handle: "
	done
	run -2 sh -c 'echo garbage of some length, more than a head | "$1" --multiprocessing-fork pipe_handle=0' - \
		"$BUILD/lab3"
	assert_output --partial "no hand-over"
	run -2 "$BUILD/lab3" --multiprocessing-fork
	assert_output --partial "needs pipe_handle=N"
}

@test "a conclusion that does not hold: !!, exit status 1, and told at the end" {
	# Beside this copy of the lab lies a program that has the guard after all.
	cp "$BUILD/lab3" "$BATS_TEST_TMPDIR/lab3"
	cp "$BUILD/guarded" "$BATS_TEST_TMPDIR/no_guard"
	run -1 timeout -k 2 30 "$BATS_TEST_TMPDIR/lab3" no-guard
	assert_line "!! the child's start was refused, with the cure; it exited 1"
	assert_line --regexp '^=> plain execve .* 5 at once'

	# Above this copy lies a Python program that prints something else.
	cp "$BUILD/lab2" "$BATS_TEST_TMPDIR/lab2"
	mkdir -p "$BATS_TEST_TMPDIR/labs/lab2-process"
	echo 'print("hello alice")' >"$BATS_TEST_TMPDIR/labs/lab2-process/lab2.py"
	run -1 timeout -k 2 30 "$BATS_TEST_TMPDIR/lab2"
	assert_line "!! program: the C program and the Python program print the same"
	[[ ${lines[-1]} =~ ^([0-9]+)\ of\ ([0-9]+)\ conclusions\ held$ ]]
	assert_equal "$((BASH_REMATCH[1] + 1))" "${BASH_REMATCH[2]}"
}
