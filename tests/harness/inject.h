/*
 * Makes calls into the system fail: the seam (os/os.h) is wrapped by the
 * linker, see mote_inject() in tests/vm/CMakeLists.txt.
 */
#ifndef HARNESS_INJECT_H
#define HARNESS_INJECT_H

#include <stdbool.h>
#include <stddef.h>

/* Which call fails; thread-safe enough for one thread at a time. */
struct injection {
	const char *function; /* NULL: none */
	size_t fail_at;       /* counted from 1 */
	bool persistent;      /* and all after it */
	int error;
	size_t seen;   /* calls of that function */
	size_t failed; /* of them */
};

extern struct injection injected;

/* All functions that are wrapped; signal_install is not among them. */
extern const char *const injectable[];
extern const size_t injectable_count;

/* How often function number i of these was called; for tests to reset. */
#define INJECTABLE_MAX 64
extern size_t injectable_calls[INJECTABLE_MAX];

#endif
