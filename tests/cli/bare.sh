#!/bin/sh
# mote run and inspect with bare guests: kernels in micro-VMs.
# shellcheck source=tests/cli/lib.sh
. "${0%/*}/lib.sh"

: "${KERNELS:?}"

# --- what is in the file; nothing runs
run inspect "$KERNELS/bare-hello.elf"
status 0
out_has 'kind   bare, starts in protected (32-bit) mode'
run inspect "$KERNELS/bare-real.elf"
out_has 'kind   bare, starts in real (16-bit) mode'
run inspect --json "$KERNELS/bare-cases64.elf"
status 0
json 'long (64-bit)' bare_mode
run inspect --json cli-hello.elf
json null bare_mode

if ! "$MOTE" doctor >/dev/null 2>&1 && [ -z "${MOTE_REQUIRE_HV-}" ]; then
	echo 'skipped: no hypervisor; mote doctor says why'
	exit 77
fi

# --- it prints, and ends with a status
run run --timeout 20s "$KERNELS/bare-hello.elf"
status 7
out "Hello from 32 bits$nl"
err ''
run run --timeout 20s --json "$KERNELS/bare-real.elf"
status 16
json 16 result value

# --- it has no functions and takes no arguments
run run "$KERNELS/bare-hello.elf" main
status 2
err_has 'bare one: it has no functions'
run run "$KERNELS/bare-hello.elf" -- a
status 2
err_has 'takes no arguments'
run run -H Name=x "$KERNELS/bare-hello.elf"
status 2

# --- its state in a file: from where it asks for that
layout=$scratch/layout
run snapshot save --timeout 20s "$layout:none" "$KERNELS/bare-hello.elf"
status 2
err_has 'the guest has ended and never asked for a snapshot'
run snapshot save "$layout:x" "$KERNELS/bare-hello.elf" main
status 2
if "$MOTE" run -b soft --timeout 20s "$KERNELS/bare-kernel.elf" \
	>/dev/null 2>&1; [ $? -eq 10 ]; then
	run snapshot save -b soft --timeout 20s "$layout:kernel" \
		"$KERNELS/bare-kernel.elf"
	status 0
	out 'kernel: A1a '
	err_has 'saved sha256:'
	run inspect "$layout:kernel"
	status 0
	out_has 'kind    bare, had started in protected (32-bit) mode'
	out_has 'rwx    own     program'
	run run -b soft --timeout 20s --snapshot "$layout:kernel"
	status 10
	out "B1b A2c B2d A3e B3f A4g B4h A5i B5j $nl"
fi

# --- it is broken
printf '\177ELF\001' >"$scratch/short"
run run "$scratch/short"
status 6
err_has 'the file has 5 bytes, less than its header'
finish
