#!/usr/bin/env bats
# The timeline as people meet it: the chart, --trace, --svg. What it records is
# tested in tests/stage/timeline.c.

load helpers

trace() { # LAB SCENE...: the run's trace is in $trace
	trace=$BATS_TEST_TMPDIR/run.json
	run -0 lab "$@" --trace="$trace"
	jq -e . "$trace" >/dev/null || fail "no JSON: $(head -c 300 "$trace")"
}

# --- the trace ------------------------------------------------------------------

@test "--trace: every span has pid, ts, dur and name; every process a name" {
	trace 3 cost guard --max-rss=1M
	run -0 jq '[.traceEvents[] | select(.ph == "X")] | length' "$trace"
	[ "$output" -ge 10 ]
	run -0 jq '[.traceEvents[] | select(.ph == "X") | select(
		(.pid | type) != "number" or (.ts | type) != "number" or
		(.dur | type) != "number" or .dur < 0 or .ts < 0 or
		(.name | length) == 0)] | length' "$trace"
	assert_output 0
	run -0 jq '([.traceEvents[].pid] | unique) -
		[.traceEvents[] | select(.name == "process_name" and (.args.name | length) > 0).pid]' "$trace"
	assert_output "[]"
}

@test "--trace: a join ends no earlier than the last event of its child" {
	for words in "3 cost --max-rss=1M" "3 guard" "2 join" "2 daemon"; do
		# shellcheck disable=SC2086 # a word each
		trace $words
		# For each join arrow: the child's last event, the end of the span around.
		run -0 jq '.traceEvents as $all
			| [$all[] | select(.ph == "s" and .name == "join") as $tail
				| $all[] | select(.ph == "f" and .id == $tail.id) as $head
				| ([$all[] | select(.pid == $tail.pid and .ts) | .ts + (.dur // 0)] | max) as $last
				| ([$all[] | select(.ph == "X" and .name == "join" and .pid == $head.pid
					and .ts <= $head.ts and .ts + .dur >= $head.ts) | .ts + .dur] | max) as $stop
				| if $stop >= $last then "good" else "bad" end] | unique | join(" ")' "$trace"
		assert_output '"good"'
	done
}

@test "--trace: arrows come in pairs, and go forward in time" {
	trace 2 join daemon
	run -0 jq '.traceEvents | map(select(.ph == "s" or .ph == "f")) | group_by(.id)
		| map(length == 2 and (map(select(.ph == "f"))[0].ts >= map(select(.ph == "s"))[0].ts))
		| (length > 3) and all' "$trace"
	assert_output true
}

@test "--trace: join --timeout=0.3 lasts as long as it says" {
	trace 2 join --timeout=0.3
	run -0 jq '[.traceEvents[] | select(.name == "join" and .ph == "X").dur] | max >= 300000' "$trace"
	assert_output true
}

@test "--trace: spans from a program that was exec'd by hand" {
	trace 3 cost --max-rss=1M
	run -0 jq -r '[.traceEvents[] | select(.name == "process_name").args.name] | sort | join(",")' "$trace"
	assert_output "MainProcess,exec'd child,exec'd child,forked child"
}

# --- the picture -------------------------------------------------------------------

@test "--svg: well-formed, with titles, for light and dark, one file" {
	svg=$BATS_TEST_TMPDIR/run.svg
	run -0 lab 2 join daemon --svg="$svg"
	run -0 python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$svg"
	for title in join daemon "Who did what when: join, daemon"; do
		run -0 grep -q "<title>$title</title>" "$svg"
	done
	run -0 grep -q 'prefers-color-scheme: dark' "$svg"
	run -1 grep -E 'href|@import|url\(http' "$svg"
}

@test "--svg: the legend tells of spans by colour, of arrows by stroke, of marks, of open ends" {
	run -0 lab 2 daemon --svg="$BATS_TEST_TMPDIR/run.svg"
	for colour in c0 c1 c2 c3 c4 c5 c6; do # seven names
		run -0 grep -c "<rect class=\"$colour\" .* width=\"12\"" "$BATS_TEST_TMPDIR/run.svg"
		assert_output 1
	done
	for text in finishes "never ended" "a start" "a join" "a message"; do
		run -0 grep -c "<text class=\"text\".*>$text</text>" "$BATS_TEST_TMPDIR/run.svg"
		assert_output 1
	done
	for kind in start join message; do
		run -0 grep -c "class=\"arrow $kind\".*<title>$kind</title>" "$BATS_TEST_TMPDIR/run.svg"
	done
	run -0 lab 3 guard --svg="$BATS_TEST_TMPDIR/run.svg"
	run -0 grep ">target runs</text>" "$BATS_TEST_TMPDIR/run.svg"
}

@test "--svg: messages are a picture, though nobody began anything" {
	run -0 lab 3 by-hand --svg="$BATS_TEST_TMPDIR/run.svg"
	run -0 grep -c '<title>message</title>' "$BATS_TEST_TMPDIR/run.svg"
	assert_output 2
	run -0 grep '^<title>' "$BATS_TEST_TMPDIR/run.svg"
	assert_line "<title>Who did what when: by-hand</title>"
	assert_line "<title>by-hand</title>"
	run -1 grep 'Nothing was recorded' "$BATS_TEST_TMPDIR/run.svg"
}

@test "--svg: table shows who looked around, and not what is measured afterwards" {
	run -0 lab 3 table --max-rss=1M --svg="$BATS_TEST_TMPDIR/run.svg" --trace="$BATS_TEST_TMPDIR/run.json"
	for name in fork spawn forkserver; do
		run -0 grep -c "<title>MainProcess: $name, " "$BATS_TEST_TMPDIR/run.svg"
		assert_output 1
	done
	run -0 grep -c ': looks around, ' "$BATS_TEST_TMPDIR/run.svg"
	assert_output 3
	# The last event of the run is behind the measuring; the axis ends well before.
	axis=$(sed -n 's/.*text-anchor="end">\([0-9.]*\) ms<.*/\1/p' "$BATS_TEST_TMPDIR/run.svg")
	run -0 jq --argjson axis "$axis" '([.traceEvents[].ts // 0] | max) > 3000 * $axis' "$BATS_TEST_TMPDIR/run.json"
	assert_output true
}

@test "--svg: a scene that records nothing is a picture that says so" {
	run -0 lab 2 zombie --svg="$BATS_TEST_TMPDIR/run.svg"
	run -0 grep -q 'Nothing was recorded' "$BATS_TEST_TMPDIR/run.svg"
}

# --- the chart ----------------------------------------------------------------------

@test "the chart: a row a process, an axis, a legend; --no-chart leaves it out" {
	run -0 lab 2 join
	assert_line --regexp '^MainProcess +[█·]*░'
	assert_line --regexp '^Process-1 +·*▒'
	assert_line --regexp '^ +0 +[0-9.]+ +[0-9.]+ ms$'
	assert_line --regexp '^ +(█ start  )?░ join .*▒ works'
	run -0 lab 2 join --no-chart
	refute_line --partial "█"
	assert_all_held
}

@test "the chart: ASCII where the locale is not UTF-8" {
	LC_ALL=C run -0 lab 2 join
	assert_line --regexp '^MainProcess +[#.]*-+'
	refute_output --partial "░"
}

@test "the chart: as wide as the terminal" {
	for columns in 40 60 120; do
		run -0 on_terminal --size "${columns}x24" -- "$BUILD/lab2" daemon --color=never
		widest=$(grep -E '^[a-zA-Z]+ +[█░▒▄]' <<<"$output" | tr -d '\r' | wc -L)
		[ "$widest" -le "$columns" ] && [ "$widest" -ge $((columns - 2)) ] || fail "$columns: $widest"
		# The legend of seven names keeps to it, in two lines, and cuts none
		# where they have room.
		tr -d '\r' <<<"$output" | grep -A 2 -E '^ +0 .* ms$' | tail -n 2 >"$BATS_TEST_TMPDIR/legend"
		[ "$(wc -L <"$BATS_TEST_TMPDIR/legend")" -le "$columns" ] || fail "$output"
		run -0 cat "$BATS_TEST_TMPDIR/legend"
		[ "$columns" -ge 60 ] || continue
		for name in "goes on" "ends" "finishes" "never ended"; do
			assert_regex "$output" "[^ ] $name( |$|"$'\n)'
		done
	done
}

# --- files that cannot be written -----------------------------------------------------

# failing PATTERN WORD...: the run's lines as ever, one line that tells, status 1.
failing() {
	local pattern=$1
	shift
	run -1 --separate-stderr lab "$@"
	assert_line --regexp '^=> '
	assert_equal "${#stderr_lines[@]}" 1
	assert_regex "$stderr" "$pattern"
}

@test "a file that cannot be written: one line, the run is what it was, status 1" {
	for option in --trace --svg; do
		failing "^lab2: $option: /nonexistent/run: No such file" 2 join $option=/nonexistent/run
		failing "^lab2: $option: /: Is a directory" 2 join $option=/
		failing "^lab2: $option: /dev/full: No space left" 2 join $option=/dev/full
	done
	run -1 --separate-stderr lab 2 program --trace=/dev/full
	assert_output "hello bob"
}

@test "- is stdout, when nothing else goes there" {
	run -0 lab 2 join --quiet --trace=-
	jq -e '.traceEvents | length > 5' <<<"$output"
	run -0 lab 2 join --quiet --svg=-
	assert_line --regexp '^<svg '
	for words in "join --trace=-" "join --svg=-" "program --quiet --trace=-" "join --quiet --trace=- --svg=-"; do
		# shellcheck disable=SC2086 # a word each
		run -2 --separate-stderr lab 2 $words
		assert_equal "$output" ""
		assert_equal "${#stderr_lines[@]}" 1
		assert_regex "$stderr" "^lab2: --(trace|svg): '-' is stdout, where "
	done
}

@test "one file for both is refused" {
	run -2 --separate-stderr lab 2 join --trace="$BATS_TEST_TMPDIR/f" --svg="$BATS_TEST_TMPDIR/f"
	assert_equal "$output" ""
	assert_equal "$stderr" "lab2: --svg: '$BATS_TEST_TMPDIR/f' is where the trace goes"
	[ ! -e "$BATS_TEST_TMPDIR/f" ]
}

@test "LAB_RUN that names no record: the file is let alone" {
	for size in 0 10 10000; do
		head -c "$size" /dev/zero >"$BATS_TEST_TMPDIR/file"
		cp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/before"
		LAB_RUN=$BATS_TEST_TMPDIR/file run -0 lab 3 --again mark 0
		run -0 cmp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/before"
	done
}

@test "--quiet: no lines, the exit status tells" {
	run -0 lab 3 guard stdio --quiet
	assert_output ""
	cp "$BUILD/lab3" "$BATS_TEST_TMPDIR/lab3"
	cp "$BUILD/guarded" "$BATS_TEST_TMPDIR/no_guard"
	run -1 timeout -k 2 30 "$BATS_TEST_TMPDIR/lab3" no-guard --quiet
	assert_output ""
}

@test "--trace= and --svg= without a name are refused" {
	for option in --trace --svg; do
		run -2 --separate-stderr lab 2 join $option=
		assert_equal "$stderr" "lab2: $option: '' is not the name of a file"
		run -2 --separate-stderr lab 2 $option
		assert_equal "$stderr" "lab2: $option: needs the name of a file"
	done
}
