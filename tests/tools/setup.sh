# shellcheck shell=sh
# tools/setup against a fake dpkg, apt and sudo; sourced by run.sh.

# A machine with package one; apt-get installs what is asked for.
# $1: the user's number, $2: whether sudo works (its exit status).
machine() {
	tree
	mkdir tools state
	cp "$tools/setup" tools/
	printf 'build one\nbuild two\ntest three\n' >tools/packages.txt
	echo one >state/installed
	fake dpkg-query <<'END'
sed 's/$/ installed/' "$STATE/installed"
END
	fake apt-get <<'END'
echo "$*" >>"$STATE/apt"
[ -e "$STATE/broken" ] && { echo "E: no network"; exit 100; }
[ "$1" = install ] || exit 0
for word in "$@"; do echo "$word"; done >>"$STATE/installed"
END
	echo "echo $1" | fake id
	printf 'shift\nexit %s\n' "$2" | fake sudo
	# shellcheck disable=SC2016 # for the script
	[ "$2" -ne 0 ] || printf 'shift\nexec "$@"\n' | fake sudo
}

# In that machine, with no terminal.
run_setup() {
	STATE=$work/tree/state PATH=$work/tree/fake:$PATH \
		"$work/tree/tools/setup" "$@" </dev/null
}

# Nothing is missing: not a word, and apt-get is left alone.
machine 0 1
echo two >>state/installed
accepts run_setup build
[ ! -e state/apt ] || fail "setup called apt-get with nothing missing"

# Root installs what is missing, and only that, then is silent.
machine 0 1
says 'setup: installing two three' run_setup build test
grep -qx update state/apt || fail "setup did not update the lists"
grep -q 'install.* two three$' state/apt || fail "setup: $(cat state/apt)"
accepts run_setup build test

# The same through sudo.
machine 1000 0
says 'setup: installing two' run_setup build

# Neither root nor sudo: the command to run, and nothing done.
machine 1000 1
rejects 'apt-get update && apt-get install -y --no-install-recommends two' \
	run_setup build
[ ! -e state/apt ] || fail "setup called apt-get without being root"

# apt-get fails: plainly, with its last words and the log.
machine 0 1
: >state/broken
rejects 'E: no network' run_setup build
rejects 'build/log/apt.log' run_setup build
