# shellcheck shell=sh
# tools/install against a fake cmake, ldconfig and id; sourced by run.sh.

# A loader that searches one folder of the tree. $1: the user's number.
loader() {
	tree
	mkdir -p searched/lib other/lib build
	echo CMAKE_INSTALL_LIBDIR:PATH=lib >build/CMakeCache.txt
	# shellcheck disable=SC2016 # for the script
	echo 'echo "$DESTDIR $*" >>"$TREE/cmake"' | fake cmake
	echo "echo $1" | fake id
	fake ldconfig <<'END'
[ $# -gt 0 ] || exec touch "$TREE/ran"
echo "$TREE/searched/lib: (from /etc/ld.so.conf:1)"
END
}

run_install() {
	TREE=$work/tree PATH=$work/tree/fake:$PATH \
		"$tools/install" "$work/tree/build" "$@"
}

# Root, and a folder that is searched: ldconfig runs.
loader 0
accepts run_install "$work/tree/searched"
[ -e ran ] || fail "install did not run ldconfig"
grep -q -- "--prefix $work/tree/searched\$" cmake || fail "$(cat cmake)"

# Not searched: ldconfig would not help.
loader 0
tells "set LD_LIBRARY_PATH=$work/tree/other/lib" run_install "$work/tree/other"
[ ! -e ran ] || fail "install ran ldconfig for another folder"

# Not root.
loader 1000
tells 'run ldconfig as root or' run_install "$work/tree/searched"
[ ! -e ran ] || fail "install ran ldconfig without being root"

# A package's root: nothing of this machine changes.
loader 0
tells 'run ldconfig or set' run_install "$work/tree/searched" "$work/tree/d"
[ ! -e ran ] || fail "install ran ldconfig with DESTDIR"
grep -q "^$work/tree/d " cmake || fail "no DESTDIR: $(cat cmake)"

# Relative to what?
loader 0
rejects 'not an absolute path' run_install searched
rejects 'not an absolute path' run_install "$work/tree/searched" d
[ ! -e cmake ] || fail "install installed into a relative prefix"
