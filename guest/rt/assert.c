/*
 * A failed assert() prints as in libc, but the host is told the address of
 * the assertion and not one inside libc.
 */
#include <assert.h>
#include <stdio.h>

#include "rt/rt.h"

void __assert_fail(const char *expression, const char *file, int line,
		   const char *function)
{
	fprintf(stderr, "Assertion failed: %s (%s: %s: %d)\n", expression, file,
		function, line);
	mote_rt_abort(__builtin_return_address(0));
}
