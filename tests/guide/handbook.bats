#!/usr/bin/env bats
# What the handbook has an instructor do: fork and spawn in two panes.

load ../helpers

setup_file() {
	# The socket of a tmux of its own goes with the folder.
	export SOCKET=side-by-side TMUX_TMPDIR=$BATS_FILE_TMPDIR
}

teardown_file() {
	! command -v tmux >/dev/null || tmux -L "$SOCKET" kill-server 2>/dev/null || true
}

side_by_side() {
	command -v tmux >/dev/null || skip "tmux is not installed; ./setup --dev does"
	# A pane that holds a descriptor of bats would keep it waiting.
	run -0 timeout -k 2 30 "$TOP/guide/tools/side-by-side" --detached --socket="$SOCKET" "$@" 3>&-
	assert_output ""
}

at_work() {
	timeout -k 2 10 tmux -L "$SOCKET" "$@"
}

# sees PANE TEXT: waits until the pane shows it.
sees() {
	local until=$((SECONDS + 20))
	until at_work capture-pane -p -t "side-by-side:0.$1" | grep -qF -e "$2"; do
		[ "$SECONDS" -lt "$until" ] || fail "pane $1 has no '$2', but
$(at_work capture-pane -p -t "side-by-side:0.$1")" || return
		sleep 0.05
	done
}

@test "fork and spawn side by side: what is typed goes to both" {
	side_by_side
	sees 0 'fork$'
	sees 1 'spawn$'
	run -0 at_work list-panes -t side-by-side -F '#{pane_left} #{pane_width}'
	assert_output $'0 80\n81 80'
	at_work send-keys -t side-by-side 'grep method guarded.c; ./guarded' Enter
	sees 0 "exitcode: 0"
	sees 1 "exitcode: 0"
	sees 0 ".method = MP_FORK"
	sees 1 ".method = MP_SPAWN"
	# A forked child does not come by main, a spawned one does.
	run -0 at_work capture-pane -p -t side-by-side:0.0
	assert_equal "$(grep -c 'main() runs' <<<"$output")" 1
	run -0 at_work capture-pane -p -t side-by-side:0.1
	assert_equal "$(grep -c 'main() runs' <<<"$output")" 2
}

@test "stacked: one above the other, in 80 columns; Ctrl-D ends both" {
	side_by_side --stacked
	sees 0 'fork$'
	sees 1 'spawn$'
	run -0 at_work list-panes -t side-by-side -F '#{pane_left} #{pane_width}'
	assert_output $'0 80\n0 80'
	at_work send-keys -t side-by-side C-d
	until=$((SECONDS + 20))
	while at_work has-session -t side-by-side 2>/dev/null; do
		[ "$SECONDS" -lt "$until" ] || fail "it is still there"
		sleep 0.05
	done
}

@test "side-by-side says what it takes, and what is missing" {
	run -0 guide/tools/side-by-side --help
	assert_line --partial "--stacked"
	run -2 --separate-stderr guide/tools/side-by-side --wide
	assert_equal "$stderr" "side-by-side: '--wide' is no option; --help names them"
	mkdir "$BATS_TEST_TMPDIR/bin"
	for tool in sh dirname env; do ln -s "$(command -v "$tool")" "$BATS_TEST_TMPDIR/bin/"; done
	PATH=$BATS_TEST_TMPDIR/bin run -1 "$TOP/guide/tools/side-by-side"
	assert_output "side-by-side: tmux is not there: ./setup --dev installs it"
}

# part HEADING: what stands below it, up to the next one of its level.
part() {
	awk -v heading="$1" '/^## / { on = index($0, heading) == 1 } on' guide/handbook.md
}

@test "the lecture takes its 50 minutes" {
	run -0 part "## A lecture of 50 minutes"
	rows=$(grep -E '^\| [0-9]+ \|' <<<"$output")
	[ "$(wc -l <<<"$rows")" -ge 5 ] || fail "no table of minutes"
	assert_equal "$(awk '{ sum += $2 } END { print sum }' <<<"$rows")" 50
}

# A lab that somebody adds need not be in the course.
@test "every lab of the nine weeks has its plan, its sheet and its answers" {
	run -0 part "## A course of nine weeks"
	numbers=$(grep -E '^\| [0-9]+ \|' <<<"$output" | grep -oE '\(lab[0-9]+' | tr -d '(lab' | sort -nu)
	assert_equal "${numbers//$'\n'/ }" "1 2 3 4 5 6 7 8 9"
	for number in $numbers; do
		run -0 part "## Lab $number · "
		assert_output --partial "*In class "
		for what in Ask Show "On stage" Stuck Homework; do
			assert_line --regexp "^- \*\*$what\*\*"
		done
		assert_output --partial "build/lab$number --step "
		run -0 part "## Sheets to hand out"
		assert_line "<!-- questions build/lab$number -->"
		run -0 part "## Answers"
		assert_line "<!-- answers build/lab$number -->"
	done
}
