#!/bin/sh
# The command where no guest runs: options, wrong use, files, inspect.
# shellcheck source=tests/cli/lib.sh
. "${0%/*}/lib.sh"

# --- the command itself
run
status 2
out ''
err_has 'usage: mote COMMAND'

for words in help --help -h; do
	run $words
	status 0
	out_has 'usage: mote COMMAND'
	err ''
done

for command in run debug inspect core bench doctor; do
	run help $command
	status 0
	out_has "usage: mote $command"
	err ''
	help=$out
	run $command --help
	status 0
	out "$help"
	run $command -h
	status 0
	out "$help"
	# What the help lists is what the completion offers.
	for option in $(printf '%s' "$help" | grep -o '^ .*--[a-z]*' |
		grep -o -- '--[a-z]*'); do
		grep -q -- "$option" "$COMPLETION" ||
			complain 'completion lacks' "$option" ''
		grep -q -- "Fl -${option#--}" "$MAN/mote-$command.1" ||
			complain 'the man page lacks' "$option" ''
	done
done
run help help
status 0
run help nothing
status 2
err "mote: there is no command 'nothing'; see 'mote help'$nl"
run help run inspect
status 2

for words in version --version -V; do
	run $words
	status 0
	out_has 'mote 0.'
	err ''
done
run version x
status 2
run -v
status 2
err "mote: there is no option '-v'; did you mean -V?$nl"
run --json run
status 2
err "mote: there is no option '--json'; see 'mote help'$nl"

run rum
status 2
err "mote: there is no command 'rum'; did you mean 'mote run'?$nl"
run qqqq
status 2
err "mote: there is no command 'qqqq'; see 'mote help'$nl"
run ''
status 2
err "mote: there is no command ''; see 'mote help'$nl"
# A name cannot steer the terminal.
run "$(printf 'a\033[2Jb')"
status 2
err "mote: there is no command 'a\\x1b[2Jb'; see 'mote help'$nl"

# --- options of run
usage()
{
	wanted=$1
	shift
	run run "$@"
	status 2
	out ''
	err "mote run: $wanted$nl"
	# The same error as JSON, wherever --json stands among the options.
	run run --json "$@"
	status 2
	err ''
	json "$wanted" error text
	json 2 exit
	json null result
}

usage "no GUEST given; see 'mote run --help'"
usage "no GUEST given; see 'mote run --help'" --
usage "--timeout: '5x' is not a duration; write 100ms, 2s, 1m" --timeout 5x g
usage "--timeout: '5x' is not a duration; write 100ms, 2s, 1m" --timeout=5x g
usage "--timeout: '5x' is not a duration; write 100ms, 2s, 1m" -t 5x g
usage "--timeout: '' is not a duration; write 100ms, 2s, 1m" --timeout= g
usage "--timeout: '-1s' is not a duration; write 100ms, 2s, 1m" -t -1s g
usage "--timeout: '100' has no unit; write 100ms, 2s, 1m" -t 100 g
usage "--timeout: '0s' is zero; a call needs some time" -t 0s g
usage "--timeout: '9999999h' is too long; at most 8760h" -t 9999999h g
usage "--heap: 'big' is not a size; write 65536, 512K, 64M, 1G" --heap big g
usage "--heap: '64GB' is not a size; write 65536, 512K, 64M, 1G" -m 64GB g
usage "--heap: '65G' is more than 64 GiB" --heap 65G g
usage "--heap: '99999999999T' is more than 64 GiB" -m 99999999999T g
usage "--heap: '99999999999999999999' is more than 64 GiB" \
	-m 99999999999999999999 g
usage "--heap: '0' is zero" --heap 0 g
usage "--stack: '2G' is more than 1 GiB" --stack 2G g
usage "--io: '2G' is more than 1 GiB" --io=2G g
usage "--repeat: '0' is zero; the least is 1" --repeat 0 g
usage "--repeat: '-1' is not a whole number" -n -1 g f
usage "--repeat: '1000001' is more than 1000000" -n 1000001 g f
usage "--repeat: '99999999999999999999' is more than 1000000" \
	-n 99999999999999999999 g f
usage "--repeat: '2x' is not a whole number" -n 2x g f
usage '--repeat needs a FUNCTION: main and bare guests run once' -n 2 g
usage '--repeat needs a FUNCTION: main and bare guests run once' -n 2 g -- f
usage '--timeout needs a value' --timeout
usage '--heap needs a value' -m
usage '--stats takes no value' --stats=1 g
usage "there is no option '--timeot'; did you mean --timeout?" --timeot=5s g
usage "there is no option '--nonsense'" --nonsense g
usage "there is no option '-q'" -q g
usage "there is no option '-q'" -sq g
usage "--host: '=x' has no name; write NAME=TEXT" --host =x g
usage "--host: 'A=2' names a function a second time" -H A=1 -H A=2 g
run run --backend abacus g f
status 2
err_has '--backend: there is no backend "abacus" in this library; "kvm" is '
run run --backend "$(printf 'a\033b')" g f
status 2
err_has "' is not a backend; there is auto, kvm"
usage "--memory: 'abacus' is not auto or paging" --memory abacus g f
# The first mistake counts.
usage "--heap: 'x' is not a size; write 65536, 512K, 64M, 1G" -m x -t y g
run run -t 5x --json g
status 2
err ''
json MOTE_E_INVALID error name

# --- completion in bash
# completes RESULT WORD...: what the last of the words becomes; all on a line.
completes()
{
	wanted=$1
	shift
	ran="completion of $*"
	# shellcheck disable=SC2016 # for bash
	PATH=${MOTE%/*}:$PATH bash -c '. "$1"
		shift
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		case $1 in
		mote) _mote ;;
		mote-cc) _mote_cc ;;
		esac
		IFS=" "
		printf "%s" "${COMPREPLY[*]}"' bash "$COMPLETION" "$@" \
		>"$scratch/out" 2>"$scratch/err"
	status=$?
	collect
	status 0
	out "$wanted"
	err ''
}

if command -v bash >/dev/null; then
	mkdir "$scratch/files" "$scratch/files/sub"
	: >"$scratch/files/source.c"
	completes 'run' mote ru
	completes SayHello mote run cli-hello.elf ''
	completes -- mote run cli-onlymain.elf ''
	completes "Seven$(printf ' ')--" mote run cli-program.elf ''
	completes "$scratch/files/source.c" \
		mote run cli-program.elf -- "$scratch/files/so"
	completes "@$scratch/files/source.c" \
		mote run cli-types.elf EchoBytes "@$scratch/files/so"
	completes "@$scratch/files/sub/" \
		mote run cli-types.elf EchoBytes "@$scratch/files/su"
	completes "$scratch/files/source.c" mote-cc "$scratch/files/so"
	completes --print-flags mote-cc --pr
else
	echo 'no bash: its completion was not tested'
fi

# --- man pages: nobody else's system at their foot
if command -v mandoc >/dev/null; then
	for page in "$MAN"/*.1; do
		ran="man ${page##*/}"
		out=$(mandoc -T ascii "$page" | tail -n 1)
		out_has 'Mote '
		mandoc -T lint -W warning "$page" >"$scratch/err" ||
			complain 'mandoc' '' "$(cat "$scratch/err")"
	done
fi

# --- files
for command in run inspect; do
	run $command no-such-file
	status 6
	out ''
	err "mote $command: no-such-file: No such file or directory$nl"
	run $command --json no-such-file
	status 6
	json 2 error errno
	json MOTE_E_OS error name
	run $command "$GUESTS"
	status 6
	case $command in
	run) err "mote run: $GUESTS: Is a directory$nl" ;;
	*) err_has 'oci-layout' ;;
	esac
	run $command "$(printf 'no\nfile\033')"
	status 6
	err "mote $command: no\\nfile\\x1b: No such file or directory$nl"
done
echo 'int main(void) { return 0; }' >"$scratch/text"
run inspect "$scratch/text"
status 6
err_has 'not an ELF file'
run inspect --json "$scratch/text"
status 6
json 107 error code
run inspect "$MOTE"
status 6
head -c 5000 cli-hello.elf >"$scratch/short"
run inspect "$scratch/short"
status 6
: >"$scratch/empty"
run inspect "$scratch/empty"
status 6
err "mote inspect: $scratch/empty: the file is empty$nl"
run run /dev/null
status 6
err "mote run: /dev/null: the file is empty$nl"
run run --json - f
status 6
json '-: the file is empty' error text
json MOTE_E_IMAGE error name
cp "$OBJECT" "$scratch/guest.o"
run inspect "$scratch/guest.o"
status 6
err_has "guest.o: "
err_has "an object file; link it with mote-cc$nl"
chmod 0 "$scratch/text"
if [ "$(id -u)" -ne 0 ]; then
	run inspect "$scratch/text"
	status 6
	err_has 'Permission denied'
fi

# --- inspect
run inspect
status 2
err "mote inspect: no GUEST given; see 'mote inspect --help'$nl"
run inspect a b
status 2
err "mote inspect: takes one GUEST; options go before it$nl"
run inspect --jsn a
status 2
err "mote inspect: there is no option '--jsn'; did you mean --json?$nl"
run inspect --json
status 2
json MOTE_E_INVALID error name

run inspect cli-hello.elf
status 0
err ''
out_has 'cli-hello.elf: Mote guest, '
out_has "main   no$nl"
out_has "${nl}functions$nl  SayHello(string name) -> string$nl"
out_has "${nl}imports$nl  GetWeekday() -> string$nl"
out_has '  r-x  '
out_has '  rw-  '
run_with cli-hello.elf inspect -
status 0
out_has 'SayHello(string name) -> string'
run inspect cli-types.elf
status 0
out_has '  Note(string text) -> void  (posted)'
out_has '  HostNumber(i32 seed) -> i32'
out_has '  Repeat(string text, i32 count) -> string'
run inspect cli-program.elf
status 0
out_has "main   yes$nl"
out_has "${nl}imports$nl  none$nl"
run inspect --json cli-types.elf
status 0
err ''
json null error
json guest kind
json false has_main
json 1 abi_version
json Note imports 0 name
json true imports 0 posted
json false imports 1 posted
# Imported by two files, shown once.
json '(absent)' imports 2
json 'AskHost(i32 seed) -> i32' functions 0 prototype
json i32 functions 0 parameters 0 type
json seed functions 0 parameters 0 name
json 'r-x' segments 1 protection
"$MOTE" inspect cli-hello.elf >/dev/full 2>"$scratch/err"
status=$?
ran='mote inspect > /dev/full'
collect
status 5
err "mote inspect: cannot write the output: No space left on device$nl"

# Without descriptors 0 to 2 no file takes their place.
ran='mote inspect with closed descriptors'
"$MOTE" inspect cli-hello.elf >&- 2>&- <&-
status=$?
status 5
"$MOTE" version >&- 2>"$scratch/err"
status=$?
ran='mote version >&-'
collect
status 5
err "mote: cannot write the output: Bad file descriptor$nl"

finish
