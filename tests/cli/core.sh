#!/bin/sh
# mote run --core, and mote core.
# shellcheck source=tests/cli/lib.sh
. "${0%/*}/lib.sh"

if ! "$MOTE" doctor >/dev/null 2>&1 && [ -z "${MOTE_REQUIRE_HV-}" ]; then
	echo 'skipped: no hypervisor; mote doctor says why'
	exit 77
fi

trouble=cli-trouble.elf
core=$scratch/a.core

# --- written
run run --core "$core" "$trouble" WriteNull
status 3
err_has 'mote run: WriteNull crashed: '
err_has "mote run: wrote a core; to see it: mote core $core$nl"
run core "$core"
status 0
err ''
out_has "guest      $GUESTS/$trouble$nl"
out_has "call       WriteNull$nl"
out_has "ended      use of a NULL pointer, address 0x0, at 0x"
out_has "status     MOTE_E_GUEST_FAULT$nl"
out_has "backend    kvm$nl"
out_has ' in store_byte at '
out_has "registers$nl  rax     0"
run core --json "$core"
status 0
json null error
json WriteNull function
json 11 signal
json NULL_POINTER fault kind
json store_byte backtrace 0 function
json null no_backtrace
json MOTE_E_GUEST_FAULT status
run run --json --core "$core" "$trouble" Abort
json "$core" core file
json null core error
run core --json "$core"
json ABORT fault kind
json Abort backtrace 0 function

# It is for its owner alone, also where there was one for all.
chmod 644 "$core"
run run --core "$core" "$trouble" Abort
checks=$((checks + 1))
mode=$(stat -c %a "$core")
[ "$mode" = 600 ] || complain 'the mode of the core' 600 "$mode"

# What to type is there for a shell to read, whatever the name.
run run --core "$scratch/a core's" "$trouble" WriteNull
err_has "to see it: mote core '$scratch/a core'\\''s'$nl"

# Stopped, and what it was then.
run run -t 50ms --core "$core" "$trouble" Spin
status 4
err_has 'wrote a core'
run core "$core"
out_has "status     MOTE_E_DEADLINE$nl"
out_has 'in Spin at '

# What ended well leaves nothing to look at, also not of an earlier run.
run run --core "$core" "$trouble" Divide 6 3
status 0
err ''
[ ! -s "$core" ] || complain 'the core has not' 'nothing' 'something'
run core "$core"
status 6
err_has 'not an ELF file'

# A program is none, of whatever class.
run core "$trouble"
status 6
err_has 'not a core dump: e_type is 2'
{
	printf '\177ELF\001\001\001\000\000\000\000\000\000\000\000\000'
	printf '\002\000\003\000'
	head -c 44 /dev/zero
} >"$scratch/narrow.elf"
run core "$scratch/narrow.elf"
status 6
err_has 'not a core dump: e_type is 2'

# --- the guest's file
cp "$trouble" "$scratch/moved.elf"
run run --core "$core" "$scratch/moved.elf" WriteNull
mv "$scratch/moved.elf" "$scratch/elsewhere.elf"
run core "$core"
status 0
out_has "backtrace  $scratch/moved.elf: No such file or directory; --guest"
out_has 'registers'
run core -g "$scratch/elsewhere.elf" "$core"
status 0
out_has "guest      $scratch/elsewhere.elf$nl"
out_has ' in store_byte at '
run core -g "$scratch/nowhere.elf" "$core"
status 6
run core --guest cli-hello.elf "$core"
status 6
err_has 'the core is not of this guest'
cp cli-hello.elf "$scratch/moved.elf"
run core "$core"
status 0
out_has 'backtrace  the core is not of this guest'
run_with "$trouble" run --core "$core" - WriteNull
status 3
run core "$core"
status 0
out_has "guest      not known$nl"
out_has 'backtrace  the core does not say where'

# --- what cannot be written is one line more
run run --core "$scratch/no/such" "$trouble" Divide 6 3
status 2
err_has '--core: '
err_has 'No such file or directory'
run run --core "$scratch" "$trouble" Divide 6 3
status 2
err_has '--core: '
run run --core /dev/null "$trouble" Divide 6 3
status 2
err_has 'not a regular file'
cp "$trouble" "$scratch/guest.elf"
run run --core "$scratch/guest.elf" "$scratch/guest.elf" Divide 6 3
status 2
err_has 'that is the guest'
cmp -s "$trouble" "$scratch/guest.elf" ||
	complain 'the guest is' 'as before' 'changed'
# Files end at 512 KiB; all of the stack is 1 MiB.
limited()
{
	(
		ulimit -f 1024
		run "$@"
		printf '%s\n' "$status" >"$scratch/status"
	)
	status=$(cat "$scratch/status")
	collect
}
limited run --core "$core" "$trouble" Overflow
status 3
err_has 'mote run: Overflow crashed: '
err_has ' in deeper at '
err_has 'mote run: no core was written: '
err_has 'File too large'
run core "$core"
status 6
limited run --json --core "$core" "$trouble" Overflow
status 3
json STACK_OVERFLOW error fault kind
json "$core" core file

# --- wrong use, bad files
run core
status 2
err_has 'no FILE given'
run core "$core" "$core"
status 2
run core --nonsense "$core"
status 2
run core "$scratch/nowhere"
status 6
err_has 'No such file'
run core "$trouble"
status 6
err_has 'e_type is 2'
run core --json "$trouble"
status 6
json MOTE_E_IMAGE error name
run core /dev/null
status 6
run core --help
status 0
out_has 'usage: mote core'
run help core
status 0
out_has 'usage: mote core'

finish
