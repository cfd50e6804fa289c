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
 * Writes an ELF core of the guest as it is to fd, which must be seekable, in
 * place of what is there: between calls, in any state. After a fault the
 * registers are those of the fault. Pages of zeros become holes of the file.
 * MOTE_E_OS: the file is no core. MOTE_E_STATE with MOTE_SANDBOX_NO_DUMP.
 */
MOTE_API MOTE_MUST_USE mote_status mote_sandbox_dump_core(mote_sandbox *box,
							  int fd,
							  mote_error *err);

/*
 * Where the image's file is, for debuggers that open a core; copied.
 * mote_image_open knows it by itself.
 */
MOTE_API MOTE_MUST_USE mote_status mote_image_set_path(mote_image *image,
						       const char *path,
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

/* ------------------------------------------------------------ core files */

/*
 * A core file that mote_sandbox_dump_core has written. The file is not
 * trusted: MOTE_E_IMAGE names what is wrong with it. MOTE_E_OS: it cannot be
 * opened or read, err->os_errno is ENOENT if it is not there. Its memory is
 * read when it is asked for. Used by one thread at a time.
 */
typedef struct mote_core mote_core;

typedef struct mote_core_info {
	uint32_t struct_size;
	int32_t status;  /* mote_status of the last call */
	uint32_t state;  /* mote_sandbox_state_kind */
	uint32_t signal; /* that a process would have ended by, or 0 */
	uint64_t more;   /* calls of the batch after that of function */
	size_t segment_count;
	/* These live as long as the core, and may hold any bytes. */
	const char *function; /* that was called; "": the guest's start */
	const char *text;     /* of the error; "" if there was none */
	const char *backend;
	const char *library; /* version that wrote it */
	const char *path;    /* of the guest's file; "" if not known */
	/* Always with registers; kind is NONE unless MOTE_E_GUEST_FAULT. */
	mote_fault fault;
} mote_core_info;

#define MOTE_CORE_INFO_INIT                                             \
	{                                                               \
		(uint32_t)sizeof(mote_core_info), 0, 0, 0, 0, 0, 0, 0, \
			0, 0, 0,                                        \
		{                                                       \
			0, 0, 0, 0, 0, 0, 0, { 0 }                      \
		}                                                       \
	}

MOTE_API MOTE_MUST_USE mote_status mote_core_open(mote_engine *engine,
						  const char *path,
						  mote_core **core,
						  mote_error *err);
MOTE_API void mote_core_close(mote_core *core);

MOTE_API MOTE_MUST_USE mote_status mote_core_describe(const mote_core *core,
						      mote_core_info *info,
						      mote_error *err);

/* Of a segment that is not in the file to its end, the rest is zero. */
MOTE_API MOTE_MUST_USE mote_status mote_core_segment(const mote_core *core,
						     size_t index,
						     mote_segment *out,
						     mote_error *err);

/* As mote_sandbox_read_memory. */
MOTE_API MOTE_MUST_USE mote_status
mote_core_read_memory(const mote_core *core, uint64_t address, void *buffer,
		      size_t size, size_t *done, mote_error *err);

/*
 * As mote_sandbox_backtrace. image is the guest's file; MOTE_E_IMAGE if its
 * code is not what the core holds.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_core_backtrace(const mote_core *core, mote_image *image,
		    mote_frame *frames, size_t max, size_t *count,
		    mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
