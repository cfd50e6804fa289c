#!/bin/sh
# mote run --profile and --heap-profile.
# shellcheck source=tests/cli/lib.sh
. "${0%/*}/lib.sh"

if ! "$MOTE" doctor >/dev/null 2>&1 && [ -z "${MOTE_REQUIRE_HV-}" ]; then
	echo 'skipped: no hypervisor; mote doctor says why'
	exit 77
fi

guest=${PROFILED:?}
svg=$scratch/a.svg
folded=$scratch/a.folded
list=$scratch/a.txt

# What is in a file.
file_has()
{
	checks=$((checks + 1))
	grep -qF -- "$2" "$1" || complain "the file has not" "$2" "$(cat "$1")"
}

is_svg()
{
	checks=$((checks + 1))
	python3 -c 'import sys, xml.dom.minidom
root = xml.dom.minidom.parse(sys.argv[1]).documentElement
sys.exit(root.tagName != "svg" or bool(root.getElementsByTagName("script")))' \
		"$1" || complain 'not an SVG file' "$1" ''
}

# is_hue FILE FUNCTION PATTERN: of the box of a function.
is_hue()
{
	checks=$((checks + 1))
	grep -q "<title>$2: .*hsl($3," "$1" ||
		complain "the colour of $2" "$3" "$(grep "<title>$2: " "$1")"
}

warm='[1-5][0-9]'
cool='[12][0-9][0-9]'

# --- time
run run -t 30s --profile "$svg" "$guest" Work 400 50000
status 0
err "mote run: wrote a profile to $svg$nl"
is_svg "$svg"
file_has "$svg" '<title>Work: '
file_has "$svg" '<title>heavy: '
file_has "$svg" 'samples, one every 1.00 ms'
file_has "$svg" "${guest##*/} Work</text>"
run run -t 30s --profile "$folded" "$guest" Sort 100000
status 0
file_has "$folded" 'Sort;'
file_has "$folded" ';compare;burn '
checks=$((checks + 1))
! grep -q mote_rt_dispatch "$folded" ||
	complain 'the runtime is' 'left out' "$(cat "$folded")"
# A guest that is stopped has one too.
run run -t 60ms --json --profile "$folded" cli-trouble.elf Spin
status 4
json MOTE_E_DEADLINE error name
json "$folded" profile file
json null profile error
json null heap_profile
file_has "$folded" 'Spin '

# --- the heap
run run --heap-profile "$list" "$guest" Heap
status 0
err "mote run: wrote a heap profile to $list$nl"
file_has "$list" 'at its peak: 146.5 KiB'
file_has "$list" '2 blocks  malloc < grab < Heap'
file_has "$list" 'left at the end: 8.5 KiB in 5 blocks'
file_has "$list" '  4.9 KiB           1 block   realloc < leak < Heap'
file_has "$list" 'malloc < strdup < leak < Heap'
run run --heap-profile "$svg" "$guest" Heap
status 0
is_svg "$svg"
file_has "$svg" 'heap at its peak: 146.5 KiB; left at the end: 8.5 KiB'
file_has "$svg" '<title>grab: 146.5 KiB, 100.0 %</title>'
is_hue "$svg" grab "$warm"
is_hue "$svg" malloc "$cool"
run run --heap-profile "$folded" --profile "$svg" "$guest" Heap
status 0
is_svg "$svg"
file_has "$folded" 'Heap;grab;malloc 150000'

# --- wrong use
run run --profile "$scratch/no/such" "$guest" Heap
status 2
err_has '--profile: '
run run --heap-profile "$scratch" "$guest" Heap
status 2
err_has '--heap-profile: '
run run --heap-profile /dev/null "$guest" Heap
status 0

finish
