/*
 * How a crash of a guest is shown: where, by which function, and with what
 * in the registers.
 */
#ifndef CLI_FAULT_H
#define CLI_FAULT_H

#include <stdbool.h>

#include <mote/mote.h>

#include "symbols.h"

/* Where it happened. file and image are the guest's; image may be NULL. */
bool cli_fault_symbol(const void *file, size_t size, const mote_image *image,
		      const mote_fault *fault, struct cli_symbol *symbol);

/* Prints on standard error. symbol is NULL if there is none. */
void cli_fault_print(const mote_fault *fault, const struct cli_symbol *symbol);

#endif
