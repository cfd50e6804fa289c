# shellcheck shell=sh
# tools/check-format, check-shell and check-man; sourced by run.sh.

check="$tools/check-format $work/tree"

# shellcheck disable=SC2086 # a command and its argument
{
	tree
	printf '\tok();\n' | put src/a.c
	accepts $check
	printf '\tok(); \n' | put src/a.c
	rejects 'src/a.c:1: blanks at the end' $check
	printf '        ok();\n' | put src/a.c
	rejects 'src/a.c:1: indented with blanks' $check
	printf 'ok();' | put src/a.c
	rejects 'does not end in exactly one newline' $check
	printf 'ok();\n\n' | put src/a.c
	rejects 'does not end in exactly one newline' $check
	printf 'ok();\r\n' | put src/a.c
	rejects 'carriage returns' $check
	printf 'a\377b\n' | put src/a.c
	rejects 'not UTF-8' $check
	printf '\t\t\t\t\t\t\t\t\tabcdefghi\n' | put src/a.c
	rejects 'src/a.c:1: 81 columns, 80 at most' $check
	printf '\t\t\t\t\t\t\t\t\tabcdefgh\n' | put src/a.c
	accepts $check
	printf '#!/bin/sh\necho \n' | put tools/script
	rejects 'tools/script:2: blanks at the end' $check
	for file in src/os/a.c.orig b.rej guest/a.h.rej; do
		tree
		: | put "$file"
		rejects "$file:1: left over from a merge" $check
	done

	if command -v shellcheck >/dev/null 2>&1; then
		tree
		# shellcheck disable=SC2016 # for the script, not for us
		printf '#!/bin/sh\nrm $1\n' | put tools/script
		rejects 'SC2086' "$tools/check-shell" "$work/tree"
		# shellcheck disable=SC2016
		printf '#!/bin/sh\nrm "$1"\n' | put tools/script
		accepts "$tools/check-shell" "$work/tree"
	fi

	if command -v mandoc >/dev/null 2>&1; then
		tree
		page='.Dd November 21, 2026\n.Dt X 3\n.Os\n.Sh NAME\n.Nm x\n.Nd y\n'
		# shellcheck disable=SC2059 # it is a format
		printf "$page" | put man/man3/x.3
		accepts "$tools/check-man" "$work/tree"
		printf '.Bl -bogus\n' >>man/man3/x.3
		rejects 'man3/x.3:7' "$tools/check-man" "$work/tree"
	fi
}
