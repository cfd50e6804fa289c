/*
 * Guest images: reading an untrusted ELF file.
 *
 * Pure: works on bytes in memory, never touches the OS, reads nothing out of
 * bounds, and allocates no more than the file's size justifies. The result
 * points into the file's bytes, which must outlive it.
 */
#ifndef MTI_ELF_ELF_H
#define MTI_ELF_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "abi/note.h"
#include "arch/arch.h"
#include "base/alloc.h"
#include "base/signature.h"

/* Program headers of any type. */
#define MTI_ELF_HEADERS_MAX 64
/* Bytes of a PT_NOTE or PT_DYNAMIC. */
#define MTI_ELF_TABLE_MAX 65536
/* Loadable segments; ld makes 4, a linker script may make some more. */
#define MTI_ELF_SEGMENTS_MAX 16
/* Rows in the export table, and as many in the import table. */
#define MTI_ELF_FUNCTIONS_MAX 4096
/* Memory that all segments need together. */
#define MTI_ELF_MEMORY_MAX (UINT64_C(1) << 30)

#define MTI_PROT_READ 1u
#define MTI_PROT_WRITE 2u
#define MTI_PROT_EXECUTE 4u

/*
 * A PT_LOAD with memory, in the order of addresses. Page ranges of segments
 * do not overlap; each is readable, none both writable and executable; all
 * lie within [MOTE_GVA_PROGRAM_FIRST, MOTE_GVA_PROGRAM_LIMIT). If file_size
 * is not 0, address and file_offset are equal modulo the page size.
 */
struct mti_elf_segment {
	uint64_t address; /* guest-virtual, load bias included */
	uint64_t memory_size;
	uint64_t file_offset;
	uint64_t file_size;  /* at most memory_size */
	uint32_t protection; /* MTI_PROT_* */
};

/*
 * A checked row of a table. The texts are in the file, which nothing says is
 * aligned: there is no pointer to the row itself.
 */
struct mti_elf_function {
	const char *name;
	const char *signature_text;
	const char *parameters; /* printable ASCII, may be "" */
	uint32_t index;		/* in its table: what goes on the wire */
	uint32_t flags;		/* MOTE_FUNCTION_POSTED, imports only */
	struct mti_signature signature;
};

struct mti_elf {
	/*
	 * enum mote_abi_bare_mode of a bare guest, abi/bare.h; 0: a user-mode
	 * one. A bare one has no functions and no position to be chosen, and
	 * its segments lie at guest-physical addresses, may have all rights
	 * and share pages, but no bytes.
	 */
	uint32_t bare_mode;
	uint64_t bare_size;    /* memory from 0, whole pages */
	uint64_t bare_end;     /* the end of the last segment */
	uint64_t bare_scratch; /* free bytes it asks for, whole pages */
	bool position_independent;
	bool has_main;
	uint32_t abi_version;
	uint64_t entry;
	/* Where the program headers are in the guest; 0: not in a segment. */
	uint64_t headers;
	uint32_t header_count;
	const struct mti_arch *arch; /* of mti_archs */
	/*
	 * Thread-locals start so far below the thread pointer; 0: none.
	 * "Negative", so a huge number, if they are above it.
	 */
	uint64_t tls_below;
	size_t segment_count;
	struct mti_elf_segment segments[MTI_ELF_SEGMENTS_MAX];
	/* Sorted by name; export names are unique. Owned: mti_elf_fini. */
	struct mti_elf_function *exports;
	size_t export_count;
	/* In table order; a name may occur again, signature and flags equal. */
	struct mti_elf_function *imports;
	size_t import_count;
};

/*
 * MOTE_E_IMAGE: the text names the field and its value, e.g.
 * "program header 2: p_filesz 0x9000 ends beyond the file (0x4200 bytes)".
 * MOTE_E_NO_MEMORY. *elf is written only on success.
 */
mote_status mti_elf_parse(const void *data, size_t size,
			  const struct mti_allocator *allocator,
			  struct mti_elf *elf, mote_error *err);

void mti_elf_fini(struct mti_elf *elf, const struct mti_allocator *allocator);

/* The export of that name or NULL; O(log n), no allocation. */
const struct mti_elf_function *mti_elf_find_export(const struct mti_elf *elf,
						   const char *name);

#endif
