/*
 * Looking into a guest: registers, memory, core dumps. The gdb stub is
 * chosen when the sandbox is made, see mote_sandbox_options.
 */
#ifndef MOTE_DEBUG_H
#define MOTE_DEBUG_H

#include <mote/mote.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Copies guest-virtual memory; between calls, in any state. As much as is
 * mapped from address on: *done may be less than size. MOTE_E_STATE with
 * MOTE_SANDBOX_NO_DUMP.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_sandbox_read_memory(mote_sandbox *box, uint64_t address, void *buffer,
			 size_t size, size_t *done, mote_error *err);

/*
 * Writes an ELF core of the guest as it is to fd, which must be seekable:
 * between calls, in any state. After a fault the registers are those of the
 * fault. MOTE_E_STATE with MOTE_SANDBOX_NO_DUMP.
 */
MOTE_API MOTE_MUST_USE mote_status mote_sandbox_dump_core(mote_sandbox *box,
							  int fd,
							  mote_error *err);

/* One frame of a backtrace. */
typedef struct mote_frame {
	uint64_t pc;       /* guest-virtual */
	uint64_t function; /* start of the function, 0 if not known */
	char name[128];    /* cut; "" if not known */
	char file[200];    /* source file, cut; "" if not known */
	uint32_t line;     /* 0 if not known */
	uint32_t reserved;
} mote_frame;

/*
 * The guest's call stack, innermost first: after a fault at the place of the
 * fault. Walks .eh_frame of the image where it is there, else frame
 * pointers. At most max frames; *count are filled.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_sandbox_backtrace(mote_sandbox *box, mote_frame *frames, size_t max,
		       size_t *count, mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
