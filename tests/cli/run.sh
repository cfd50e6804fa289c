#!/bin/sh
# mote run with guests in real micro-VMs.
# shellcheck source=tests/cli/lib.sh
. "${0%/*}/lib.sh"

if ! "$MOTE" doctor >/dev/null 2>&1 && [ -z "${MOTE_REQUIRE_HV-}" ]; then
	echo 'skipped: no hypervisor; mote doctor says why'
	exit 77
fi

hello=cli-hello.elf
types=cli-types.elf
trouble=cli-trouble.elf
program=cli-program.elf

# Where no process may have a filter.
unfiltered()
{
	ran="without seccomp: mote $*"
	timeout -s KILL 30 "${NOFILTER:?}" "$MOTE" "$@" \
		>"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
	collect
}

# Runs a function of types.elf, whose imports are satisfied.
types()
{
	run run -H HostNumber=5 -H Note "$types" "$@"
}

types_json()
{
	run run --json -H HostNumber=5 -H Note "$types" "$@"
	err ''
}

# --- results of every type
# good FUNCTION ARGUMENT RESULT
good()
{
	types "$1" "$2"
	status 0
	out "$3$nl"
	err ''
}

good EchoI32 7 7
good EchoI32 -2147483648 -2147483648
good EchoI32 0x7fffffff 2147483647
good EchoI32 -0X10 -16
good EchoI32 007 7
good EchoU32 4294967295 4294967295
good EchoU32 0xFFFFFFFF 4294967295
good EchoI64 -9223372036854775808 -9223372036854775808
good EchoI64 9223372036854775807 9223372036854775807
good EchoU64 18446744073709551615 18446744073709551615
good EchoU64 0xffffffffffffffff 18446744073709551615
good EchoF32 0.1 0.1
good EchoF32 16777217 16777216
good EchoF32 nan nan
good EchoF64 0.1 0.1
good EchoF64 -0.0 -0
good EchoF64 1e300 1e+300
good EchoF64 3.141592653589793 3.141592653589793
good EchoF64 5e-324 5e-324
good EchoF64 -inf -inf
good EchoF64 nan nan
good EchoBool true true
good EchoBool 0 false
good EchoString 'two  words' 'two  words'
good EchoString '' ''
good EchoString -- --
good EchoString '@file' '@file'
good EchoString 'Grüße, 世界' 'Grüße, 世界'
good AskHost 1 5
good AskTwice 1 10
types Nothing
status 0
out ''
err ''
types Repeat ab 3
out "ababab$nl"

# Bytes are raw in a pipe and hex with --hex.
types EchoBytes 0x414243
status 0
out ABC
types EchoBytes ''
status 0
out ''
run run --hex -H HostNumber=5 -H Note "$types" EchoBytes 00FF10
status 0
out "00ff10$nl"
printf 'a\000b' >"$scratch/data"
run run --hex -H HostNumber=5 -H Note "$types" EchoBytes "@$scratch/data"
status 0
out "610062$nl"
run_with "$scratch/data" run -x -H HostNumber=5 -H Note "$types" EchoBytes @-
status 0
out "610062$nl"
run_with /dev/zero run "$types" EchoBytes "@no-such-file"
status 2
err_has "argument 1 (data): cannot read 'no-such-file': No such file"

# Standard input can be read once.
run_with "$types" run -H HostNumber=5 -H Note - EchoBytes @-
status 2
out ''
err "mote run: argument 1 (data): standard input is the GUEST already; give \
the bytes as @FILE$nl"
run_with "$scratch/data" run -x -H HostNumber=5 -H Note "$types" JoinBytes \
	@- @-
status 2
err "mote run: argument 2 (b): standard input is argument 1 (a) already; give \
the bytes as @FILE$nl"
run_with "$scratch/data" run -x -H HostNumber=5 -H Note "$types" JoinBytes \
	@- ff
status 0
out "610062ff$nl"
ran='mote run ... EchoBytes @- <&-'
"$MOTE" run -H HostNumber=5 -H Note "$types" EchoBytes @- \
	<&- >"$scratch/out" 2>"$scratch/err"
status=$?
collect
status 2
err "mote run: argument 1 (data): cannot read '-': Bad file descriptor$nl"

# A string result is passed on as it is.
types Wild
status 0
out "$(printf 'caf\351 \033[31mred\033[0m \302\233 \342\200\256')$nl"

# --- arguments
# bad FUNCTION ARGUMENT MESSAGE
bad()
{
	types "$1" "$2"
	status 2
	out ''
	err "mote run: argument 1 (value): $3$nl"
}

i32='is not an i32 (-2147483648 to 2147483647)'
u32='is not a u32 (0 to 4294967295)'
i64='is not an i64 (-9223372036854775808 to 9223372036854775807)'
u64='is not a u64 (0 to 18446744073709551615)'
f64='is not an f64 (1, -2.5, 1e9, nan, inf)'
bad EchoI32 abc "'abc' $i32"
bad EchoI32 '' "'' $i32"
bad EchoI32 2147483648 "'2147483648' $i32"
bad EchoI32 -2147483649 "'-2147483649' $i32"
bad EchoI32 0xffffffff "'0xffffffff' $i32"
bad EchoI32 1.5 "'1.5' $i32"
bad EchoI32 ' 1' "' 1' $i32"
bad EchoI32 +1 "'+1' $i32"
bad EchoI32 0x "'0x' $i32"
bad EchoU32 -1 "'-1' $u32"
bad EchoU32 4294967296 "'4294967296' $u32"
bad EchoI64 9223372036854775808 "'9223372036854775808' $i64"
bad EchoI64 99999999999999999999 "'99999999999999999999' $i64"
bad EchoU64 18446744073709551616 "'18446744073709551616' $u64"
bad EchoF64 1,5 "'1,5' $f64"
bad EchoF64 '' "'' $f64"
bad EchoF64 'nan(1)' "'nan(1)' $f64"
bad EchoF64 1e999 "'1e999' is too large for an f64"
bad EchoF32 1e39 "'1e39' is too large for an f32"
bad EchoBool yes "'yes' is not a bool (true, false, 1, 0)"
types EchoBytes abc
status 2
err "mote run: argument 1 (data): 'abc' is not bytes: 3 hex digits are not \
pairs$nl"
types EchoBytes zz
err "mote run: argument 1 (data): 'zz' is not bytes: write hex digits or \
@FILE$nl"
types Repeat ab abc
status 2
err "mote run: argument 2 (count): 'abc' $i32$nl"
types_json Repeat ab abc
status 2
json MOTE_E_SIGNATURE error name
json "argument 2 (count): 'abc' $i32" error text

types Repeat ab
status 2
err "mote run: Repeat takes 2 arguments, not 1
  Repeat(string text, i32 count) -> string$nl"
types EchoI32 1 2
status 2
err "mote run: EchoI32 takes 1 argument, not 2
  EchoI32(i32 value) -> i32$nl"

# --- which function
types Repeet ab 3
status 2
err "mote run: the guest has no function 'Repeet'
did you mean
  Repeat(string text, i32 count) -> string$nl"
types echo 3
status 2
err_has "did you mean$nl  EchoBool(bool value) -> bool$nl"
run run "$hello" Xyzzy
status 2
err "mote run: the guest has no function 'Xyzzy'
its functions:
  SayHello(string name) -> string$nl"
run run "$hello" --json SayHello
status 2
err "mote run: the guest has no function '--json'
options go before GUEST$nl"
run run "$hello"
status 2
err "mote run: the guest has no main; name the FUNCTION to call
its functions:
  SayHello(string name) -> string$nl"
run run --json "$hello"
status 2
json MOTE_E_NOT_FOUND error name

# --- host functions
run run "$hello" SayHello World
status 2
out ''
err_has 'GetWeekday'
err_has "$nl  --host GetWeekday=TEXT$nl"
# Two files import HostNumber: it is asked for once.
run run "$types" EchoI32 1
status 2
err_has "host functions: Note v(s), HostNumber i(i)$nl"
run run --json "$hello" SayHello World
status 2
json MOTE_E_IMPORT error name
run run --host GetWeekday=Sunday "$hello" SayHello World
status 0
out "greeting World
Hello World, it is Sunday$nl"
err ''
run run --host=GetWeekday= "$hello" SayHello World
status 0
out_has 'it is '
run run --host GetWeekdy=Sunday "$hello" SayHello World
status 2
err "mote run: --host: the guest imports no function 'GetWeekdy'
its imports:
  GetWeekday() -> string$nl"
run run -H HostNumbr=1 "$types" AskHost 1
status 2
err_has "${nl}  Note(string text) -> void  (posted)$nl"
run run -H HostNumber=x -H Note "$types" AskHost 1
status 2
err "mote run: --host HostNumber: 'x' $i32$nl"
run run -H HostNumber=1 -H Note=x "$types" AskHost 1
status 2
err "mote run: --host Note: 'x' is a value where there is none$nl"
# Each missing one is named once, those that are offered are not.
run run "$types" AskHost 1
status 2
err_has "$nl  --host HostNumber=0$nl"
err_has "$nl  --host Note$nl"
listed=$(printf '%s' "$err" | grep -c -e '^  --host')
[ "$listed" -eq 2 ] || complain 'missing imports listed' 2 "$listed"
run run -H HostNumber=1 "$types" AskHost 1
status 2
listed=$(printf '%s' "$err" | grep -e '^  --host')
[ "$listed" = '  --host Note' ] ||
	complain 'missing imports listed' '  --host Note' "$listed"
run run -H x=1 "$program" Seven
status 2
err_has 'it has no imports'

# The result may be in a file, which is read before the filter is there.
printf 'from\na file' >"$scratch/blob"
run run -H "Blob=@$scratch/blob" cli-asks.elf Fetch ''
status 0
err ''
out "from${nl}a file"
run_with "$scratch/blob" run --host Blob=@- cli-asks.elf Fetch ''
status 0
out "from${nl}a file"
run_with "$scratch/blob" run --host Blob=@- cli-asks.elf Fetch @-
status 2
err "mote run: --host Blob: standard input is argument 1 (before) already; \
give the bytes as @FILE$nl"
truncate -s 2M "$scratch/large"
run run -H "Blob=@$scratch/large" cli-asks.elf Fetch ''
status 2
err "mote run: --host Blob: 2097152 bytes do not fit into messages of 1048576; see --io$nl"
run run --io 4M -H "Blob=@$scratch/large" cli-asks.elf Fetch ''
status 0
run run -H "Blob=@$scratch/none" cli-asks.elf Fetch ''
status 2
err_has "--host Blob: cannot read '$scratch/none': No such file"

# --- main
run run "$program"
status 0
out ''
err "0 arguments$nl"
run run "$program" -- a 'b c' --json --
status 0
out "1: a
2: b c
3: --json
4: --$nl"
err "4 arguments$nl"
run run "$program" -- three
status 3
err "1 arguments$nl"
run run "$program" -- exit 42
status 42
run run -- "$program" Seven
status 0
out "7$nl"
run run --json "$program" -- exit 42
status 42
json null error
json 42 result value
json main function
json "1: exit${nl}2: 42" stdout
json '2 arguments' stderr
run_with "$program" run - Seven
status 0
out "7$nl"
# shellcheck disable=SC2046 # many words
run run "$program" -- $(seq 31)
status 0
err "31 arguments$nl"
# shellcheck disable=SC2046 # many words
run run "$program" -- $(seq 40)
status 2
err "mote run: main takes at most 31 arguments, not 40$nl"
run run cli-onlymain.elf the 'fat cat' -x
status 2
err "mote run: the guest has no function 'the'
it has no functions
to pass arguments to main: mote run cli-onlymain.elf -- the 'fat cat' -x$nl"
run run cli-onlymain.elf -n 1
status 2
err "mote run: the guest has no function '-n'
options go before GUEST
to pass arguments to main: mote run cli-onlymain.elf -- -n 1$nl"
run run "$program" -n 1
status 2
err_has "to pass arguments to main: mote run $program -- -n 1$nl"
run run "$program" Sevn
status 2
err "mote run: the guest has no function 'Sevn'
did you mean
  Seven() -> i32$nl"

# --- the ways to end
run run "$trouble" Divide 7 2
status 0
out "3$nl"
run run "$trouble" Divide 7 0
status 1
out ''
err "mote run: Divide returned error 7: division of 7 by zero$nl"
run run --json "$trouble" Divide 7 0
status 1
json MOTE_E_GUEST_ERROR error name
json 7 error guest_code
json 'division of 7 by zero' error text
json null result
run run "$trouble" FailWild
status 1
err_has 'mote run: FailWild returned error -5: bad ?[31m'

# crash FUNCTION KIND [ARGUMENT]: the registers and the place are shown.
crash()
{
	function=$1
	kind=$2
	shift 2
	run run "$trouble" "$function" "$@"
	status 3
	err_has "mote run: $function crashed: "
	err_has "${nl}backtrace$nl  #0   0x0000"
	err_has "${nl}registers$nl  rax     0"
	err_has '  rip     0'
	run run --json "$trouble" "$function" "$@"
	status 3
	err ''
	json MOTE_E_GUEST_FAULT error name
	json "$kind" error fault kind
}

crash WriteNull NULL_POINTER
json store_byte error fault function
json 0x0000000000000000 error fault address
json 'about to crash' stdout
run run "$trouble" WriteNull
out "about to crash$nl"
err_has ' in store_byte at '
err_has 'guests/trouble.c:'
err_has ' in WriteNull at '
run run --json "$trouble" WriteNull
json store_byte error backtrace 0 function
json WriteNull error backtrace 1 function
json null error backtrace 1 function_offset
json null core
crash WriteText WRITE
crash DivideByZero DIVIDE
json DivideByZero error fault function
crash Illegal ILLEGAL_INSTRUCTION
crash Overflow STACK_OVERFLOW
json deeper error fault function
crash WrongPort PRIVILEGED
crash Abort ABORT
json Abort error fault function
crash Assert ABORT 3
json Assert error fault function
run run "$trouble" Assert 3
err_has 'Assertion failed: value == 4711'
run run "$trouble" DivideByZero
err_has ' in DivideByZero at '
run run "$trouble" Overflow
err_has 'in deeper at '
err_has 'more of the same'
err_has '--stack sets'
run run --json -t 50ms "$trouble" Spin
json Spin error backtrace 0 function
json null error fault
run run cli-stripped.elf WriteNull
status 3
err_has 'mote run: WriteNull crashed'
err_has "$nl  #0   0x0000000000"
run run cli-broken.elf Nothing
status 3
err_has 'mote run: start of the guest: illegal instruction'
run run --json cli-broken.elf Nothing
status 3
json start error fault function

run run "$trouble" Exit 9
status 3
err_has "mote run: Exit: the guest called exit(9) during a call${nl}backtrace"
err_has ' in Exit at '
run run "$trouble" WrongResult
status 3
err_has 'mote run: WrongResult broke the protocol: '
run run -t 30s "$trouble" Flood
status 3
err_has 'mote run: Flood exceeded a limit: '
run run -t 30s --json "$trouble" Flood
status 3
json MOTE_E_OUTPUT error name
json true output_cut
run run --timeout 50ms "$trouble" Spin
status 4
err_has "mote run: Spin: the call ran longer than 50 ms
--timeout sets how long a call may take${nl}backtrace$nl"
err_has ' in Spin at '
run run -t0.05s --json "$trouble" Spin
status 4
json MOTE_E_DEADLINE error name

# The machine fails: no descriptor is left for the VM.
ran='mote run with few descriptors'
(
	# What we inherited would count.
	exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
	# shellcheck disable=SC3045 # dash, bash and busybox have it
	ulimit -n 4
	exec "$MOTE" run - Seven
) <"$program" >"$scratch/out" 2>"$scratch/err"
status=$?
collect
status 5
out ''
err_has 'Too many open files'

# No hypervisor: something else is in the place of /dev/kvm. What happens if
# none was asked for is in soft.sh.
hide='mount --bind /dev/null /dev/kvm'
if [ -e /dev/kvm ] && unshare -rm sh -c "$hide" 2>/dev/null; then
	ran='mote run without KVM'
	unshare -rm sh -c "$hide"' && exec "$@"' sh "$MOTE" run -b kvm "$program" \
		Seven >"$scratch/out" 2>"$scratch/err"
	status=$?
	collect
	status 5
	out ''
	err_has "${nl}'mote doctor' says what to do about it$nl"
	unshare -rm sh -c "$hide"' && exec "$@"' sh "$MOTE" run --json \
		-b kvm "$program" Seven >"$scratch/out" 2>"$scratch/err"
	status=$?
	collect
	status 5
	json MOTE_E_NO_HYPERVISOR error name
	# Nobody has to mend the machine to learn of a mistake.
	without_kvm()
	{
		ran="without KVM: mote $*"
		unshare -rm sh -c "$hide"' && exec "$@"' sh "$MOTE" "$@" \
			>"$scratch/out" 2>"$scratch/err" </dev/null
		status=$?
		collect
	}
	without_kvm run "$0"
	status 6
	err_has 'not an ELF file'
	without_kvm run "$program" Sevn
	status 2
	without_kvm run "$types" EchoI32 x
	status 2
	without_kvm run "$hello"
	status 2
	without_kvm run --backend kvm "$program"
	status 5
	err_has "${nl}'mote doctor' says what to do about it$nl"
	without_kvm run --json -b kvm "$program" Sevn
	status 2
	json null stats
	ran='mote inspect without KVM'
	unshare -rm sh -c "$hide"' && exec "$@"' sh "$MOTE" inspect \
		"$program" >"$scratch/out" 2>"$scratch/err"
	status=$?
	collect
	status 0
	ran='mote doctor without KVM'
	unshare -rm sh -c "$hide"' && exec "$@"' sh "$MOTE" doctor \
		>"$scratch/out" 2>"$scratch/err"
	status=$?
	collect
	status 5
else
	echo 'cannot hide /dev/kvm: nothing was tested without it'
fi

# --- sizes
run run --io 64K "$trouble" Large 100000
status 1
err "mote run: Large returned error -1: the result does not fit the I/O area
--io sets how large a message may be$nl"
run run --io 1M "$trouble" Large 100000
status 0
run run --io 64K -H GetWeekday=x "$hello" SayHello "$(head -c 70000 /dev/zero |
	tr '\000' x)"
status 2
err_has '--io sets how large a message may be'
run run -m 1 "$program" -- "$(head -c 20000 /dev/zero | tr '\000' x)"
status 3
err_has "mote: no heap left for the arguments of main${nl}mote run: main crashed"
run run --heap 1G --stack 64K "$program" Seven
status 0

# --- output
run run "$trouble" Speak
status 0
out "$(printf 'out \033[2Jcleared')said$nl"
err "$(printf 'err \007bell')$nl"
run run --json "$trouble" Speak
status 0
json said result value
json "$(printf 'out \033[2Jcleared')" stdout
json "$(printf 'err \007bell')" stderr

ran='mote run > /dev/full'
"$MOTE" run "$program" Seven >/dev/full 2>"$scratch/err"
status=$?
: >"$scratch/out"
collect
status 5
err "mote run: cannot write the output: No space left on device$nl"
"$MOTE" run --json "$program" Seven >/dev/full 2>"$scratch/err"
status=$?
collect
status 5
err "mote run: cannot write the output: No space left on device$nl"
"$MOTE" run "$trouble" Print 1 >/dev/full 2>"$scratch/err"
status=$?
collect
status 5

# A closed standard output loses nothing in silence.
closed()
{
	ran="mote $* >&-"
	timeout -s KILL 30 "$MOTE" "$@" >&- 2>"$scratch/err" </dev/null
	status=$?
	: >"$scratch/out"
	collect
}
for options in '' --json; do
	# shellcheck disable=SC2086 # none or one
	closed run $options "$program" Seven
	status 5
	err "mote run: cannot write the output: Bad file descriptor$nl"
done
closed run "$trouble" Print 1
status 5
closed run -H HostNumber=5 -H Note "$types" Nothing
status 0
err ''
ran='mote run 2>&-'
"$MOTE" run "$program" Seven >"$scratch/out" 2>&-
status=$?
: >"$scratch/err"
collect
status 0
out "7$nl"

# A reader that goes away ends it without a word, as any other tool.
ran='mote run | head -c 1'
{
	"$MOTE" run -t 10s "$trouble" Print 8000 2>"$scratch/err"
	echo $? >"$scratch/status"
} | head -c 1 >"$scratch/out"
status=$(cat "$scratch/status")
collect
status 141
out y
err ''

# --- repeat, statistics
types NextCall
out "1$nl"
run run -n 5 -H HostNumber=5 -H Note "$types" NextCall
status 0
out "5$nl"
run run --repeat 3 "$trouble" FailSecond
status 1
err "mote run: FailSecond returned error 2: the second call fails$nl"
run run --stats -n 10 "$program" Seven
status 0
out "7$nl"
err_has "backend      kvm$nl"
err_has "${nl}create       "
err_has "${nl}calls        10$nl"
err_has "${nl}call         min "
err_has "${nl}vm entries   11$nl"
err_has "${nl}host calls   0$nl"
run run --json -n 10 "$program" Seven
json kvm stats backend
json 10 stats calls
json 11 stats vm_entries
run run -b kvm "$program" Seven
status 0
run run --backend=auto "$program" Seven
status 0
run run --memory=paging "$program" Seven
status 0

# --- JSON of results
types_json EchoU64 18446744073709551615
status 0
out_has '{"result": {"type": "u64", "value": 18446744073709551615}, '
types_json EchoI64 -9223372036854775808
json -9223372036854775808 result value
json i64 result type
types_json EchoF64 nan
json nan result value
json f64 result type
types_json EchoF64 -inf
json -inf result value
types_json EchoF64 0.1
out_has '"value": 0.1}'
types_json EchoBool true
json true result value
types_json Nothing
json null result value
json void result type
types_json EchoBytes 00ff
json 00ff result value
types_json EchoString 'a"b\c'
json 'a"b\c' result value
json '(absent)' result hex
types_json Wild
json 636166e9201b5b33316d7265641b5b306d20c29b20e280ae result hex
json 0 exit

# --- what the process has given up while a guest runs
ran='mote run, looked at while it runs'
"$MOTE" run -t 2s "$trouble" Spin >/dev/null 2>"$scratch/err" &
pid=$!
wanted=0
[ "${SECCOMP:?}" = 1 ] && wanted=2
for _ in 1 2 3 4 5 6 7 8 9 10; do
	sleep 0.1
	cat "/proc/$pid/status" >"$scratch/out"
	grep -q "^Seccomp:.$wanted\$" "$scratch/out" && break
done
kill "$pid"
wait "$pid" 2>/dev/null
collect
out_has "NoNewPrivs:	1$nl"
out_has "Seccomp:	$wanted$nl"

# Where the system does not let it, doctor and run say so, and it runs.
if [ "$SECCOMP" = 1 ]; then
	run doctor
	out_has "  seccomp     mote run limits its system calls$nl"
	run doctor --json
	json true machine seccomp works
	unfiltered doctor
	status 0
	out_has '  seccomp     mote run cannot limit its system calls: Operation'
	unfiltered doctor --json
	json true machine seccomp built_in
	json false machine seccomp works
	json 1 machine seccomp errno
	unfiltered run "$program" Seven
	status 0
	out "7$nl"
	err "mote run: cannot limit its system calls: Operation not permitted$nl"
else
	run doctor
	out_has "  seccomp     not built into this mote$nl"
fi

# --- a terminal is protected from the guest
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
	run_in_terminal run "$trouble" Speak
	status 0
	out_has 'out \x1b[2Jcleared'
	out_has 'err \x07bell'
	# The result begins on a line of its own.
	out_has "$(printf 'cleared\r\nsaid\r')"
	run_in_terminal run -H HostNumber=5 -H Note "$types" Wild
	out_has 'caf\xe9 \x1b[31mred\x1b[0m \u009b \u202e'
	run_in_terminal run -H HostNumber=5 -H Note "$types" EchoBytes 00ff
	out_has 00ff
	run_in_terminal run "$trouble" Illegal
	status 3
	out_has "$(printf '\033[1;31mmote run:\033[0m Illegal crashed')"
	export NO_COLOR=1
	run_in_terminal run "$trouble" Illegal
	out_has 'mote run: Illegal crashed'
	unset NO_COLOR
	run_in_terminal run --json -H HostNumber=5 -H Note "$types" Wild
	out_has '\u009B'
else
	echo 'no script(1): nothing was tested in a terminal'
fi

finish
