/*
 * Showing what is in a guest's program.
 */
#ifndef CLI_IMAGE_VIEW_H
#define CLI_IMAGE_VIEW_H

#include <stdint.h>

#include <jansson.h>

#include <mote/mote.h>

/* "rw-" of MOTE_PROT_*. */
const char *cli_protection_text(uint32_t protection);

/* The architecture, by its ELF machine, as `uname -m` calls it. */
const char *cli_machine_text(uint32_t machine);

/* How a bare guest starts, mote_bare_mode_kind. */
const char *cli_bare_mode_text(uint32_t mode);

/* The functions and imports, on standard output. */
void cli_print_functions(const mote_image *image);

/* All that is known of the program, as members of object. */
void cli_json_image(const mote_image *image, json_t *object);

#endif
