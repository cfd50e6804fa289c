/*
 * What a guest's ELF file says about itself: one note and two tables.
 *
 * The note is in a PT_NOTE segment: name "Mote", type MOTE_NOTE_TYPE. It
 * locates the tables by distance: the address of a table's border is the
 * address of the field plus its value, so that neither section headers nor
 * relocations are needed. Both tables lie in the file's loaded bytes.
 */
#ifndef MOTE_ABI_NOTE_H
#define MOTE_ABI_NOTE_H

#include <stddef.h>
#include <stdint.h>

#define MOTE_NOTE_NAME "Mote"
#define MOTE_NOTE_TYPE 1

struct mote_abi_note {
	uint32_t abi_version; /* MOTE_ABI_VERSION */
	uint32_t flags;       /* 0 */
	int32_t exports_begin;
	int32_t exports_end;
	int32_t imports_begin;
	int32_t imports_end;
	int32_t main; /* distance to main; if it is 0 or leads to 0: none */
	uint32_t reserved;
};

#define MOTE_FUNCTION_NAME_SIZE 64
#define MOTE_FUNCTION_SIGNATURE_SIZE 40
#define MOTE_FUNCTION_PARAMETERS_SIZE 128

/* The import has no result and is queued in the post area. */
#define MOTE_FUNCTION_POSTED 1u

/*
 * A row of the export and of the import table. Texts are NUL-terminated.
 */
struct mote_abi_function {
	char name[MOTE_FUNCTION_NAME_SIZE];
	char signature[MOTE_FUNCTION_SIGNATURE_SIZE]; /* "s(si)" */
	char parameters[MOTE_FUNCTION_PARAMETERS_SIZE]; /* "name,count" */
	uint32_t flags;
	uint32_t reserved;
	uint64_t invoke; /* exports: the guest's own; the host ignores it */
	uint64_t reserved2;
};

_Static_assert(sizeof(struct mote_abi_note) == 32, "abi");
_Static_assert(offsetof(struct mote_abi_function, invoke) == 240, "abi");
_Static_assert(sizeof(struct mote_abi_function) == 256, "abi");

#endif
