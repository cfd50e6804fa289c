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
json x86_64 machine
run inspect --json cli-hello.elf
json null bare_mode
run inspect "$KERNELS/bare-hello.elf"
out_has "CPU    i686$nl"

# --- the first kernel of BARE.md, however it is compiled
if [ "$(uname -m)" = x86_64 ] && command -v gcc >/dev/null; then
	for level in -O0 -O1 -O2; do
		gcc -m64 $level -ffreestanding -fno-pic -fcf-protection=none \
			-fno-stack-protector -mgeneral-regs-only -nostdlib \
			-static -Wl,-z,max-page-size=4096,--build-id=none \
			-Wl,-Ttext-segment=0x100000 -I"${OBJECT%/lib/*}/include" \
			-o "$scratch/kernel.elf" \
			"${0%/*}/../../examples/guests/kernel.c"
		run inspect "$scratch/kernel.elf"
		status 0
		out_has 'kind   bare, starts in long (64-bit) mode'
		run run --timeout 20s "$scratch/kernel.elf"
		status 40
		out "I have megabytes${nl}I was not saved$nl"
	done
fi

# --- a program of 64 bits that has neither note
LC_ALL=C sed 's/Mote\x00\x00\x00\x00/Note\x00\x00\x00\x00/' \
	cli-hello.elf >"$scratch/none.elf"
run inspect "$scratch/none.elf"
status 6
err_has 'no Mote note: build it with mote-cc, or give it the note of a bare'

# --- options for others are refused before there is a file or a socket
for option in --profile --heap-profile --core; do
	run run $option "$scratch/made" "$KERNELS/bare-hello.elf"
	status 2
	err "mote run: $option is not for bare guests$nl"
	[ ! -e "$scratch/made" ] || complain "$option" 'no file' 'an empty one'
done
run run --gdb "unix:$scratch/gdb" "$KERNELS/bare-hello.elf"
status 2
err "mote run: --gdb is not for bare guests$nl"
run debug "$KERNELS/bare-hello.elf"
status 2
err "mote debug: gdb is not for bare guests$nl"
run run -H Name=x "$KERNELS/bare-hello.elf"
status 2
err "mote run: --host is not for bare guests$nl"
run run --json --core "$scratch/made" "$KERNELS/bare-hello.elf"
status 2
json null function

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

# --- it needs more memory than there is by default; the note says 64 MiB
note='Mote\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00'
LC_ALL=C sed "s/$note\x00/$note\x04/" "$KERNELS/bare-real.elf" \
	>"$scratch/large.elf"
run run --timeout 20s "$scratch/large.elf"
status 2
err "mote run: the guest needs 64M of free memory, and its heap has 16M
with --heap 64M it has that$nl"
run run --timeout 20s --heap 64M "$scratch/large.elf"
status 16

# --- what one backend lacks, another may have
if "$MOTE" doctor | grep -q 'not bare 32-bit paged: use --backend soft'; then
	run run "$KERNELS/bare-kernel-paged.elf"
	status 5
	err_has 'this KVM does not run 32-bit guests with page tables'
	err_has "${nl}with --backend soft it runs, on an emulated CPU$nl"
	run run -b soft --timeout 20s "$KERNELS/bare-kernel-paged.elf"
	status 10
fi

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
