/*
 * What the files of the ELF reader share.
 */
#ifndef MTI_ELF_PARSE_H
#define MTI_ELF_PARSE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "elf/elf.h"

/* The file being read. */
struct mti_elf_file {
	const unsigned char *data;
	size_t size;
	uint64_t bias; /* what is added to the addresses in the file */
	mote_error *err;
};

/* A PT_NOTE whose bytes are known to lie within the file. */
struct mti_elf_notes {
	unsigned int header; /* its number, for texts */
	uint64_t address;    /* guest-virtual */
	uint64_t offset;
	uint64_t size;
	uint64_t align; /* 4 or 8 */
};

/* The Mote note, and where its first byte will be in the guest. */
struct mti_elf_note {
	bool found;
	uint64_t address;
	uint64_t offset;
	struct mote_abi_note fields;
};

#define MTI_ELF_FAIL(file, ...)                                                \
	mti_error_set((file)->err, MOTE_E_IMAGE, "reading the guest image",    \
		      __VA_ARGS__)

/*
 * The file's bytes that will be at [address, address + size) of the guest
 * before it runs, or NULL if one segment's file part does not hold them all.
 */
const unsigned char *mti_elf_loaded(const struct mti_elf_file *file,
				    const struct mti_elf *elf, uint64_t address,
				    uint64_t size);

/* Of a program header: its part of the file is there. */
mote_status mti_elf_check_in_file(const struct mti_elf_file *file,
				  unsigned int number,
				  const Elf64_Phdr *program);
/*
 * Segments do not share bytes of the file with those that elf has: many that
 * do would make a small file a large image.
 */
mote_status mti_elf_check_share(const struct mti_elf_file *file,
				unsigned int number, const Elf64_Phdr *program,
				const struct mti_elf *elf);

/* Whether an executable segment holds the address. */
bool mti_elf_executable(const struct mti_elf *elf, uint64_t address);

/* Whether the file is of a bare guest, and so for the next one to read. */
bool mti_elf_is_bare(const void *data, size_t size);
/* As mti_elf_parse, but there is nothing to be freed. */
mote_status mti_elf_bare_parse(const void *data, size_t size,
			       struct mti_elf *elf, mote_error *err);

/* A note of ours: its type, and where its bytes are in its PT_NOTE. */
struct mti_elf_found {
	uint32_t type;
	uint64_t offset;
	uint32_t size;
};

/*
 * The next note of ours at or after *at, which is behind it then. *more is
 * false if there is none.
 */
mote_status mti_elf_notes_next(const struct mti_elf_file *file,
			       const struct mti_elf_notes *notes, uint64_t *at,
			       struct mti_elf_found *found, bool *more);

/* Looks for the Mote note in one PT_NOTE; a second one is an error. */
mote_status mti_elf_notes_scan(const struct mti_elf_file *file,
			       const struct mti_elf_notes *notes,
			       struct mti_elf_note *note);

/*
 * Checks the note and reads what it describes into *elf, whose segments are
 * known by now. On failure the tables may be allocated: mti_elf_fini.
 */
mote_status mti_elf_note_apply(const struct mti_elf_file *file,
			       const struct mti_elf_note *note,
			       const struct mti_allocator *allocator,
			       struct mti_elf *elf);

/* Which of the two tables. */
enum mti_elf_table {
	MTI_ELF_EXPORTS,
	MTI_ELF_IMPORTS,
};

/*
 * Reads a table of count rows, count not 0. Exports are sorted by name.
 */
mote_status mti_elf_table_read(const struct mti_elf_file *file,
			       enum mti_elf_table which,
			       const unsigned char *rows, size_t count,
			       struct mti_elf_function *functions);

#endif
