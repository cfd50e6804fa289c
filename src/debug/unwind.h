/*
 * The call stack of a guest, from its registers and its memory, both hostile.
 * Pure: memory is reached through the caller's function.
 *
 * A frame is left as .eh_frame says. Where it says nothing (libc is built
 * without it), the return address is looked for on the stack: a word behind
 * a call of this very function, else by the frame pointer, else the first
 * word behind any call.
 *
 * Bounds: for each frame one look-up in the index of .eh_frame, and at most
 * 2 * MTI_UNWIND_WORDS + 1 words of the stack.
 */
#ifndef MTI_DEBUG_UNWIND_H
#define MTI_DEBUG_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "debug/info.h"

#define MTI_UNWIND_WORDS 512

struct mti_unwind_guest {
	const struct mti_arch *arch;
	const struct mti_debug_info *info;
	void *context;
	/* Guest memory; all size bytes or false. */
	bool (*read)(void *context, uint64_t address, void *buffer,
		     size_t size);
	/* Whether instructions can be there. */
	bool (*code)(void *context, uint64_t address);
};

struct mti_unwind_frame {
	uint64_t pc;
	bool returns; /* pc is behind a call, which may end its function */
};

/*
 * Fills at most max frames from general, in the order of
 * arch->register_names; innermost first. Returns how many, at least 1 if max
 * is not 0.
 */
size_t mti_unwind(const struct mti_unwind_guest *guest,
		  const uint64_t *general, struct mti_unwind_frame *frames,
		  size_t max);

#endif
