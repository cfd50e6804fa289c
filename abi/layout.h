/*
 * The guest's address space and the page where host and guest runtime meet.
 *
 * Guest-virtual, user-mode guests:
 *
 *	0x0000_0000_0000  64 KiB never mapped
 *	0x0000_0040_0000  the program (ELF addresses; static-PIE loads here)
 *	0x7000_0000_0000  control page (rw), syscall page (rx)
 *	0x7000_2000_0000  supervisor: descriptor tables, interrupt stack
 *	0x7000_4000_0000  AArch64: doorbells
 *	0x7001_0000_0000  call area   host -> guest: calls
 *	0x7002_0000_0000  reply area  host -> guest: results of host functions
 *	0x7003_0000_0000  out area    guest -> host: results, host calls
 *	0x7004_0000_0000  post area   guest -> host: output, posted calls
 *	0x7007_xxxx_xxxx  stack, ends at 0x7008_0000_0000, a gap of GiBs below
 *	0x7010_0000_0000  heap, unmapped on both sides
 *	0x7200_0000_0000  what the host maps, up to 0x7300_0000_0000
 *
 * Every window is followed by unmapped addresses, and everything but program
 * text and the syscall page is no-execute.
 */
#ifndef MOTE_ABI_LAYOUT_H
#define MOTE_ABI_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define MOTE_ABI_VERSION 1u

#define MOTE_PAGE_SIZE 4096u

#define MOTE_GVA_PROGRAM_FIRST UINT64_C(0x10000)
#define MOTE_GVA_PROGRAM_LIMIT UINT64_C(0x700000000000)
#define MOTE_GVA_PIE_BASE UINT64_C(0x400000)

#define MOTE_GVA_CONTROL UINT64_C(0x700000000000)
#define MOTE_GVA_SYSCALL UINT64_C(0x700000001000)
#define MOTE_GVA_SUPERVISOR UINT64_C(0x700020000000)
/* One page, between unmapped ones. */
#define MOTE_GVA_INTERRUPT_STACK (MOTE_GVA_SUPERVISOR + 2 * MOTE_PAGE_SIZE)
/* AArch64: see trap.h; beside each other, one for user mode, one not. */
#define MOTE_GVA_DOORBELL UINT64_C(0x700040000000)
#define MOTE_GVA_DOORBELL_FAULT UINT64_C(0x700040001000)
#define MOTE_GVA_CALL UINT64_C(0x700100000000)
#define MOTE_GVA_REPLY UINT64_C(0x700200000000)
#define MOTE_GVA_OUT UINT64_C(0x700300000000)
#define MOTE_GVA_POST UINT64_C(0x700400000000)
#define MOTE_GVA_STACK_TOP UINT64_C(0x700800000000)
#define MOTE_GVA_HEAP UINT64_C(0x701000000000)
#define MOTE_GVA_MAP UINT64_C(0x720000000000)
#define MOTE_GVA_MAP_LIMIT UINT64_C(0x730000000000)

#define MOTE_STACK_MAX (UINT64_C(1) << 30)
#define MOTE_HEAP_MAX (UINT64_C(64) << 30)
#define MOTE_IO_MAX (UINT64_C(1) << 30)

#define MOTE_CONTROL_MAGIC UINT32_C(0x45544f4d) /* "MOTE" */

/* WRFSBASE works in user mode. */
#define MOTE_FEATURE_FSGSBASE 1u
/* Flush the post area after each line of output. */
#define MOTE_FEATURE_OUTPUT_LINES 2u
/* Report each use of malloc: MOTE_SERVICE_HEAP. */
#define MOTE_FEATURE_HEAP 4u

/*
 * At MOTE_GVA_CONTROL. Mapped read-write for the guest: the host reads
 * nothing from it but post_used, once per exit, post_dropped, for traces the
 * two times, and after a restore what it wrote for the snapshot.
 */
struct mote_abi_control {
	/* Written by the host before the guest starts. */
	uint32_t magic;
	uint32_t abi_version;
	uint32_t features;
	uint32_t reserved;
	uint64_t heap_size;
	uint64_t stack_size;
	uint64_t io_size;   /* of each of the call, reply and out areas */
	uint64_t post_size;
	uint8_t random[32]; /* seeds: stack protector, malloc, libc */
	/*
	 * Written by the host before each entry. The time in the guest is
	 * this plus the ticks of the CPU's counter (TSC, CNTVCT_EL0) since
	 * the entry times tick_ns / 2^32; tick_ns is 0 where that cannot be
	 * trusted. The monotonic time is written at a snapshot too: the host
	 * lets no guest go on before it.
	 */
	uint64_t clock_monotonic_ns;
	uint64_t clock_realtime_ns;
	uint64_t tick_ns;
	/* Written by the guest. */
	uint32_t post_used; /* bytes of records in the post area */
	uint32_t reserved2;
	/*
	 * The `syscall` instruction lands in the syscall page, which stores
	 * the return address here and jumps to the handler in user mode. For
	 * AArch64 see trap.h: syscall_return is not used.
	 */
	uint64_t syscall_return;
	uint64_t syscall_handler;
	/*
	 * Written by the host when it has put the guest into the state of a
	 * snapshot: the runtime seeds what is random anew from `random`, then
	 * clears it.
	 */
	uint32_t reseed;
	/*
	 * What the first entry after that loads, see MOTE_SYSCALL_RESTORE:
	 * as they were when the snapshot was taken.
	 */
	union {
		struct { /* amd64 */
			uint32_t mxcsr;
			uint16_t x87_control;
			uint16_t reserved3;
		};
		struct { /* AArch64 */
			uint32_t fpcr;
			uint32_t fpsr;
		};
	};
	/* Written by the host before an entry. */
	uint32_t trace;     /* 1: spans and events are wanted */
	uint32_t log_level; /* of modules that log_filter does not name */
	uint32_t log_modules; /* entries in log_filter */
	uint64_t post_dropped; /* by the guest: records lost for want of room */
	uint32_t log_most; /* by the host: the highest level in the filter */
	uint32_t reserved4;
	/* By the guest: its counter after an entry, and before an exit. */
	uint64_t enter_tsc;
	uint64_t leave_tsc;
	/* By the host, at a snapshot: of a generator that it keeps; or 0. */
	uint64_t repeat;
	uint8_t reserved5[64];
	/* By module: its name, NUL-padded, and the level for it. */
	struct mote_abi_log_module {
		char name[31];
		uint8_t level;
	} log_filter[32];
};

#define MOTE_CONTROL_SYSCALL_RETURN 112
#define MOTE_CONTROL_SYSCALL_HANDLER 120
#define MOTE_CONTROL_MXCSR 132
#define MOTE_CONTROL_X87_CONTROL 136
#define MOTE_CONTROL_FPCR 132
#define MOTE_CONTROL_FPSR 136
#define MOTE_CONTROL_TRACE 140
#define MOTE_CONTROL_LOG_MOST 160

/*
 * Offset in the syscall page of the code that the host enters first after a
 * restore: it clears the vector registers (amd64: and those of segments and
 * x87), loads the control words above, and jumps to r11 (AArch64: x17, and
 * clears x16).
 */
#define MOTE_SYSCALL_RESTORE 1024

_Static_assert(offsetof(struct mote_abi_control, heap_size) == 16, "abi");
_Static_assert(offsetof(struct mote_abi_control, random) == 48, "abi");
_Static_assert(offsetof(struct mote_abi_control, clock_monotonic_ns) == 80,
	       "abi");
_Static_assert(offsetof(struct mote_abi_control, post_used) == 104, "abi");
_Static_assert(offsetof(struct mote_abi_control, syscall_return) ==
		       MOTE_CONTROL_SYSCALL_RETURN,
	       "abi");
_Static_assert(offsetof(struct mote_abi_control, syscall_handler) ==
		       MOTE_CONTROL_SYSCALL_HANDLER,
	       "abi");
_Static_assert(offsetof(struct mote_abi_control, reseed) == 128, "abi");
_Static_assert(offsetof(struct mote_abi_control, mxcsr) ==
		       MOTE_CONTROL_MXCSR,
	       "abi");
_Static_assert(offsetof(struct mote_abi_control, x87_control) ==
		       MOTE_CONTROL_X87_CONTROL,
	       "abi");
_Static_assert(offsetof(struct mote_abi_control, fpcr) == MOTE_CONTROL_FPCR,
	       "abi");
_Static_assert(offsetof(struct mote_abi_control, fpsr) == MOTE_CONTROL_FPSR,
	       "abi");
_Static_assert(offsetof(struct mote_abi_control, trace) == MOTE_CONTROL_TRACE,
	       "abi");
_Static_assert(offsetof(struct mote_abi_control, log_most) ==
		       MOTE_CONTROL_LOG_MOST,
	       "abi");
_Static_assert(offsetof(struct mote_abi_control, repeat) == 184, "abi");
_Static_assert(offsetof(struct mote_abi_control, log_filter) == 256, "abi");
_Static_assert(sizeof(struct mote_abi_control) == 1280, "abi");

#endif
