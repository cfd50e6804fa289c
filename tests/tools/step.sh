# shellcheck shell=sh
# tools/step and tools/lock; sourced by run.sh.

# A tree with those two. Not the lock of the build that runs this.
stepping() {
	tree
	unset MOTE_BUILD_LOCK
	mkdir tools
	cp "$tools/step" "$tools/lock" tools/
	put log <<'END'
Preset CMake variables:

  CMAKE_BUILD_TYPE="RelWithDebInfo"

-- Configuring done
[1/2] Building C object a.o
FAILED: b.o
/usr/bin/cc -c b.c
b.c:1:1: error: what is this
ninja: build stopped
END
}

# The error comes first, and nothing around it.
stepping
rejects "try ... FAILED
    FAILED: b.o
    b.c:1:1: error: what is this
    ninja: build stopped
    (all of it: $work/tree/build/log/x.log)" \
	tools/step try x.log sh -c 'cat log; exit 1'

# many WORD: a command that prints it with 7 to 89, and fails.
many() {
	seq -f "$1 %g" 7 89 >many
	set -- sh -c 'cat many; exit 1'
	tools/step try x.log "$@"
}

# The first error of many; the last lines where none calls itself so.
stepping
rejects '    error 7' many error
stepping
rejects '    line 89' many line

# A step in a step has the lock already; one beside it says that it waits.
stepping
tells 'try ... ok' tools/step try x.log tools/step inner y.log true
if command -v flock >/dev/null 2>&1; then
	mkdir -p build
	flock build/.lock sh -c ': >held; sleep 2; : >ended' &
	while [ ! -e held ]; do sleep 1; done
	tells 'another build is running here' tools/step try x.log \
		test -e ended
	wait
fi
