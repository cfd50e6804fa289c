#!/bin/sh
# mote run and SIGINT, SIGTERM: what was asked for is written all the same.
# shellcheck source=tests/cli/lib.sh
. "${0%/*}/lib.sh"

if ! "$MOTE" doctor >/dev/null 2>&1 && [ -z "${MOTE_REQUIRE_HV-}" ]; then
	echo 'skipped: no hypervisor; mote doctor says why'
	exit 77
fi
# What a shell starts in the background ignores SIGINT otherwise.
if ! env --default-signal=INT true 2>/dev/null; then
	echo 'skipped: env cannot reset signals'
	exit 77
fi

trouble=cli-trouble.elf
files="--core $scratch/core --trace $scratch/trace --metrics $scratch/metrics
--profile $scratch/profile.svg --heap-profile $scratch/heap"

# Starts mote in the background; -t ends it if nothing else does. The shell
# empties the files in the child, perhaps after somebody has looked.
begin()
{
	ran="mote $*"
	: >"$scratch/out"
	env --default-signal=INT "$MOTE" "$@" >"$scratch/out" \
		2>"$scratch/err" </dev/null &
	pid=$!
}

# Until the guest has said that it spins.
spins()
{
	until grep -q spinning "$scratch/out" || ! kill -0 "$pid"; do
		sleep 0.01
	done
}

# Until mote, which the process is after two others, has a handler for the
# signal: then the guest is there.
caught()
{
	while kill -0 "$pid"; do
		cat "/proc/$pid/status" >"$scratch/process"
		grep -q '^Name:.mote$' "$scratch/process" &&
			grep -q '^SigCgt:.*[2367abef]$' "$scratch/process" &&
			break
		sleep 0.01
	done
}

end()
{
	wait "$pid"
	status=$?
	collect
}

for name in INT TERM; do
	rm -f "$scratch"/core "$scratch"/trace "$scratch"/metrics \
		"$scratch"/profile.svg "$scratch"/heap
	# shellcheck disable=SC2086 # many words
	begin run -t 20s $files "$trouble" SpinLoudly
	spins
	kill -s "$name" "$pid"
	end
	[ "$name" = INT ] && number=130 || number=143
	status "$number"
	out "spinning$nl"
	err_has "mote run: SpinLoudly: ended by SIG$name${nl}backtrace$nl"
	err_has ' in SpinLoudly at '
	err_has 'mote run: wrote a core'
	for file in core trace metrics profile.svg heap; do
		checks=$((checks + 1))
		[ -s "$scratch/$file" ] || complain "$file is" written empty
	done
	grep -q '^mote_cancels_total 1$' "$scratch/metrics" ||
		complain 'metrics' 'mote_cancels_total 1' ''
	run core "$scratch/core"
	status 0
	out_has "status     MOTE_E_CANCELLED$nl"
	out_has ' in SpinLoudly at '
done

begin run --json -t 20s "$trouble" Spin
caught
kill -s INT "$pid"
end
status 130
json MOTE_E_CANCELLED error name
json 'ended by SIGINT' error text
json 130 exit

# Between two calls, or in one: no further one begins.
begin run -n 1000000 -t 20s "$trouble" Divide 6 3
caught
kill -s INT "$pid"
end
status 130
out ''
err_has 'ended by SIGINT'

# timeout(1) passes two on, one of them by the group.
ran='timeout mote run'
: >"$scratch/out"
timeout 30 "$MOTE" run -t 20s --core "$scratch/core" "$trouble" SpinLoudly \
	>"$scratch/out" 2>"$scratch/err" </dev/null &
pid=$!
spins
kill -s TERM "$pid"
end
status 143
err_has 'SpinLoudly: ended by SIGTERM'
err_has 'wrote a core'

# One that cannot end, for nobody reads what it prints, ends by a second one.
mkfifo "$scratch/pipe"
exec 9<>"$scratch/pipe"
ran='mote run | nobody'
env --default-signal=INT "$MOTE" run -t 20s "$trouble" Flood \
	>"$scratch/pipe" 2>"$scratch/err" </dev/null 9<&- &
pid=$!
caught
while kill -s INT "$pid" 2>"$scratch/none"; do
	sleep 0.01
done
end
status 130
exec 9<&-

# What is ignored stays so: the call goes on to its deadline.
ran='nohup mote run'
: >"$scratch/out"
env --ignore-signal=INT "$MOTE" run -t 300ms "$trouble" SpinLoudly \
	>"$scratch/out" 2>"$scratch/err" &
pid=$!
spins
kill -s INT "$pid"
end
status 4

# What would be saved is not.
begin snapshot save -t 20s "$scratch/layout:x" "$trouble" SpinLoudly
spins
kill -s TERM "$pid"
end
status 143
err_has 'mote snapshot: SpinLoudly: ended by SIGTERM'
[ ! -e "$scratch/layout" ] || complain 'the layout' 'not there' there

finish
