/*
 * Which function an address lies in, from the symbol table of an untrusted
 * ELF file. Pure.
 *
 * Bounds: the first MTI_SYMBOLS_MAX rows count. Making the index takes
 * n log n steps and 24 bytes for each of them, a look-up log n steps and at
 * most MTI_SYMBOL_STEPS more.
 */
#ifndef MTI_DEBUG_SYMBOLS_H
#define MTI_DEBUG_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "debug/object.h"

#define MTI_SYMBOLS_MAX (UINT32_C(1) << 20)
/* Of a name, which may be as long as its table; the rest is cut. */
#define MTI_SYMBOL_NAME_MAX 1024
#define MTI_SYMBOL_STEPS 256

/* In addresses of the file. */
struct mti_symbol {
	uint64_t start;
	uint64_t end;
	uint32_t name; /* offset of its name */
	uint32_t rank; /* of several at one address the highest is shown */
};

struct mti_symbols {
	struct mti_symbol *rows; /* sorted by start, then rank; owned */
	size_t count;
};

/* False if memory ran out. A file without symbols has an empty index. */
bool mti_symbols_init(struct mti_symbols *symbols,
		      const struct mti_object *object,
		      const struct mti_allocator *allocator);
void mti_symbols_fini(struct mti_symbols *symbols,
		      const struct mti_allocator *allocator);

/*
 * The function that holds the address, else the label before it in its
 * section, or NULL. The address is one of the file.
 */
const struct mti_symbol *mti_symbols_find(const struct mti_symbols *symbols,
					  uint64_t address);

/* Not NUL-terminated; any bytes but NUL. */
struct mti_bytes mti_symbol_name(const struct mti_object *object,
				 const struct mti_symbol *symbol);

#endif
