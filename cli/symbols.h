/*
 * Which function of a guest an address lies in, from the symbol table of
 * its ELF file. The file is untrusted: every offset is checked and the work
 * is bounded by the size of the file. Pure.
 */
#ifndef CLI_SYMBOLS_H
#define CLI_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/mote.h>

#define CLI_SYMBOL_NAME_MAX 128

struct cli_symbol {
	char name[CLI_SYMBOL_NAME_MAX]; /* cut, and safe to show */
	uint64_t offset;		/* of the address in the function */
	bool inlined; /* offset is that in a caller nobody knows */
};

/*
 * Finds the function at a guest address. segment is the mapped piece that
 * the address lies in: it tells where the file was loaded. False if the
 * file has no symbol for it (it may be stripped).
 */
bool cli_symbol_find(const void *file, size_t size, const mote_segment *segment,
		     uint64_t address, struct cli_symbol *symbol);

#endif
