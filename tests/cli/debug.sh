#!/bin/sh
# mote debug and mote run --gdb, with the real gdb, typed as they say.
# shellcheck source=tests/cli/lib.sh
. "${0%/*}/lib.sh"

if ! command -v gdb >/dev/null; then
	echo 'no gdb: nothing was tested'
	exit 77
fi
"$MOTE" doctor >/dev/null
if [ $? -eq 5 ]; then
	echo 'no hypervisor: nothing was tested'
	exit 77
fi

# Starts mote in the background and waits until it says that it listens, at
# $socket. Nothing is tried again: that must be so.
begin()
{
	ran="mote $*"
	: >"$scratch/err"
	timeout -s KILL 50 "$MOTE" "$@" >"$scratch/out" 2>"$scratch/err" \
		</dev/null &
	pid=$!
	socket=
	while kill -0 "$pid" 2>/dev/null; do
		socket=$(sed -n "s/.*'*target remote \([^']*\)'.*/\1/p" \
			"$scratch/err")
		[ -n "$socket" ] && break
		sleep 0.01
	done
}

# The line that mote has printed, with commands behind it.
debugger()
{
	line=$(sed -n 's/^    //p' "$scratch/err")
	eval "timeout -s KILL 40 $line -nx -batch $1" \
		>"$scratch/gdb" 2>&1 </dev/null
}

end()
{
	wait "$pid"
	status=$?
	collect
}

gdb_has()
{
	checks=$((checks + 1))
	grep -q -- "$1" "$scratch/gdb" ||
		complain 'what gdb printed' "$1" "$(cat "$scratch/gdb")"
}

gone()
{
	checks=$((checks + 1))
	if [ -e "${socket%/*}" ]; then
		complain "the socket's folder" 'gone' "$socket"
	fi
}

begin debug --host GetWeekday=Sunday cli-hello.elf SayHello World
checks=$((checks + 1))
[ "$(stat -c %a "${socket%/*}")" = 700 ] ||
	complain 'mode of the folder' 700 "$(stat -c %a "${socket%/*}")"
wanted=0
[ "${SECCOMP:?}" = 1 ] && wanted=2
grep -q "^Seccomp:.$wanted\$" "/proc/$(pgrep -P "$pid")/status" ||
	complain 'the filter' "$wanted" ''
debugger "-ex 'break SayHello' -ex continue -ex backtrace -ex detach"
end
status 0
out "greeting World${nl}Hello World, it is Sunday$nl"
err_has 'mote debug: the guest waits for gdb; in another terminal:'
err_has "    gdb -ex 'target remote $socket' cli-hello.elf$nl"
gdb_has '^Breakpoint 1, .*SayHello'
gdb_has '^#1 .* mote_invoke_SayHello'
gone

begin debug --host GetWeekday=Sunday cli-hello.elf SayHello World
debugger '-ex kill'
end
status 4
err_has 'mote debug: '
err_has 'the debugger killed the guest'
gone

# Whoever gives up waiting.
ran='mote debug, ended by a signal'
"$MOTE" debug cli-program.elf -- >"$scratch/out" 2>"$scratch/err" &
pid=$!
socket=
while [ -z "$socket" ]; do
	socket=$(sed -n "s/.*target remote \([^']*\)'.*/\1/p" "$scratch/err")
	kill -0 "$pid" || break
	sleep 0.01
done
kill -TERM "$pid"
end
status 143
gone

# One that the user has named is not left, either.
for number in INT TERM; do
	begin run --gdb "unix:$scratch/here" cli-program.elf -- one
	# timeout may be in fork() still, for all it knows, and would go alone.
	kill -"$number" "$(pgrep -P "$pid")"
	end
	checks=$((checks + 1))
	[ ! -e "$scratch/here" ] || complain 'the socket is' gone 'there'
done
begin run --gdb "unix:$scratch/here" cli-program.elf -- one
debugger "-ex 'break main' -ex continue -ex 'continue'"
end
gdb_has '^Breakpoint 1, '
gdb_has '^\[Inferior 1 (Remote target) exited'
err_has "target remote $scratch/here"

# Nobody is asked to type what would not work.
run run --gdb nowhere cli-program.elf
status 2
err 'mote run: gdb: "nowhere" is neither unix:PATH nor tcp:PORT'"$nl"
run run --gdb tcp:0x10 cli-program.elf
status 2
err 'mote run: gdb: "tcp:0x10": a port is 0 to 65535'"$nl"
run run --gdb "unix:$scratch" cli-program.elf
status 5
err "mote run: gdb: unix:$scratch: Address already in use$nl"
run debug --gdb "unix:$scratch/none/socket" cli-program.elf
status 5
err "mote debug: gdb: unix:$scratch/none/socket: No such file or directory$nl"
run debug cli-hello.elf SayHello World
status 2
case $err in
*'waits for gdb'*) complain 'without an import' 'no invitation' "$err" ;;
esac
err_has 'mote debug: the guest needs host functions: GetWeekday'
run debug
status 2
err "mote debug: no GUEST given; see 'mote debug --help'$nl"

# A name that a shell would not read as it stands.
cp cli-hello.elf "$scratch/it's.elf"
begin debug --host GetWeekday=Sunday "$scratch/it's.elf" SayHello World
debugger "-ex 'break SayHello' -ex detach"
end
status 0
gdb_has '^Breakpoint 1 at '
gone

# A guest for another CPU, and the gdb that is named for it.
foreign=$KERNELS/vm-aarch64-aarch64.elf
if [ ! -e "$foreign" ] || [ "$(uname -m)" = aarch64 ]; then
	echo 'no guest for another CPU: this was not tested with one'
	finish
fi
if ! command -v gdb-multiarch >/dev/null; then
	echo 'no gdb-multiarch: guests for another CPU were not tested'
	finish
fi
begin debug -b soft "$foreign" ClockRuns
debugger "-ex 'break ClockRuns' -ex continue -ex stepi -ex backtrace -ex detach"
end
status 0
out "true$nl"
err_has "    gdb-multiarch -ex 'target remote $socket' $foreign$nl"
gdb_has '^Breakpoint 1, .*ClockRuns'
gdb_has '^#1 .* mote_invoke_ClockRuns'
gone
begin run -b soft --gdb "unix:$scratch/there" "$foreign" ClockRuns
debugger '-ex kill'
end
status 4
err_has "gdb-multiarch -ex 'target remote $scratch/there' $foreign$nl"
err_has 'the debugger killed the guest'

finish
