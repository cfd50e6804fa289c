/*
 * Reading a core file of a guest: it is a file like any other, and not
 * trusted. Pure: it is reached through the caller's function.
 *
 * Bounds: 65535 headers, MTI_CORE_NOTES_MAX bytes of notes; memory is read
 * when it is asked for.
 */
#ifndef MTI_DEBUG_CORE_READ_H
#define MTI_DEBUG_CORE_READ_H

#include "debug/core.h"

#define MTI_CORE_NOTES_MAX (UINT32_C(1) << 18)
#define MTI_CORE_PATH_MAX 1024

struct mti_core_source {
	void *context;
	/* All size bytes or false. */
	bool (*read)(void *context, uint64_t offset, void *buffer,
		     size_t size);
	uint64_t size;
};

/* Sorted by address, apart from each other. */
struct mti_core_segment {
	uint64_t address;
	uint64_t size;
	uint64_t offset;
	uint64_t file_size; /* what follows is zero */
	uint32_t protection; /* MTI_CORE_* */
};

struct mti_core_view {
	struct mti_core_source source;
	const struct mti_arch *arch;
	uint64_t general[MOTE_FAULT_REGISTERS_MAX];
	uint32_t signal;
	struct mti_core_note note; /* all texts end with a NUL */
	uint64_t entry;            /* 0: not known */
	char path[MTI_CORE_PATH_MAX]; /* of the guest's file; cut */
	struct mti_core_segment *segments; /* owned */
	size_t segment_count;
};

/*
 * MOTE_E_IMAGE: the text names the field and its value. *view is written
 * only on success; mti_core_close frees what it owns.
 */
mote_status mti_core_open(const struct mti_core_source *source,
			  const struct mti_allocator *allocator,
			  struct mti_core_view *view, mote_error *err);
void mti_core_close(struct mti_core_view *view,
		    const struct mti_allocator *allocator);

/* What is there from address on, at most size bytes; how many. */
size_t mti_core_read(const struct mti_core_view *view, uint64_t address,
		     void *buffer, size_t size);

/* Whether instructions can be there. */
bool mti_core_executable(const struct mti_core_view *view, uint64_t address);

#endif
