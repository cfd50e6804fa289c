/*
 * Finding a function of a guest by what somebody typed.
 */
#ifndef CLI_FUNCTIONS_H
#define CLI_FUNCTIONS_H

#include <stdbool.h>

#include <mote/mote.h>

#include "failure.h"
#include "prototype.h"
#include "run_options.h"

enum cli_table {
	CLI_EXPORTS,
	CLI_IMPORTS,
};

/* Most functions that an error message lists. */
#define CLI_LISTED_MAX 20

/*
 * The function of that name; the failure suggests others. after: what options
 * must stand before, if the name looks like one.
 */
bool cli_find_export(const mote_image *image, const char *name,
		     const char *after, struct cli_prototype *prototype,
		     struct cli_failure *failure);

/* Whether the guest has a main; the failure lists what it has instead. */
bool cli_find_main(const mote_image *image, struct cli_failure *failure);

/*
 * Whether an earlier row of the table of imports has the same name: files of
 * one program often import the same function.
 */
bool cli_import_repeated(const mote_image *image, size_t index);

/*
 * After a FUNCTION that is none: how to give it and what follows it to main,
 * if that may have been meant.
 */
void cli_hint_main(struct cli_failure *failure, const mote_image *image,
		   const struct cli_run_options *options);

/* Adds the prototypes of a table to the hint. */
void cli_hint_functions(struct cli_failure *failure, const mote_image *image,
			enum cli_table table);

#endif
