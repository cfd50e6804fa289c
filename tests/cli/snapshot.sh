#!/bin/sh
# mote snapshot, mote run --snapshot, mote inspect of a layout.
# shellcheck source=tests/cli/lib.sh
. "${0%/*}/lib.sh"

if ! "$MOTE" doctor >/dev/null 2>&1 && [ -z "${MOTE_REQUIRE_HV-}" ]; then
	echo 'skipped: no hypervisor; mote doctor says why'
	exit 77
fi

counter=cli-counter.elf
layout=$scratch/layout

# --- save and go on
run snapshot save "$layout:fresh" "$counter"
status 0
out "started$nl"
err_has 'saved sha256:'

run snapshot save "$layout:five" "$counter" Count 5
status 0
out "started${nl}5$nl"

run run --snapshot "$layout:five" Count 2
status 0
out "7$nl"
err ''
run run --snapshot "$layout:five" Count 2
out "7$nl"
run run --snapshot "$layout:fresh" Count 2
out "2$nl"
run run --snapshot "$layout:five" Started
out "1$nl"
run run --repeat 3 --snapshot "$layout:five" Count 1
out "8$nl"

# A crash in a sandbox of it harms none.
run run --snapshot "$layout:five" Crash
status 3
err_has 'Crash crashed'
run run --snapshot "$layout:five" Count 0
out "5$nl"

# --- by digest
"$MOTE" snapshot list --json "$layout" >"$scratch/out"
digest=$("$JSONGET" snapshots 1 digest <"$scratch/out")
case $digest in
sha256:*) run run --snapshot "$layout:$digest" Count 1 ;;
*) complain 'digest of the second' 'sha256:...' "$digest" ;;
esac
out "6$nl"

# --- a tag is replaced
run snapshot save "$layout:five" "$counter" Count 50
status 0
run run --snapshot "$layout:five" Count 1
out "51$nl"

# --- list
run snapshot list "$layout"
status 0
out_has 'fresh'
out_has 'five'
run snapshot list --json "$layout"
json fresh snapshots 0 tag
json five snapshots 1 tag
json null error

# --- inspect
run inspect "$layout"
status 0
out_has 'five'
run inspect "$layout:five"
status 0
out_has 'Mote snapshot'
out_has 'populated memory'
out_has 'stack'
out_has 'shared'
out_has 'Count(i32 step) -> i32'
run inspect --json "$layout:five"
status 0
json snapshot kind
json 16777216 heap_bytes
json Count functions 0 name

# --- verify
run snapshot verify "$layout:five"
status 0
out "$layout:five: all digests are right$nl"
ran='mote snapshot verify > /dev/full'
"$MOTE" snapshot verify "$layout:five" >/dev/full 2>"$scratch/err"
status=$?
collect
status 5
err "mote snapshot: cannot write the output: No space left on device$nl"

# --- rm
run snapshot rm "$layout:fresh"
status 0
out "$layout:fresh: removed$nl"
run run --snapshot "$layout:fresh" Count 1
status 2
err_has 'fresh'
err_has 'five'
run run --snapshot "$layout:five" Count 1
out "51$nl"

# --- a guest that has only main
run snapshot save "$layout:main" cli-onlymain.elf
status 0
for command in run debug; do
	run "$command" --snapshot "$layout:main" the 'fat cat'
	status 2
	err "mote $command: the guest has no function 'the'
it has no functions
to pass arguments to main: mote $command --snapshot $layout:main -- the \
'fat cat'$nl"
done
run run --snapshot "$layout:five" Count 1 --json
status 2
err_has "options go before FUNCTION$nl"
run run --json --snapshot "$layout:main"
status 0
json main function
run run --snapshot "$layout:main" -- the 'fat cat' -x --
status 0
out "the${nl}fat cat${nl}-x${nl}--$nl"
run run -xj --snapshot="$layout:main" -- -- b
status 0
json "--${nl}b" stdout
run run --snapshot "$layout:main" --
status 0
out ''
# That is the value of an option, and ends none.
run run --snapshot "$layout:five" --host -- Count 1
status 2
err_has '--host'
run run -n 2 --snapshot "$layout:main" -- a
status 2
err_has '--repeat needs a FUNCTION'

# --- wrong use
run snapshot
status 2
err_has 'usage: mote snapshot'
run snapshot sav
status 2
err "mote snapshot: there is no action 'sav'; did you mean 'save'?$nl"
run snapshot save
status 2
err "mote snapshot: no DIR:TAG given; see 'mote snapshot --help'$nl"
run snapshot save "$layout:x"
status 2
err "mote snapshot: no GUEST given; see 'mote snapshot --help'$nl"
run snapshot save "$layout" "$counter"
status 2
err_has 'has no tag; write DIR:TAG'
run snapshot save "$layout" "$counter" Crash
status 2
run snapshot save "$layout:bad/tag" "$counter"
status 2
run snapshot save "$layout:-x" "$counter"
status 2
err_has 'tag'
# Before the guest is run for it.
run snapshot save "$layout:-x" "$counter" Crash
status 2
err_has 'is no tag'
run snapshot save "$scratch/a/b:x" "$counter"
status 6
run snapshot save "$layout:x" "$counter" --
status 2
err_has 'there is no state after it'
run snapshot save "$layout:x" "$counter" Crash
status 3
run snapshot list "$layout"
case $out in
*" x "*) complain 'a crash is not saved' 'no x' "$out" ;;
esac
run snapshot list "$scratch/none"
status 6
run snapshot rm "$layout:none"
status 2
err_has 'none'
run snapshot list "$layout:five"
status 2
err "mote snapshot: '$layout:five' has a tag; list takes DIR$nl"
run snapshot list
status 2
run snapshot list a b
status 2
run run --snapshot "$layout" Count 1
status 2
run run --snapshot "$layout:five" Cuont 1
status 2
err_has 'did you mean'
run run --heap 1M --snapshot "$layout:five" Count 1
status 2
err "mote run: --heap: the snapshot has 16M, not 1M${nl}leave out --heap$nl"
run run --stack 65537 --snapshot "$layout:five" Count 1
status 2
err_has "--stack: the snapshot has 1M, not 65537${nl}leave out --stack$nl"
run run --io 2M --snapshot "$layout:five" Count 1
status 2
err_has '--io: the snapshot has '
err_has ", not 2M${nl}leave out --io$nl"
run run --heap 16M --snapshot "$layout:five" Count 1
status 0
# A large one is only taken if it is meant.
run snapshot save --heap 20G "$scratch/big:x" "$counter" Count 3
status 0
run run --snapshot "$scratch/big:x" Count 1
status 6
err_has 'bytes are more than load_max_bytes of the engine, 17179869184'
hint=${err##*"${nl}with --load-max "}
hint=${hint%% *}
run run --load-max "$hint" --snapshot "$scratch/big:x" Count 1
status 0
out "4$nl"
run run --load-max=16G --snapshot "$scratch/big:x" Count 1
status 6
run run --load-max x --snapshot "$scratch/big:x" Count 1
status 2
err_has "--load-max: 'x' is"
for command in inspect 'snapshot verify'; do
	# shellcheck disable=SC2086 # two words
	run $command "$scratch/big:x"
	status 0
done
# What a tag named before goes.
run snapshot prune "$scratch/big"
status 0
out "$scratch/big: removed 0 blobs, 0 B$nl"
run snapshot save "$scratch/big:x" "$counter" Count 4
run snapshot prune --json "$scratch/big"
status 0
json null error
json 4 blobs
before=$("$JSONGET" bytes <"$scratch/out")
[ "$before" -gt 4096 ] || complain 'bytes' 'some' "$before"
run run --snapshot "$scratch/big:x" Count 1
out "5$nl"
run snapshot prune "$scratch/big:x"
status 2
err_has "has a tag; write DIR$nl"
run snapshot prune "$scratch/none"
status 6
# Somebody forgot --snapshot.
run run "$layout:five" Count 1
status 6
err "mote run: $layout:five: No such file or directory
to go on from a snapshot: mote run --snapshot $layout:five Count 1$nl"
run debug "$layout:main" -- 'fat cat'
status 6
err_has "snapshot: mote debug --snapshot $layout:main -- 'fat cat'$nl"
# Options that come too late.
run snapshot save "$layout:x" --host a=b "$counter"
status 6
err "mote snapshot: --host: No such file or directory
options go before DIR:TAG$nl"
run snapshot save "$layout:x" "$counter" --json
status 2
err_has "options go before DIR:TAG$nl"
for action in list rm verify; do
	run snapshot "$action" "$layout" --json
	status 2
	err "mote snapshot: $action takes one operand; options go before it$nl"
done
# What follows the guest is not for its main: that would be to run it.
run snapshot save "$layout:main" cli-onlymain.elf q
status 2
err "mote snapshot: the guest has no function 'q'
it has no functions
to save the state before main, and run it later:
  mote snapshot save $layout:main cli-onlymain.elf
  mote run --snapshot $layout:main -- q$nl"
# What is written is said in the name of the command.
run snapshot save --core "$scratch/core" "$layout:x" "$counter" Crash
status 3
err_has "mote snapshot: wrote a core; to see it: mote core $scratch/core$nl"
run run --snapshot "$scratch/none:x" Count 1
status 6
run inspect "$layout:none"
status 2

# --- a manifest that is not there
run snapshot save "$scratch/holes:x" "$counter"
run snapshot list --json "$scratch/holes"
digest=$("$JSONGET" snapshots 0 digest <"$scratch/out")
rm "$scratch/holes/blobs/sha256/${digest#sha256:}"
for command in 'snapshot list' inspect; do
	# shellcheck disable=SC2086 # two words
	run $command "$scratch/holes"
	status 0
	out "x                              ?  $digest  (its manifest cannot be \
read)$nl"
done
run snapshot list --json "$scratch/holes"
json null snapshots 0 bytes
run snapshot rm --json "$scratch/holes:x"
status 0
json null error

# --- it cannot be written
# Its memory is below the limit, its file is above it.
ran='mote snapshot save with a limit of the size of files'
{
	cat "$counter"
	head -c 1048576 /dev/zero
} >"$scratch/large.elf"
(
	ulimit -f 1024
	"$MOTE" snapshot save "$layout:large" "$scratch/large.elf" \
		>"$scratch/out" 2>"$scratch/err" </dev/null
)
status=$?
collect
status 5
err_has ': writing program blob '
err_has 'File too large'
mkdir "$scratch/small"
# shellcheck disable=SC2016 # for the inner shell
full='mount -t tmpfs -o size=16k tmpfs "$1" && shift && exec "$@"'
# shellcheck disable=SC2016 # for the inner shell
if unshare -rm sh -c 'mount -t tmpfs tmpfs "$1"' sh "$scratch/small" \
	2>/dev/null; then
	ran='mote snapshot save to a full disk'
	unshare -rm sh -c "$full" sh "$scratch/small" "$MOTE" snapshot save \
		"$scratch/small:x" "$counter" >"$scratch/out" 2>"$scratch/err"
	status=$?
	collect
	status 5
	err_has 'No space left on device'
fi
# shellcheck disable=SC2016 # for the inner shell
fixed='mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift &&
	exec "$@"'
run snapshot save "$scratch/fixed:x" "$counter"
# shellcheck disable=SC2016 # for the inner shell
if unshare -rm sh -c "$fixed" sh "$scratch/fixed" true 2>/dev/null; then
	for action in 'save' 'rm' 'prune'; do
		ran="mote snapshot $action where nothing can be written"
		case $action in
		save) set -- "$scratch/fixed:y" "$counter" ;;
		rm) set -- "$scratch/fixed:x" ;;
		*)
			set -- "$scratch/fixed"
			digest=$(printf x | sha256sum | cut -d ' ' -f 1)
			printf x >"$scratch/fixed/blobs/sha256/$digest"
			;;
		esac
		unshare -rm sh -c "$fixed" sh "$scratch/fixed" "$MOTE" \
			snapshot "$action" "$@" >"$scratch/out" 2>"$scratch/err"
		status=$?
		collect
		status 5
		err_has 'Read-only file system'
	done
else
	echo 'SKIPPED: a read-only directory, for want of a mount namespace'
fi
# Root may write everywhere.
if [ "$(id -u)" -ne 0 ]; then
	chmod -R a-w "$scratch/fixed"
	run snapshot rm "$scratch/fixed:x"
	status 5
	err_has 'Permission denied'
	chmod -R u+w "$scratch/fixed"
fi
run snapshot save "$counter/none:x" "$counter"
status 6

# --- a damaged blob is found
# The largest: what "five" named before is there as well.
blob=$(find "$layout/blobs/sha256" -type f -size +8k -printf '%s %p\n' |
	sort -n | tail -n 1 | cut -d ' ' -f 2-)
printf X | dd of="$blob" bs=1 seek=64 conv=notrunc 2>/dev/null
run snapshot verify "$layout:five"
status 6
err_has "${blob##*/}"
run snapshot verify --json "$layout:five"
status 6
json MOTE_E_SNAPSHOT error name

# --- help
run snapshot --help
status 0
out_has 'mote snapshot rm [--json] DIR:TAG'
out_has 'usage: mote snapshot save'
for action in save list rm verify; do
	run snapshot "$action" --help
	status 0
	out_has 'usage: mote snapshot'
done

finish
