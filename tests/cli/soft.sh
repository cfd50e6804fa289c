#!/bin/sh
# mote without a hypervisor: the guest runs on the CPU emulator, and one line
# says so. KVM is hidden by a device that is none, in a mount namespace.
# shellcheck source=tests/cli/lib.sh
. "${0%/*}/lib.sh"

if ! "$MOTE" doctor | grep -q '^  soft  *ready'; then
	echo 'skipped: no Unicorn, so no backend "soft"'
	exit 77
fi

hello=cli-hello.elf
said='the guest runs on an emulated CPU, which is no isolation'

# hidden ARG...: like run, but on a machine without KVM
hidden()
{
	ran="mote $* (no KVM)"
	# shellcheck disable=SC2016 # for the inner shell
	timeout -s KILL 60 unshare -rm sh -c \
		'[ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm
		exec "$@"' sh "$MOTE" "$@" \
		>"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
	collect
}

lines()
{
	checks=$((checks + 1))
	got=$(printf '%s' "$err" | wc -l)
	[ "$got" -eq "$1" ] || complain 'lines on standard error' "$1" "$got"
}

# --- asked for by name: no warning
run run -b soft -H GetWeekday=Monday "$hello" SayHello World
status 0
out "greeting World${nl}Hello World, it is Monday$nl"
err ''

# --- a backend that there is not
run run --backend qemu "$hello" SayHello World
status 2
err_has '--backend: there is no backend "qemu" in this library; "kvm" is '
err_has '; "soft" is ready'
run run --backend none "$hello" SayHello World
status 2
err_has "--backend: 'none' is not a backend; there is auto, kvm, soft"

# --- what the backend lacks
run doctor
out_has 'not isolation: a fault of the emulator is a fault of this program'
out_has 'no AVX'
out_has 'no #GP for misaligned memory of SSE instructions'
out_has 'no UMIP'
out_has 'whose reserved bits are taken'
out_has 'RDPMC, MONITOR, MWAIT, XSETBV, SYSRET and ICEBP are #UD'
run doctor --json
json soft backends 1 name
json true backends 1 ready
json 'not isolation: a fault of the emulator is a fault of this program' \
	backends 1 limits 0
json '[]' backends 0 limits

# --- guests for another CPU than this one
foreign=$KERNELS/vm-aarch64-aarch64.elf
if [ -e "$foreign" ] && [ "$(uname -m)" = x86_64 ]; then
	run inspect "$foreign"
	status 0
	out_has "CPU    aarch64$nl"
	run inspect --json "$foreign"
	json aarch64 machine
	if "$MOTE" doctor | grep -q 'not user aarch64: use --backend soft'; then
		run run "$foreign" ClockRuns
		status 5
		err_has 'KVM does not run user-mode guests of aarch64 here'
		err_has "${nl}with --backend soft it runs, on an emulated CPU$nl"
	fi
	run run -b soft "$foreign" ClockRuns
	status 0
	out "true$nl"
fi

if ! unshare -rm true 2>/dev/null; then
	echo 'no user namespaces: the machine without KVM is left out'
	finish
fi

# Where root of the machine is nobody, others might have put it there.
if ! unshare -rm "$MOTE" doctor | grep -q '^  soft  *ready'; then
	echo 'no "soft" in user namespaces: the machine without KVM is left out'
	finish
fi

# --- without KVM: one line, and the same result
hidden run -H GetWeekday=Monday "$hello" SayHello World
status 0
out "greeting World${nl}Hello World, it is Monday$nl"
err_has 'mote run: no hypervisor (kvm: '
err_has "$said"
lines 1
hidden run --backend auto -H GetWeekday=Monday "$hello" SayHello World
status 0
lines 1
hidden run --json -H GetWeekday=Monday "$hello" SayHello World
status 0
json 'Hello World, it is Monday' result value
lines 1

# --- a mistake in the command is all there is to say
hidden run "$hello" SayHelo
status 2
lines 3
err_has 'did you mean'

# --- who asks for KVM gets no emulator, but is told of it
hidden run --backend kvm -H GetWeekday=Monday "$hello" SayHello World
status 5
err_has 'kvm: '
err_has '"soft" is ready'

# --- an emulator does not make the machine ready
hidden doctor
status 5
out_has 'soft        ready'

# --- a snapshot, and going on from it; a crash
hidden snapshot save -H GetWeekday=Monday "$scratch/l:x" "$hello"
status 0
err_has "$said"
hidden run --backend soft --snapshot "$scratch/l:x" -H GetWeekday=Monday \
	SayHello World
status 0
out "greeting World${nl}Hello World, it is Monday$nl"
hidden run cli-trouble.elf WriteNull
status 3
err_has "$said"
# --- a snapshot that the CPU of another backend is too old for
if "$MOTE" doctor >/dev/null; then
	run snapshot save "$scratch/layout:kvm" cli-counter.elf
	status 0
	run run -b soft --snapshot "$scratch/layout:kvm" Count 1
	status 6
	err_has 'backend "soft" lacks '
	err_has "${nl}it was saved with a CPU that soft does not have; with \
--backend kvm it goes on$nl"
	# What another one cannot do either is no reason to try it.
	run run -b soft --snapshot "$scratch/layout:none" Count 1
	status 2
	case $err in *--backend*) complain 'no advice' '' "$err" ;; esac
fi

finish
