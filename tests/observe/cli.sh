#!/bin/sh
# mote run: MOTE_LOG, --trace, --metrics.
# shellcheck source=tests/cli/lib.sh
. "${LIB:?}"

if ! "$MOTE" doctor >/dev/null 2>&1 && [ -z "${MOTE_REQUIRE_HV-}" ]; then
	echo 'skipped: no hypervisor; mote doctor says why'
	exit 77
fi

guest=cli-watched.elf
file=$scratch/file
other=$scratch/other

trace_has()
{
	checks=$((checks + 1))
	python3 "${HERE:?}/trace.py" "$@" ||
		complain 'a trace' "$*" "$(cat "$1")"
}

metrics_have()
{
	checks=$((checks + 1))
	python3 "$HERE/prometheus.py" "$@" ||
		complain 'metrics' "$*" "$(cat "$1")"
}

# --- log messages
# logged FILTER TEXT
logged()
{
	MOTE_LOG=$1
	export MOTE_LOG
	run run "$guest" Parse x
	status 0
	out "7$nl"
	unset MOTE_LOG
}

unset MOTE_LOG
run run "$guest" Parse x
status 0
out "7$nl"
err_has "error parser: an error: x ("
err_has "guest.c:9)$nl"
case $err in *information*) complain 'no information' '' "$err" ;; esac
logged off
err ''
logged ''
err_has 'error parser: an error: x ('
logged 'parser=info, off'
err_has 'info  parser: some information ('
logged 'DEBUG'
err_has 'debug parser: to debug ('
err_has 'debug mote: sandbox created'
logged 'mote=debug,off'
err "debug mote: sandbox created$nl"

# What a guest says stays in its line and off the terminal's controls.
run run "$guest" Parse "$(printf 'a\nb\033[1mc')"
err_has 'error parser: an error: a\nb\x1b[1mc ('

MOTE_LOG=parser=loud
export MOTE_LOG
run run "$guest" Parse x
status 2
out ''
err_has 'mote run: MOTE_LOG: entry 1, "parser=loud": not a level'
unset MOTE_LOG

# The command says what happened anyway; not twice unless asked to.
run run "$guest" Crash
status 3
case $err in *error*mote*) complain 'nothing of mote' '' "$err" ;; esac
MOTE_LOG=info
export MOTE_LOG
run run "$guest" Crash
err_has 'info  parser: last words ('
err_has 'error mote: Crash: use of a NULL pointer'
unset MOTE_LOG

# JSON is for programs; messages are not part of it.
run run --json "$guest" Parse x
json 7 result value
json '' stderr
err_has 'error parser: an error: x ('

# More than the limit of a second: those that were dropped are counted.
MOTE_LOG=warn
export MOTE_LOG
run run "$guest" Chatter 900
status 0
case $err in *dropped*) complain 'nothing is dropped' '' "$err" ;; esac
for option in '' --json; do
	# shellcheck disable=SC2086 # none or one
	run run -t 30s $option --metrics "$file" "$guest" Chatter 5000
	status 0
	dropped=$(sed -n 's/^mote_log_dropped_total //p' "$file")
	shown=$(printf '%s' "$err" | grep -c ' parser: message ')
	if [ "$dropped" -eq 0 ] || [ $((shown + dropped)) -ne 5000 ]; then
		complain 'shown and dropped' 5000 "$shown, $dropped"
	fi
	err_has "${nl}mote run: $dropped log messages dropped$nl"
done
unset MOTE_LOG
run run "$guest" Chatter 5000
err ''

if command -v script >/dev/null; then
	run_in_terminal run "$guest" HalfLine
	out_has "half a line"
	out_has "$(printf '\r\n\033[1;31merror\033[0m \033[1mparser\033[0m: ')"
fi

# --- traces
run run --trace "$file" "$guest" Parse x
status 0
out "7$nl"
trace_has "$file" init 'create sandbox' 'parse in Parse' \
	'parsed in parse' 'init in create sandbox'
run run --trace="$file" "$guest" Crash
status 3
trace_has "$file" 'crash in Crash' \
	'MOTE_E_GUEST_FAULT: null_pointer in Crash'
run run --trace "$file" "$guest" --
status 3
out "main$nl"
trace_has "$file" 'body in main'
run run --repeat 50 --trace "$file" "$guest" Parse x
trace_has "$file" 'parsed in parse'

# --- metrics
run run --metrics "$file" "$guest" Parse x
status 0
metrics_have "$file" mote_calls_total=2 mote_sandboxes_created_total=1 \
	mote_sandboxes=1 mote_call_seconds_count=2 'mote_vm_entries_total>1' \
	mote_guest_seconds_count=2 'mote_guest_seconds_sum>0' \
	mote_log_records_total=1 'mote_call_seconds_sum>0' \
	'mote_faults_total{kind="null_pointer"}=0'
run run --repeat 20 --trace "$other" --metrics "$file" "$guest" Parse x
metrics_have "$file" mote_calls_total=21
trace_has "$other" parse
run run --metrics "$file" "$guest" Crash
status 3
metrics_have "$file" 'mote_faults_total{kind="null_pointer"}=1'

# --- files that cannot be written
run run --trace /nonexistent/file "$guest" Parse x
status 2
out ''
err "mote run: --trace: /nonexistent/file: No such file or directory$nl"
run run --metrics "$scratch" "$guest" Parse x
status 2
err_has "Is a directory"
# Neither waits for a reader, nor writes over the guest.
mkfifo "$scratch/fifo"
run run --trace "$scratch/fifo" "$guest" Parse x
status 2
err_has '--trace: '
cp "$guest" "$scratch/guest.elf"
for option in --trace --metrics; do
	run run "$option" "$scratch/guest.elf" "$scratch/guest.elf" Parse x
	status 2
	err_has "$option: $scratch/guest.elf: that is the guest"
	cmp -s "$guest" "$scratch/guest.elf" ||
		complain 'the guest is' 'as before' 'changed'
done
run run --metrics /dev/stderr "$guest" Parse x
status 0
err_has 'mote_calls_total'
# unwritten OPTION WORDS: that is a failure if nothing else failed.
unwritten()
{
	run run "$1" /dev/full "$guest" Parse x
	status 5
	out "7$nl"
	err_has "${nl}mote run: $2 written: No space left on device$nl"
	run run --json "$1" /dev/full "$guest" Parse x
	status 5
	json MOTE_E_OS error name
	json "$2 written: No space left on device" error text
	json 28 error errno
	key=$(printf '%s' "${1#--}" | tr - _)
	json /dev/full "$key" file
	json 'No space left on device' "$key" error
	# What the guest did wrong counts for more.
	run run "$1" /dev/full "$guest" Crash
	status 3
	err_has 'mote run: Crash crashed: '
	err_has "${nl}mote run: $2 written: No space left on device$nl"
	run run --json "$1" /dev/full "$guest" Crash
	status 3
	json MOTE_E_GUEST_FAULT error name
	json 'No space left on device' "$key" error
	# So does the status of main.
	run run "$1" /dev/full cli-exits.elf
	status 7
	err "mote run: $2 written: No space left on device$nl"
}

if [ -c /dev/full ]; then
	unwritten --trace 'no trace was'
	unwritten --metrics 'no metrics were'
	unwritten --profile 'no profile was'
	unwritten --heap-profile 'no heap profile was'
	# The first is the failure, others are lines of their own.
	run run --trace /dev/full --metrics /dev/full "$guest" Parse x
	status 5
	[ "$(printf '%s' "$err" | grep -c ' written: ')" -eq 2 ] ||
		complain 'each' 'once' "$err"
fi
run run --json --trace "$file" --metrics "$other" "$guest" Parse x
json "$file" trace file
json null trace error
json "$other" metrics file
run run --json "$guest" Parse x
json null trace
json null metrics
# --- standard output, and one file for two
run run --metrics - "$guest" Parse x
status 0
out_has "7$nl# HELP mote_"
run run --trace - "$guest" Parse x
status 0
printf '%s' "${out#7"$nl"}" >"$file"
trace_has "$file" 'parsed in parse'
run run --heap-profile - "$guest" Parse x
status 0
out_has "7${nl}heap of "
run run --profile - "$guest" Parse x
out_has '<svg'
case $err in *wrote*) complain 'what is seen is' 'not announced' "$err" ;; esac
run run --json --metrics - "$guest" Parse x
status 2
json "--metrics: '-' is standard output, which is for --json" error text
run run --core - "$guest" Parse x
status 2
err "mote run: --core: -: not a regular file$nl"
ran='mote run --metrics - >&-'
"$MOTE" run --metrics - cli-exits.elf >&- 2>"$scratch/err"
status=$?
collect
status 7
err "mote run: no metrics were written: Bad file descriptor$nl"
ran='mote run --trace - > FILE'
"$MOTE" run --trace - "$guest" Parse x >"$file" 2>"$scratch/err"
[ "$(head -n 1 "$file")" = 7 ] || complain 'the result' 7 "$(cat "$file")"

# twice OPTION FILE OPTION FILE
twice()
{
	echo kept >"$scratch/kept"
	run run "$1" "$2" "$3" "$4" "$guest" Parse x
	status 2
	out ''
	err "mote run: $3: '$4' is the file of $1$nl"
	[ "$(cat "$scratch/kept")" = kept ] ||
		complain 'the file' kept "$(cat "$scratch/kept")"
}

echo kept >"$scratch/kept"
ln "$scratch/kept" "$scratch/linked"
# The quotation in the message is cut if it is long.
cd "$scratch" || exit 1
guest=$GUESTS/$guest
twice --trace kept --metrics kept
twice --profile kept --heap-profile kept
twice --core kept --trace linked
twice --trace - --metrics -
twice --trace new --metrics new
[ ! -e new ] || complain 'a new file' 'not there' there
run run --trace /dev/null --metrics /dev/null "$guest" Parse x
status 0

# A wrong command does not empty a file.
echo kept >"$file"
run run --trace "$file" "$guest" NoSuch
status 2
checks=$((checks + 1))
[ "$(cat "$file")" = kept ] || complain 'the file' kept "$(cat "$file")"

finish
