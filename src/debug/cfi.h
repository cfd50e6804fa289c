/*
 * How to go from a function to its caller, from .eh_frame of an untrusted
 * ELF file (DWARF 5, 6.4; LSB Core, "Exception Frames"). Pure.
 *
 * Bounds: the first MTI_CFI_RANGES_MAX functions count. Making the index
 * takes n log n steps and 24 bytes for each of them; a look-up log n steps
 * and MTI_CFI_PROGRAM_MAX bytes of instructions at most.
 */
#ifndef MTI_DEBUG_CFI_H
#define MTI_DEBUG_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "debug/object.h"

#define MTI_CFI_RANGES_MAX (UINT32_C(1) << 20)
#define MTI_CFI_PROGRAM_MAX 16384

/*
 * Numbered as by DWARF: amd64 has 17, the last is the return address; AArch64
 * has 33, of which the last is never used.
 */
#define MTI_CFI_REGISTERS 33

/* One function, in addresses of the file. */
struct mti_cfi_range {
	uint64_t start;
	uint64_t end;
	uint64_t record; /* offset of its FDE */
};

struct mti_cfi {
	struct mti_cfi_range *ranges; /* sorted by start; owned */
	size_t count;
};

enum mti_cfi_kind {
	MTI_CFI_SAME,       /* the caller has the same value */
	MTI_CFI_UNDEFINED,  /* it is lost; the return address: no caller */
	MTI_CFI_SAVED,      /* at the CFA plus offset */
	MTI_CFI_VALUE,      /* is the CFA plus offset */
	MTI_CFI_REGISTER,   /* in another register */
	MTI_CFI_SAVED_BY,   /* at the address that the expression gives */
	MTI_CFI_VALUE_BY,   /* the expression gives it */
};

struct mti_cfi_rule {
	enum mti_cfi_kind kind;
	int64_t offset;     /* or the number of the other register */
	struct mti_bytes expression;
};

/*
 * How to find the canonical frame address (the caller's stack pointer) and
 * the caller's registers, at one address.
 */
struct mti_cfi_row {
	bool by_expression;
	uint64_t cfa_register;
	int64_t cfa_offset;
	struct mti_bytes cfa_expression;
	struct mti_cfi_rule rules[MTI_CFI_REGISTERS];
	uint64_t return_register;
	bool signal; /* the return address is not behind a call */
};

/* False if memory ran out. */
bool mti_cfi_init(struct mti_cfi *cfi, const struct mti_object *object,
		  const struct mti_allocator *allocator);
void mti_cfi_fini(struct mti_cfi *cfi, const struct mti_allocator *allocator);

/* False if the file does not say, or says nonsense. */
bool mti_cfi_find(const struct mti_cfi *cfi, const struct mti_object *object,
		  uint64_t address, struct mti_cfi_row *row);

#endif
