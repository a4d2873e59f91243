#!/usr/bin/env bats
# Lab 1: what a person sees of it. Each test was seen to fail before it passed.

load ../helpers

# python TEXT: what CPython does with that program.
python() {
	cat >"$BATS_TEST_TMPDIR/oracle.py"
	timeout -k 2 30 python3 "$BATS_TEST_TMPDIR/oracle.py"
}

trace() { # SCENE...: the run's trace is in $trace
	trace=$BATS_TEST_TMPDIR/run.json
	run -0 lab 1 "$@" --trace="$trace"
	assert_all_held
}

# spans NAME: begin, end and pid of each of that name, a line each, by their ends.
spans() {
	jq -r --arg name "$1" '.traceEvents[] | select(.ph == "X" and .name == $name)
		| "\(.ts) \(.ts + .dur) \(.pid)"' "$trace" | sort -nk 2
}

# calls NAMES WORD...: the system calls of a run, a file a process: $calls/PID.
calls() {
	local names=$1
	shift
	calls=$BATS_TEST_TMPDIR/calls
	mkdir "$calls"
	timeout -k 2 30 strace -ff -o "$calls/of" -e trace="$names" "$BUILD/lab1" "$@" \
		>"$BATS_TEST_TMPDIR/output"
}

# count PATTERN: in the system calls of all processes.
count() {
	cat "$calls"/of.* | grep -cE "$1"
}

# --- program, by-hand ---------------------------------------------------------------

@test "program: the same bytes as the Python program" {
	lab 1 program >"$BATS_TEST_TMPDIR/ours"
	python_twin 1 >"$BATS_TEST_TMPDIR/theirs"
	run -0 cmp "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
	run -0 cat "$BATS_TEST_TMPDIR/ours"
	assert_output "[1, 4, 9]"
}

@test "program: five workers, all by the lab itself, all ended by terminate" {
	calls clone,clone3,fork,vfork,kill,wait4 program
	assert_equal "$(count '^(clone3?|v?fork)\(.* = [0-9]+$')" 5
	assert_equal "$(count '^kill\([0-9]+, SIGTERM\) += 0$')" 5
	assert_equal "$(count '^wait4\([0-9]+, .* = [0-9]+$')" 5
	assert_equal "$(grep -lE '^[a-z]' "$calls"/of.* | wc -l)" 1
}

@test "by-hand: each number read by one process, its square written by the same" {
	calls read,write by-hand
	run -0 cat "$BATS_TEST_TMPDIR/output"
	assert_all_held
	for n in 1 2 3 4 5 6; do
		run -0 grep -lE "^read\([0-9]+, \"\\\\$n(\\\\0){3}\", 4\) += 4\$" "$calls"/of.*
		assert_equal "${#lines[@]}" 1
		run -0 grep "^  $n \* $n = .* from ${output##*.}\$" "$BATS_TEST_TMPDIR/output"
	done
}

# --- order --------------------------------------------------------------------------

@test "order: they arrive backwards, and stand in order" {
	run -0 lab 1 order
	assert_all_held
	arrived=$(sed -n 's/.*MainProcess *item \([0-9]\) is done.*/\1/p' <<<"$output")
	assert_equal "$arrived" $'3\n2\n1\n0'
	assert_line --partial "the map's results: 0, 1, 4, 9"
}

@test "order: four processes; none is let go before the one behind it has ended" {
	trace order
	spans item >"$BATS_TEST_TMPDIR/items"
	spans "held back" >"$BATS_TEST_TMPDIR/held"
	assert_equal "$(cut -d' ' -f3 "$BATS_TEST_TMPDIR/items" | sort -u | wc -l)" 4
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/held")" 3
	# The first to be let go, the second ... each after the end of an item before it.
	run -0 paste -d' ' <(head -n 3 "$BATS_TEST_TMPDIR/items") "$BATS_TEST_TMPDIR/held"
	for line in "${lines[@]}"; do
		run -0 awk '{ print ($5 > $2) }' <<<"$line"
		assert_output 1
	done
}

# --- chunks, speedup ------------------------------------------------------------------

@test "chunks: as CPython cuts them" {
	run -0 lab 1 chunks
	assert_all_held
	ours=$(awk '/^ +[0-9]+ +[0-9]+ +[0-9]+ x [0-9]+$/ { print $1, $2, $3, $5 }' <<<"$output")
	run -0 python <<-'END'
		from multiprocessing import get_context

		ctx = get_context('fork')
		counted = ctx.Event()

		def f(x):
		    counted.wait(20)

		if __name__ == '__main__':
		    for items, workers in (10, 2), (17, 4), (100, 4), (1000, 8):
		        counted.clear()
		        with ctx.Pool(workers) as p:
		            result = p.map_async(f, range(items))
		            print(items, workers, result._number_left, result._chunksize)
		            counted.set()
		            result.wait(20)
	END
	assert_equal "$ours" "$output"
}

@test "chunks: what it concludes is what its figures say" {
	run -0 lab 1 chunks
	run -0 awk '/^  chunk 1  / { one = $3 } /^  the default / { many = $3 }
		/^=> an item in a chunk costs/ { said = $8 }
		END { print (one / many >= 3 && said > 0.9 * one / many && said < 1.1 * one / many) }' <<<"$output"
	assert_output 1
}

# bats test_tags=long
@test "speedup: a row each for 1, 2, 4 ... and the most; one where there is one CPU" {
	for rows in "1|1" "2|1 2" "3|1 2 3" "4|1 2 4" "5|1 2 4 5"; do
		run -0 lab 1 speedup --workers="${rows%|*}"
		assert_all_held
		assert_equal "$(awk '/^ +[0-9]+ +[0-9.]+ ms/ { print $1 }' <<<"$output" | xargs)" "${rows#*|}"
	done
	run -0 timeout -k 2 30 taskset -c 0 "$BUILD/lab1" speedup
	assert_equal "$(awk '/^ +[0-9]+ +[0-9.]+ ms/ { print $1 }' <<<"$output" | xargs)" 1
}

# bats test_tags=long
@test "speedup: 64 workers and as many loops; it concludes by a row with a CPU for each" {
	run -0 lab 1 speedup --workers=64
	assert_all_held
	assert_line --regexp '^ +64 '
	run -0 timeout -k 2 30 taskset -c 0 "$BUILD/lab1" speedup --workers=64
	assert_line --regexp '^=> a pool of 2 reached'
}

@test "speedup: by the trace, too, the pool had a run as good as 0.8 of the loops" {
	trace speedup --workers=2
	[[ $output != *"too busy to tell"* ]] || return 0
	reached=$(sed -n 's/^=> a pool of 2 reached \([0-9.]*\) .*/\1/p' <<<"$output")
	# Twenty of each, if it has not begun anew: then the last five count.
	for name in "pool of 2" "2 bare loops"; do
		jq --arg name "$name" '.traceEvents[] | select(.ph == "X" and .name == $name).dur' "$trace" |
			awk '{ all[NR] = $1 }
				END { for (i = NR > 20 ? NR - 4 : 1; i <= NR; i++) print all[i] }' \
				>"$BATS_TEST_TMPDIR/${name%% *}"
	done
	pool=$(sort -n "$BATS_TEST_TMPDIR/pool" | head -n 1)
	loops=$(sort -n "$BATS_TEST_TMPDIR/2" | head -n 1)
	run -0 awk -v a="$reached" -v b="$loops" -v c="$pool" \
		'BEGIN { print (a >= 0.8 && b / c > 0.97 * a && b / c < 1.03 * a) }'
	assert_output 1
}

@test "speedup: twelve times the work takes longer" {
	took() { lab 1 speedup --workers=1 --work="$1" | awk '/^ +1 / { print $2 }'; }
	run -0 awk -v one="$(took 1)" -v twelve="$(took 12)" 'BEGIN { print (twelve >= 3 * one) }'
	assert_output 1
}

# --- exit, failure ----------------------------------------------------------------------

@test "exit: terminate drops, close and join finish" {
	run -0 lab 1 exit
	assert_all_held
	assert_line --regexp '^  terminate +2 +0 +6 +0$'
	assert_line --regexp '^  close, join +8 +8 +0 +0$'
}

@test "exit: two workers got SIGTERM, the other two ended by themselves" {
	calls kill exit
	assert_equal "$(count '^kill\([0-9]+, SIGTERM\) += 0$')" 2
	assert_equal "$(count '^kill\(.*SIGKILL')" 0
	assert_equal "$(count '\+\+\+ killed by SIGTERM')" 2
	assert_equal "$(count '\+\+\+ exited with 0')" 3 # and the lab
}

@test "exit: and so does CPython" {
	run -0 python <<-'END'
		from multiprocessing import get_context

		ctx = get_context('fork')
		begun, may_end = ctx.Semaphore(0), ctx.Semaphore(0)
		done = ctx.Value('i')

		def f(x):
		    begun.release()
		    may_end.acquire()
		    with done:
		        done.value += 1

		def fill():
		    done.value = 0
		    pool = ctx.Pool(2)
		    pool.map_async(f, range(8), chunksize=1)
		    begun.acquire()
		    begun.acquire()
		    return pool

		if __name__ == '__main__':
		    with fill():
		        pass
		    print(done.value)
		    pool = fill()
		    pool.close()
		    for _ in range(8):
		        may_end.release()
		    pool.join()
		    print(done.value)
	END
	assert_output $'0\n8'
}

@test "failure: the error that arrived first, as CPython" {
	run -0 lab 1 failure
	assert_all_held
	assert_line --partial "failed: 2; with their results: 6 of 8"
	assert_line --partial "the error told: 205, of item 5"
	run -0 python <<-'END'
		from multiprocessing import get_context

		ctx = get_context('fork')
		five_failed = ctx.Event()

		def f(x):
		    if x == 0:
		        five_failed.wait(20)
		    if x == 6:
		        five_failed.set()
		    if x in (0, 5):
		        raise ValueError(200 + x)

		if __name__ == '__main__':
		    with ctx.Pool(2) as p:
		        try:
		            p.map(f, range(8), chunksize=1)
		        except ValueError as e:
		            print(e)
	END
	assert_output 205
}

@test "failure: by the trace, item 5 failed before item 0, and all eight ran" {
	trace failure
	run -0 jq -r '[.traceEvents[] | select(.ph == "i") | {ts, name}] | sort_by(.ts) | map(.name) | join(", ")' "$trace"
	assert_output "item 5 fails, item 0 fails"
	assert_equal "$(spans item | wc -l)" 8
}

# --- killed -------------------------------------------------------------------------------

@test "killed: the item and the signal are named, the rest stands" {
	run -0 lab 1 killed
	assert_all_held
	assert_line --regexp 'worker 1, process [0-9]+, is at item 3: SIGKILL$'
	assert_line --partial "the map is over: 7 results, 1 lost, 2 workers"
	assert_line "=> the call returned; lost: item 3, by signal 9"
	assert_line "=> so is the one after an idle worker was killed"
}

@test "killed: by the trace, one item without an end, and a new process went on" {
	trace killed
	killed=$(sed -n 's/.*worker 1, process \([0-9]*\), is at item 3.*/\1/p' <<<"$output")
	# 8 + 8 + 8 items, one of which was begun and not ended: by the killed one.
	assert_equal "$(spans item | wc -l)" 23
	run -0 jq '[.traceEvents[] | select(.ph == "B") | .pid] | unique[]' "$trace"
	assert_output "$killed"
	# In the first map: two by the killed one, one by worker 2, four by the new one.
	spans map >"$BATS_TEST_TMPDIR/map"
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/map")" 1
	read -r _ end _ <"$BATS_TEST_TMPDIR/map"
	run -0 awk -v end="$end" '$2 < end { print $3 }' <(spans item)
	assert_equal "$(sort <<<"$output" | uniq -c | awk '{ print $1 }' | sort -n | xargs)" "1 2 4"
}

@test "killed: four processes were started, two killed, all reaped" {
	calls clone,clone3,fork,vfork,wait4 killed
	assert_equal "$(count '\+\+\+ killed by SIGKILL')" 2
	assert_equal "$(count '^(clone3?|v?fork)\(.* = [0-9]+$')" 4
	assert_equal "$(count '^wait4\([0-9]+, .* = [0-9]+$')" 4
}

# --- the end of a run ------------------------------------------------------------------------

@test "Ctrl-C in the middle of a scene ends all of its processes" {
	TERM=dumb run -130 on_terminal --on "Predict" '\x03' -- "$BUILD/lab1" speedup --workers=8 --work=500
	refute_line --partial "=>"
}

@test "the lab is killed, and takes its workers and loops with it" {
	for signal in KILL TERM INT; do
		env --default-signal=INT "$BUILD/lab1" speedup --workers=4 --work=500 \
			>"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
		until [ "$(our_processes | wc -l)" -ge 12 ]; do # 1 + 1 + 2 + 4 workers, 4 loops
			kill -0 $! 2>/dev/null || fail "it has ended: $(cat "$BATS_TEST_TMPDIR/output")"
		done
		kill -$signal $!
		wait $! || true
		no_process_left
	done
}

# --- wrong values ------------------------------------------------------------------------------

@test "--workers, --work: what is no whole number in the range is named" {
	for option in workers:64 work:500; do
		name=--${option%:*} most=${option#*:}
		refused 1 "$name: needs a whole number from 1 to $most" "$name"
		for text in many "" 0 -1 $((most + 1)) 1.5 1e2 0x10 " 1" "1 " 1s 99999999999999999999; do
			refused 1 "$name: '$text' is not a whole number from 1 to $most" "$name=$text"
		done
	done
}

# --- no luck -------------------------------------------------------------------------------------

# bats test_tags=storm
@test "again and again beside two busy loops: every run ends, all holds" {
	count=4
	[ "${STORM:-}" != full ] || count=200
	for loop in 1 2; do
		timeout 300 sh -c 'while :; do :; done' >/dev/null 2>&1 3>&- &
		busy[loop]=$!
	done
	for ((i = 0; i < count; i++)); do
		lab 1 by-hand order exit failure killed >"$BATS_TEST_TMPDIR/output" || break
	done
	kill "${busy[@]}"
	assert_equal "$i" "$count"
	run -0 cat "$BATS_TEST_TMPDIR/output"
	assert_all_held
}
