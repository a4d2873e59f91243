#!/usr/bin/env bats
# What lab 8's chapter says under "Try" is what one sees.

# bats file_tags=long
load ../helpers

@test "try 1: few or many, on one CPU or all: with a lock nothing is lost" {
	for count in 1000 1000000; do
		run -0 lab 8 increments --count=$count
		assert_line --regexp "4 processes, $count increments each"
		assert_all_held
	done
	run -0 timeout -k 2 30 taskset -c 0 "$BUILD/lab8" increments --count=100000
	assert_all_held
}

@test "try 2: one instruction loses nothing on one CPU" {
	[ "$(uname -m)" = x86_64 ] || skip "elsewhere an addition takes several instructions"
	changed lab8 labs/lab8-shared-state/lab8-count.c \
		's/_Atomic int64_t value;/int64_t value;/' \
		's/atomic_load_explicit(&counter->value, memory_order_relaxed)/counter->value/' \
		's/atomic_store_explicit(&counter->value, value, memory_order_relaxed)/counter->value = value/' \
		's/atomic_fetch_add(&counter->value, 1)/__atomic_fetch_add(\&counter->value, 1, __ATOMIC_SEQ_CST)/' \
		'/default:/{n;s/store(.*);/counter->value++;/}'
	run -0 objdump -d --disassemble=count_up "$changed"
	assert_line --regexp '[[:space:]]addq '
	assert_line --regexp '[[:space:]]lock addq '
	run -0 timeout -k 2 30 taskset -c 0 "$changed" increments --count=10000000
	assert_line --regexp 'load and store +40000000 counted, +0.0 % lost'
}

# Plays the scene up to where the named one is still there. $lab: who made it, $file: it.
up_to_the_name() {
	on_terminal --on Predict '\r' --on 'nameless: it went' '\r' -- \
		"$BUILD/lab8" --step killed >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	wait_until grep -q 'named: still there' "$BATS_TEST_TMPDIR/out"
	lab=$(grep -om 1 'shm/lab8-[0-9]*' "$BATS_TEST_TMPDIR/out")
	lab=${lab##*-} file=/dev/shm/lab8-$lab
	[ -e "$file" ]
}

@test "try 3: the lab is killed, and its tracker removes the name" {
	up_to_the_name
	kill -KILL "$lab"
	wait_until [ ! -e "$file" ]
	wait
}

@test "try 3: with the tracker killed, too, the name stays" {
	up_to_the_name
	# The tracker first: it is quick.
	kill -KILL $(pgrep -P "$lab") "$lab"
	wait_until [ ! -e "/proc/$lab" ]
	# Not for long: other tests look for names that somebody left.
	rm "$file" || fail "who removed $file?"
	wait
}

@test "try 4: Python's resource tracker removes a name that is not its own" {
	python3 -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || skip "from 3.13 on it can be told not to"
	name=exercise-$$
	printf '%4096s' '' >"/dev/shm/$name"
	run -0 timeout -k 2 30 python3 -c "
from multiprocessing.shared_memory import SharedMemory
SharedMemory('$name').close()"
	assert_output --partial "leaked shared_memory objects"
	[ ! -e "/dev/shm/$name" ]
}

@test "try 5: two requests of one message each lose nothing" {
	changed lab8 labs/lab8-shared-state/lab8-manager.c \
		's/ask(\([ab]\), SET, 1, loaded_[ab] + 1)/ask(\1, ADD, 1, 1)/'
	run -1 timeout -k 2 30 "$changed" manager
	assert_line --partial "two get 0 and 0, each sets 1 more: 2"
	assert_line "!! get and set are two messages: an update is lost"
}
