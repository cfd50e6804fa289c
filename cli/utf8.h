/*
 * Looking at text that a guest or a user chose, byte by byte. Pure.
 */
#ifndef CLI_UTF8_H
#define CLI_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The sequence is valid so far but ends early. */
#define CLI_UTF8_MORE (-1)

/*
 * Length (1 to 4) of the UTF-8 sequence at data and its code point, 0 if
 * data[0] starts none, CLI_UTF8_MORE if size bytes are too few to tell.
 * Overlong forms and surrogates are not UTF-8. size is not 0.
 */
int cli_utf8_next(const char *data, size_t size, uint32_t *code);

bool cli_utf8_valid(const char *data, size_t size);

/*
 * Whether showing the character on a terminal could do more than show it:
 * C0 and C1 controls, DEL, and the marks that reorder or hide text.
 */
bool cli_code_unsafe(uint32_t code);

#endif
