/*
 * What differs between two results, and what of it is known.
 */
#ifndef DIFF_COMPARE_H
#define DIFF_COMPARE_H

#include <stdio.h>

#include "target.h"

/* One run of a case on both; what is known has been taken out. */
struct diff_outcome {
	struct diff_result results[2];
	bool same_memory;
	struct diff_memory memory;
};

/* Sets to one value what no processor defines. */
void diff_mask(const struct diff_case *test, struct diff_result *result);

/* Prints each field that differs to out, which may be NULL; how many. */
unsigned int diff_print(const struct diff_outcome *outcome,
			const struct diff_target *targets, FILE *out);

/*
 * The differences that there are for a reason. Where one is found, both
 * results get the same value, and count, if it is set, goes up.
 */
void diff_known_settle(const struct diff_case *test,
		       const struct diff_target *targets,
		       struct diff_outcome *outcome, bool count);
/*
 * A difference that was there once, but not when the same case ran again:
 * whether there is a reason for that, too.
 */
bool diff_known_once(const struct diff_target *targets);
void diff_known_print(FILE *out);

#endif
