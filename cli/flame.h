/*
 * Call stacks as a picture, and as lines for other tools. Texts of the guest
 * are made safe.
 */
#ifndef CLI_FLAME_H
#define CLI_FLAME_H

#include <stdio.h>

#include "stacks.h"

struct cli_flame {
	const char *title;    /* any bytes */
	const char *subtitle; /* the same */
	const char *unit;     /* "samples" */
	bool bytes;           /* show values as sizes */
};

/* A flame graph: one SVG file that needs nothing else. */
void cli_flame_svg(const struct cli_stacks *stacks,
		   const struct cli_flame *flame, FILE *file);

/* "main;work;burn 12": a line for each stack that has a value. */
void cli_flame_folded(const struct cli_stacks *stacks, FILE *file);

#endif
