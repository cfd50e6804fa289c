/*
 * How a crash of a guest is shown: where, how it got there, and with what in
 * the registers.
 */
#ifndef CLI_FAULT_H
#define CLI_FAULT_H

#include <stdbool.h>
#include <stdio.h>

#include <mote/mote.h>

#include "frames.h"

/*
 * fault is NULL if it was no crash. Prints nothing about what is not known.
 */
void cli_fault_print(const mote_fault *fault, const struct cli_frames *frames,
		     FILE *file, bool colour);

#endif
