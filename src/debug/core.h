/*
 * ELF core files of guests: what is in one, how it is written, how it is
 * read. Other tools see an ordinary core of a Linux process; a note of our
 * own says what Mote knows.
 */
#ifndef MTI_DEBUG_CORE_H
#define MTI_DEBUG_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "arch/arch.h"
#include "base/alloc.h"

#define MTI_CORE_OWNER "Mote"
#define MTI_CORE_TYPE 0x4d01
#define MTI_CORE_VERSION 1u

/*
 * The note's body, little endian. Later versions only append: a reader takes
 * what it knows.
 */
struct mti_core_note {
	uint32_t version;
	uint32_t size;   /* of all of it */
	int32_t status;  /* mote_status of the last call */
	uint32_t state;  /* mote_sandbox_state_kind */
	uint32_t fault_kind;
	uint32_t vector;
	uint64_t error_code;
	uint64_t address;
	uint64_t pc;
	uint64_t more;   /* calls of a batch after the function */
	char backend[16];
	char library[16];  /* version */
	char function[64]; /* that was called; "" is the guest's start */
	char text[512];    /* of the error */
};

_Static_assert(sizeof(struct mti_core_note) == 664, "file format");
_Static_assert(offsetof(struct mti_core_note, error_code) == 24 &&
		       offsetof(struct mti_core_note, backend) == 56,
	       "file format");

#define MTI_CORE_READ 1u
#define MTI_CORE_WRITE 2u
#define MTI_CORE_EXECUTE 4u

/* A piece of the guest's address space; whole pages. */
struct mti_core_region {
	uint64_t address;
	uint64_t size;
	uint32_t protection; /* MTI_CORE_* */
	const uint8_t *memory; /* NULL: zeros */
	/* Of a file that may become shorter: to read it may not be possible. */
	bool shared;
};

/* A part of the guest's ELF file in memory. */
struct mti_core_file {
	uint64_t start; /* whole pages */
	uint64_t end;
	uint64_t offset;
};

#define MTI_CORE_FILES_MAX 16

/* All that goes into a core; borrowed. */
struct mti_core {
	const struct mti_arch *arch;
	const uint64_t *general; /* in the order of arch->register_names */
	const uint8_t *vector;   /* XSAVE area */
	uint32_t vector_size;    /* 0: not known */
	uint32_t signal;
	struct mti_core_note note;
	uint64_t entry;
	uint64_t headers; /* where the program headers are; 0: not known */
	uint64_t header_count;
	const char *path; /* of the guest's file, "" if not known */
	struct mti_core_file files[MTI_CORE_FILES_MAX];
	size_t file_count;
	const struct mti_core_region *regions; /* by address */
	size_t region_count;
	/*
	 * Whether a page in some region's memory is known to be zero, so that
	 * it need not be touched. May be NULL.
	 */
	bool (*empty)(void *context, const uint8_t *page);
	/*
	 * The page at an address of a region if it is not what memory there
	 * says, else NULL. May be NULL.
	 */
	const uint8_t *(*moved)(void *context, uint64_t address);
	void *context;
};

/* The signal of a process that would have ended like that; 0: none. */
uint32_t mti_core_signal(mote_status status, mote_fault_kind kind);

/*
 * core_write.c: replaces what is in fd, which must be seekable. Pages of
 * zeros, and those that cannot be read, become holes. Its head comes last, so
 * that what is left of a failed one is no core.
 */
mote_status mti_core_write(const struct mti_core *core, int fd,
			   const struct mti_allocator *allocator,
			   mote_error *err);

/* core_notes.c: the notes, in memory that the caller frees. */
bool mti_core_notes(const struct mti_core *core,
		    const struct mti_allocator *allocator, uint8_t **notes,
		    size_t *size);

#endif
