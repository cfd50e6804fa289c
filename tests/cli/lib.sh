#!/bin/sh
# Functions of the scripts in this folder. Sourced, with MOTE, JSONGET and
# GUESTS (a folder) set by CMake.
#
#	run ARG...      runs mote; then $out, $err, $status are set
#	status N        what it ended with
#	out TEXT        exactly what it printed on standard output
#	err TEXT        the same for standard error
#	out_has TEXT    what the output contains
#	err_has TEXT
#	json VALUE KEY...   a member of the JSON on standard output

: "${MOTE:?}" "${JSONGET:?}" "${GUESTS:?}"
unset NO_COLOR MOTE_LOG MOTE_CC
export TERM=dumb
cd "$GUESTS" || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
checks=0
failures=0
ran=
out=
err=
status=

# Keeps newlines at the end, which $(...) drops.
slurp()
{
	cat -- "$1"
	printf .
}

run()
{
	ran="mote $*"
	timeout -s KILL 30 "$MOTE" "$@" \
		>"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
	collect
}

# The same with standard input from a file.
run_with()
{
	input=$1
	shift
	ran="mote $* < $input"
	timeout -s KILL 30 "$MOTE" "$@" \
		>"$scratch/out" 2>"$scratch/err" <"$input"
	status=$?
	collect
}

collect()
{
	# NUL bytes cannot be in a variable: no test prints them to one.
	out=$(slurp "$scratch/out" | tr '\000' '?')
	out=${out%.}
	err=$(slurp "$scratch/err" | tr '\000' '?')
	err=${err%.}
}

complain()
{
	failures=$((failures + 1))
	printf 'FAILED: %s\n' "$ran"
	printf '  %s\n' "$1"
	printf '  wanted:\n%s\n  got:\n%s\n' "$2" "$3"
	printf '  status %s, standard error:\n%s\n' "$status" "$err"
}

status()
{
	checks=$((checks + 1))
	[ "$status" = "$1" ] || complain 'exit status' "$1" "$status"
}

out()
{
	checks=$((checks + 1))
	[ "$out" = "$1" ] || complain 'standard output' "$1" "$out"
}

err()
{
	checks=$((checks + 1))
	[ "$err" = "$1" ] || complain 'standard error' "$1" "$err"
}

out_has()
{
	checks=$((checks + 1))
	case $out in
	*"$1"*) ;;
	*) complain 'standard output has not' "$1" "$out" ;;
	esac
}

err_has()
{
	checks=$((checks + 1))
	case $err in
	*"$1"*) ;;
	*) complain 'standard error has not' "$1" "$err" ;;
	esac
}

json()
{
	checks=$((checks + 1))
	wanted=$1
	shift
	got=$("$JSONGET" "$@" <"$scratch/out" 2>&1)
	[ "$got" = "$wanted" ] || complain "JSON member $*" "$wanted" "$got"
}

# A program in a terminal; its output is in $out, with \r\n at line ends.
run_in_terminal()
{
	ran="in a terminal: mote $*"
	line="'$MOTE'"
	for word in "$@"; do
		line="$line '$word'"
	done
	TERM=xterm timeout -s KILL 30 script -qec "$line" /dev/null \
		</dev/null >"$scratch/out" 2>/dev/null
	status=$?
	: >"$scratch/err"
	collect
}

finish()
{
	printf '%s checks, %s failed\n' "$checks" "$failures"
	[ "$failures" -eq 0 ]
	exit
}

# shellcheck disable=SC2034 # for the scripts
nl='
'
