/*
 * The call stack of a guest, from its registers and its memory, both hostile.
 * Pure: memory is reached through the caller's function.
 *
 * A frame is left as .eh_frame says. Where it says nothing (libc is built
 * without it), the return address is looked for on the stack: a word behind a
 * call of this very function, or of one that jumps to it, at most by way of
 * another; else by the frame pointer; else the first word behind an indirect
 * call, or a call of a function that jumps where only the CPU knows, in the
 * same ways. The last comes before the frame pointer if that may be a
 * caller's, for the words below it. The syscall page is left as the
 * architecture says.
 *
 * Bounds: for each frame one look-up in the index of .eh_frame, at most
 * MTI_UNWIND_WORDS + 4 words of the stack, and MTI_UNWIND_JUMP_BYTES of code
 * for each of them, MTI_UNWIND_DETOURS times more, and once.
 */
#ifndef MTI_DEBUG_UNWIND_H
#define MTI_DEBUG_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "debug/info.h"

#define MTI_UNWIND_WORDS 512
#define MTI_UNWIND_JUMP_BYTES 256
#define MTI_UNWIND_DETOURS 128

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

/*
 * Drops the frames inside of the call at pc, where the guest went wrong as
 * it says itself: abort() and what that calls. All stay if there is no such
 * frame.
 */
size_t mti_unwind_from(struct mti_unwind_frame *frames, size_t count,
		       uint64_t pc);

#endif
