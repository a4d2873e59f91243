#!/usr/bin/env bats
# A full run of each lab, looked at from all sides. Each is played but once: by make
# test as on a terminal of today, by make faults on one CPU and in plain ASCII.

load helpers

setup_file() {
	cd "$TOP" || return 1
	plays=$BATS_FILE_TMPDIR
	export BUILD plays LAB_TEST=$plays
	unset LAB_RUN NO_COLOR
	names_in_memory >"$plays/memory"
	cat >"$plays/play" <<-'END'
		timeout -k 2 30 "$BUILD/$1" --svg="$plays/$1.svg" --trace="$plays/$1.json" \
			>"$plays/$1.run" 2>&1 || echo "exit status $?" >>"$plays/$1.run"
	END
	place=(env LC_ALL=C.UTF-8)
	[ "${STORM:-}" != full ] || place=(env LC_ALL=C taskset -c 0)
	for name in $LABS; do echo "${name%%-*}"; done |
		"${place[@]}" xargs -P 2 -n 1 bash "$plays/play"
}

# bats test_tags=storm
@test "each scene shows at most 18 lines of at most 80 columns" {
	for run in "$plays"/*.run; do
		# A scene ends with an empty line; behind the last stands the list.
		tac "$run" | sed '1,/^$/d' >"$BATS_TEST_TMPDIR/scenes"
		run -0 awk '/^$/ { n = 0; next } { n++ } n > most { most = n } END { print most }' \
			"$BATS_TEST_TMPDIR/scenes"
		[ "$output" -le 18 ] && [ "$output" -gt 5 ] || fail "$run: a scene of $output lines"
		run -0 wc -L "$BATS_TEST_TMPDIR/scenes"
		[ "${output%% *}" -le 80 ] || fail "$run: a line of $output columns"
	done
}

# bats test_tags=storm
@test "every scene holds, and a full run ends with its conclusions and their number" {
	for run in "$plays"/*.run; do
		run -1 grep '^!!' "$run"
		# Behind the last empty line stands the list.
		tac "$run" | sed '/^$/,$d' >"$BATS_TEST_TMPDIR/list"
		count=$(grep -c '^=> [a-z-]*: ' "$BATS_TEST_TMPDIR/list")
		assert_equal "$(head -n 1 "$BATS_TEST_TMPDIR/list")" "$count of $count conclusions held"
		lab=$(basename "${run%.*}")
		for scene in $("$BUILD/$lab" --list | cut -f1); do
			grep -q "^=> $scene: " "$BATS_TEST_TMPDIR/list" || fail "$lab: no $scene in $(cat "$run")"
		done
	done
}

# bats test_tags=storm
@test "a full run leaves no process and no memory behind" {
	LAB_TEST=$plays no_process_left
	memory_before=$(cat "$plays/memory")
	no_memory_left
}

@test "the legend of each chart tells of just what its rows show" {
	run -0 tests/legends "$plays"/*.run
	[ "$output" -ge 5 ] || fail "just $output charts"
}

@test "a full run as a trace is JSON, with names for all its processes" {
	for trace in "$plays"/*.json; do
		run -0 jq '([.traceEvents[].pid] | unique) - [.traceEvents[] |
			select(.name == "process_name" and (.args.name | length) > 0).pid]' "$trace"
		assert_output "[]"
	done
}

@test "a full run as a picture: xmllint has nothing to say" {
	command -v xmllint >/dev/null || skip "xmllint is not installed; ./setup --dev does"
	for svg in "$plays"/*.svg; do
		run -0 xmllint --noout "$svg"
	done
}
