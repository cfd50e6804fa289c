#!/bin/sh
# run.sh SOURCE-ROOT
#
# Does each tool of tools/ notice what it is there to notice? Every case
# builds a small tree or a fake system in a temporary folder and says what
# must come out.
set -u

# shellcheck disable=SC2034 # the parts use it
tools=$1/tools
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
cases=0

fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# Starts a case with an empty tree.
tree() {
	rm -rf "$work/tree"
	mkdir -p "$work/tree"
	cd "$work/tree" || exit 1
}

# put FILE: standard input into a file of the tree.
put() {
	mkdir -p "$(dirname "$1")"
	cat >"$1"
}

# fake NAME: a command from standard input, for PATH=fake:$PATH.
fake() {
	{
		echo '#!/bin/sh'
		cat
	} | put "fake/$1"
	chmod +x "fake/$1"
}

# accepts TOOL...: it finds nothing wrong.
accepts() {
	cases=$((cases + 1))
	if ! output=$("$@" 2>&1); then
		fail "$* should pass, but says: $output"
	elif [ -n "$output" ]; then
		fail "$* should be silent, but says: $output"
	fi
}

# rejects TEXT TOOL...: it fails and says TEXT.
rejects() {
	cases=$((cases + 1))
	text=$1
	shift
	if output=$("$@" 2>&1); then
		fail "$* should fail with '$text'"
		return
	fi
	case $output in
	*"$text"*) ;;
	*) fail "$* should say '$text', but says: $output" ;;
	esac
}

# says TEXT TOOL...: it prints exactly TEXT.
says() {
	cases=$((cases + 1))
	text=$1
	shift
	output=$("$@" 2>&1)
	[ "$output" = "$text" ] ||
		fail "$* should say '$text', but says: $output"
}

# tells TEXT TOOL...: it succeeds, and TEXT is in what it prints.
tells() {
	cases=$((cases + 1))
	text=$1
	shift
	output=$("$@" 2>&1) || fail "$* should pass, but says: $output"
	case $output in
	*"$text"*) ;;
	*) fail "$* should say '$text', but says: $output" ;;
	esac
}

for part in layers size banned text docs man snippets errors claims conformance \
	coverage symbols count setup install step qemu ci; do
	# shellcheck source=/dev/null
	. "$here/$part.sh"
done

echo "$cases cases, $failures failed"
[ "$failures" -eq 0 ]
