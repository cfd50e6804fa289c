/*
 * Bare guests: programs that have the virtual machine for themselves, such as
 * small kernels. docs/BARE.md says how to write one.
 *
 * 32-bit x86 ELF files, and 64-bit ones with a note that asks for it, are
 * opened like all others. Such a guest has no functions to be called: it runs
 * from where it stands. It prints on a serial port, ends by an exit port, and
 * may offer to be saved.
 */
#ifndef MOTE_BARE_H
#define MOTE_BARE_H

#include <stdint.h>

#include <mote/mote.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mote_run_end {
	MOTE_RUN_EXITED = 1,   /* it has said that it is done */
	MOTE_RUN_HALTED = 2,   /* HLT: nothing would ever wake it up */
	MOTE_RUN_SNAPSHOT = 3  /* it goes on at the next mote_run() */
} mote_run_end;

typedef struct mote_run_result {
	uint32_t struct_size;
	uint32_t end;    /* mote_run_end */
	uint32_t status; /* of MOTE_RUN_EXITED; the number is the guest's */
	uint32_t reserved;
} mote_run_result;

#define MOTE_RUN_RESULT_INIT                               \
	{                                                  \
		(uint32_t)sizeof(mote_run_result), 0, 0, 0 \
	}

/*
 * Runs a bare guest until it exits, halts, or asks for a snapshot; result may
 * be NULL. After MOTE_RUN_SNAPSHOT, and before the first run, the sandbox is
 * MOTE_SANDBOX_READY and mote_snapshot_take() is possible; after the other
 * two it is MOTE_SANDBOX_EXITED. Limits of time, output and growth hold for
 * each run. A crash is MOTE_E_GUEST_FAULT of kind MOTE_FAULT_MACHINE (it
 * handles its exceptions itself), a port that is not there MOTE_E_PROTOCOL.
 * MOTE_E_STATE: the guest is not a bare one.
 */
MOTE_API MOTE_MUST_USE mote_status
mote_run(mote_sandbox *box, mote_run_result *result, mote_error *err);

/* How a bare guest starts; 0 in mote_image_info is a user-mode guest. */
typedef enum mote_bare_mode_kind {
	MOTE_BARE_MODE_REAL = 1,      /* 16 bits */
	MOTE_BARE_MODE_PROTECTED = 2, /* 32 bits, flat, without paging */
	MOTE_BARE_MODE_PAGED = 3,     /* 32 bits, two-level page tables */
	MOTE_BARE_MODE_PAGED_PAE = 4, /* 32 bits, PAE page tables */
	MOTE_BARE_MODE_LONG = 5       /* 64 bits */
} mote_bare_mode_kind;

#ifdef __cplusplus
}
#endif

#endif
