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

/* pc is where a call returns to: names and line are those of the call. */
#define MOTE_FRAME_RETURN 1u

/*
 * One frame of a backtrace. The texts are as the guest's file has them: they
 * may hold any bytes.
 */
typedef struct mote_frame {
	uint64_t pc;       /* guest-virtual */
	uint64_t function; /* start of the function, 0 if not known */
	char name[128];    /* cut; "" if not known */
	char file[200];    /* source file, cut in front; "" if not known */
	uint32_t line;     /* 0 if not known */
	uint32_t flags;    /* MOTE_FRAME_* */
} mote_frame;

#define MOTE_BACKTRACE_MAX 4096

/*
 * The guest's call stack, innermost first; between calls, in any state. It
 * begins at the place of a fault or abort(), after a deadline or a cancel
 * where the guest was stopped. Walks .eh_frame of the image; where that says
 * nothing it looks for return addresses on the stack, and by frame pointers.
 * At most max frames, and MOTE_BACKTRACE_MAX; *count are filled. Functions
 * that the compiler has inlined have no frame. MOTE_E_STATE with
 * MOTE_SANDBOX_NO_DUMP.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_sandbox_backtrace(mote_sandbox *box, mote_frame *frames, size_t max,
		       size_t *count, mote_error *err);

/*
 * Names the places at frames[i].pc, with frames[i].flags, from symbols and
 * line tables of the guest's file; fills the other members. Any thread. Of a
 * file with endless tables only the start is read.
 */
MOTE_API MOTE_MUST_USE mote_status mote_image_symbolize(mote_image *image,
							mote_frame *frames,
							size_t count,
							mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
