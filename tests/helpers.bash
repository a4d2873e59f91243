# helpers.bash - what every bats file here loads
#
# A test fails, too, when it leaves a process or a file in /dev/shm behind. Other
# tests may run at the same time, and other people's labs: they are let alone.

bats_require_minimum_version 1.5.0
export BATS_LIB_PATH=${BATS_LIB_PATH:-/usr/lib/bats}

# This is done anew for each test: so with few processes.
TOP=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
BUILD=$(cd "$TOP" && cd "${BUILD:-build}" && pwd -P)
folders=("$TOP"/labs/lab*-*)
# shellcheck disable=SC2034 # for those who load this
LABS=${folders[*]##*/}

# What bats_load_library would do, but without a dozen processes for each test.
load_assertions() {
	local file
	if [ ! -e "$BATS_LIB_PATH/bats-assert/src/assert.bash" ]; then
		bats_load_library bats-support # BATS_LIB_PATH is a list
		bats_load_library bats-assert
		return
	fi
	for file in "$BATS_LIB_PATH"/bats-{support,assert}/src/*.bash; do
		# shellcheck disable=SC1090 # not a file of ours
		source "$file"
	done
}

setup() {
	load_assertions
	cd "$TOP" || return 1
	# All that this test runs has it in its environment.
	export LAB_TEST=$BATS_TEST_TMPDIR
	memory_before=$(names_in_memory)
	# What the run shares with its processes, a nested run must not find.
	unset LAB_RUN NO_COLOR
	# Nor may `make test ARGS=...` hand its ARGS to a make that a test runs.
	unset MAKEFLAGS MAKEOVERRIDES MFLAGS ARGS
	export LC_ALL=C.UTF-8
}

teardown() {
	if [ -z "${BATS_TEST_COMPLETED:-}" ]; then
		echo "The last command was: ${BATS_RUN_COMMAND:-none}, exit status ${status:-none}. It printed:"
		printf '%s\n' "${output:-}" "${stderr:-}" | head -n 60
		echo "Rerun just this: make test ARGS='$BATS_TEST_FILENAME -f \"$BATS_TEST_DESCRIPTION\"'"
	fi
	# bats ignores what fails in here, but for the status at the end.
	local clean=0
	no_process_left || clean=1
	no_memory_left || clean=1
	return $clean
}

# The processes of this test that run one of our programs, or one it built itself.
# A zombie has no exe any more, and so is not among them: it is its parent's, or
# init's, to reap.
our_processes() {
	local process
	find /proc/[0-9]*/exe -maxdepth 0 \( -lname "$BUILD/*" -o -lname "$BATS_TEST_TMPDIR/*" \) \
		-printf '%h\n' 2>/dev/null | while read -r process; do
		! grep -qzxF "LAB_TEST=$LAB_TEST" "$process/environ" 2>/dev/null || echo "${process#/proc/}"
	done
}

# Polls: a process that was sent a signal takes a moment to go.
no_process_left() {
	local until=$((SECONDS + ${PATIENCE:-10})) left
	while left=$(our_processes) && [ -n "$left" ]; do
		if [ "$SECONDS" -ge "$until" ]; then
			ps -o pid,ppid,stat,args -p "${left//$'\n'/,}"
			# shellcheck disable=SC2086 # one word a pid
			kill -KILL $left 2>/dev/null
			fail "processes left over" || return
		fi
		sleep 0.02
	done
}

# Memory by a name carries its lab's and its process's: lab8-4711. (SHM is for the
# tests of this: what they leave there must not be taken for a lab's.)
names_in_memory() {
	local file
	for file in "${SHM:-/dev/shm}"/lab[0-9]*-*[0-9]; do
		[ ! -e "$file" ] || echo "${file##*/}"
	done
}

# Where the process has ended, nobody is left to remove it.
memory_of_the_dead() {
	local name
	for name in $(names_in_memory); do
		[[ $'\n'$memory_before$'\n' == *$'\n'$name$'\n'* ]] ||
			[ -d "/proc/${name##*-}" ] || echo "$name"
	done
}

# Polls: a lab may kill the maker of its memory, and remove it a moment later.
no_memory_left() {
	local until=$((SECONDS + ${PATIENCE:-10})) left
	while left=$(memory_of_the_dead) && [ -n "$left" ]; do
		[ "$SECONDS" -lt "$until" ] || fail "left in /dev/shm: $left" || return
		sleep 0.02
	done
}

# lab 3 guard --step: with a limit from outside.
lab() {
	local number=$1
	shift
	timeout -k 2 30 "$BUILD/lab$number" "$@"
}

# changed LAB FILE EDIT...: builds the lab from a copy of the sources, in which sed has
# made each edit in FILE; $changed is where it stands then. For what a chapter says to try.
changed() {
	local lab=$1 file=$2
	shift 2
	local tree=$BATS_TEST_TMPDIR/tree
	if [ ! -d "$tree" ]; then
		mkdir "$tree" && cp -a "$TOP/Makefile" "$TOP/common" "$TOP/labs" "$tree" || return
		mkdir "$tree/build" && cp -a "$BUILD/obj" "$BUILD/crypto" "$BUILD"/lib*.a "$tree/build" || return
	fi
	for edit; do
		sed -i.was "$edit" "$tree/$file"
		! cmp -s "$tree/$file" "$tree/$file.was" || fail "no line of $file for $edit" || return
	done
	run -0 make -s -C "$tree" BUILD=build "build/$lab"
	# shellcheck disable=SC2034 # for the test
	changed=$tree/build/$lab
}

# Polls, for ten seconds at most.
wait_until() { # COMMAND...
	local until=$((SECONDS + 10))
	until "$@"; do
		[ "$SECONDS" -lt "$until" ] || fail "not within ten seconds: $*" || return
		sleep 0.01
	done
}

number_of() { # lab3-fork-vs-spawn: 3
	local name=${1%%-*}
	echo "${name#lab}"
}

python_twin() {
	local source
	source=$(echo "$TOP"/labs/lab"$1"-*/lab"$1".py)
	timeout -k 2 30 python3 "$source"
}

on_terminal() {
	timeout -k 2 60 "$TOP/tests/pty" "$@"
}

# refused LAB PATTERN WORD...: one line that says so, exit status 2, no output.
refused() {
	local number=$1 pattern=$2
	shift 2
	run -2 --separate-stderr lab "$number" "$@"
	assert_equal "$output" ""
	# shellcheck disable=SC2154 # run sets them
	assert_equal "${#stderr_lines[@]}" 1
	assert_regex "$stderr" "^lab$number: .*$pattern"
}

# Every conclusion of the last run held, and there were some.
assert_all_held() {
	assert_line --regexp '^=> '
	refute_line --regexp '^!! '
}
