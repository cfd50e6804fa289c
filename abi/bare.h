/*
 * Bare guests: programs that have the virtual machine for themselves, such as
 * small kernels. They run with all privileges of the CPU, without the runtime
 * of user-mode guests and without exports.
 *
 * What such an ELF file asks for is in a note: name MOTE_NOTE_NAME, type
 * MOTE_NOTE_BARE. A 32-bit x86 file without one is MOTE_BARE_PROTECTED.
 * Segments are loaded at p_paddr; all of guest-physical memory below the end
 * of the last one is there, writable and executable, and private.
 *
 * Behind a hole is the scratch memory, zero at first, which ends at
 * MOTE_BARE_SCRATCH_END: below 4 GiB and below the page of the local APIC, so
 * that every mode but real mode reaches it: page tables made by the host, if
 * the mode has them, free memory, the page of struct mote_abi_bare_info, the
 * stack. Free memory and stack are what the sandbox's options say; if that is
 * less than the note asks for, there is no sandbox.
 *
 * Real mode has memory up to 1 MiB and HMA. Behind the image is the page of
 * struct mote_abi_bare_info, then the 64 KiB of the stack, below 1 MiB.
 *
 * At entry: interrupts off; EAX MOTE_BARE_MAGIC and EBX the physical address
 * of a struct mote_abi_bare_info; the stack pointer at the end of the stack
 * (in real mode SP is 0, and SS that of its 64 KiB); the other general
 * registers 0. Segments are flat, or in real mode: CS, DS, ES the segment of
 * the entry point's 64 KiB. There is no descriptor table yet.
 *
 *	REAL		16 bits, CR0.PE clear
 *	PROTECTED	32 bits, flat segments, no paging
 *	PAGED		32 bits, two-level tables made by the host, identity
 *	PAGED_PAE	the same with PAE tables
 *	LONG		64 bits at CPL 0, four-level tables, identity; ELF64
 *
 * The tables made by the host lie at the start of scratch and are the
 * guest's from then on.
 *
 * Guests find this file as <mote_bare.h> in the guest SDK.
 */
#ifndef MOTE_ABI_BARE_H
#define MOTE_ABI_BARE_H

#include <stdint.h>

#define MOTE_NOTE_BARE 2
#define MOTE_BARE_VERSION 1u
#define MOTE_BARE_MAGIC UINT32_C(0x45544f4d) /* "MOTE" */

/* The byte behind scratch; KVM's APIC page is at 0xfee00000. */
#define MOTE_BARE_SCRATCH_END UINT64_C(0xfee00000)

enum mote_abi_bare_mode {
	MOTE_BARE_REAL = 1,
	MOTE_BARE_PROTECTED = 2,
	MOTE_BARE_PAGED = 3,
	MOTE_BARE_PAGED_PAE = 4,
	MOTE_BARE_LONG = 5,
};

struct mote_abi_bare_note {
	uint32_t version; /* MOTE_BARE_VERSION */
	uint32_t mode;    /* enum mote_abi_bare_mode */
	uint64_t scratch; /* free bytes it needs at least, a page's multiple */
	uint32_t reserved[4];
};

/*
 * The note, once in a guest, at file scope: MOTE_BARE_GUEST(MOTE_BARE_LONG, 0);
 * No member of it is wider than the note's alignment. Assembler that follows
 * it in the file, and names no section, is code: compilers that do not optimize
 * would leave it in the note's.
 */
#define MOTE_BARE_GUEST(start_mode, scratch_bytes)                            \
	__attribute__((section(".note.mote"), used, aligned(4)))              \
	static const struct {                                                 \
		uint32_t name_size;                                           \
		uint32_t note_size;                                           \
		uint32_t type;                                                \
		char name[8];                                                 \
		uint32_t version;                                             \
		uint32_t mode;                                                \
		uint32_t scratch[2];                                          \
		uint32_t reserved[4];                                         \
	} mote_bare_note = { 5,                                               \
			     sizeof(struct mote_abi_bare_note),               \
			     MOTE_NOTE_BARE,                                  \
			     "Mote",                                          \
			     MOTE_BARE_VERSION,                               \
			     start_mode,                                      \
			     { (uint32_t)(scratch_bytes),                     \
			       (uint32_t)((uint64_t)(scratch_bytes) >> 32) }, \
			     { 0 } };                                         \
	__asm__(".text")

/* The page below the stack's first one. */
struct mote_abi_bare_info {
	uint32_t magic;
	uint32_t version;
	uint64_t image_size; /* memory from 0 */
	uint64_t scratch_gpa;
	uint64_t scratch_size;
	uint64_t page_table_gpa; /* the root; 0: none was made */
	uint64_t free_gpa; /* scratch that nothing lies in */
	uint64_t free_size;
	uint8_t random[32];
};

/*
 * Ports of bare guests. Everything else ends the run with an error, but for
 * reads of a serial port's registers, which say that it is ready.
 */
#define MOTE_BARE_PORT_SERIAL 0x3f8	/* bytes of output: stdout */
#define MOTE_BARE_PORT_SERIAL_LAST 0x3ff
#define MOTE_BARE_PORT_DEBUG 0xe9	/* bytes of output: stderr */
#define MOTE_BARE_PORT_EXIT 0xd0	/* 4 bytes: status; it ends */
/*
 * 4 bytes, any value: the host may take a snapshot here. A 4-byte `in` from
 * it tells how many snapshots lie on the way from the start to here: a guest
 * that finds another number than before was continued from one.
 */
#define MOTE_BARE_PORT_SNAPSHOT 0xdc

_Static_assert(sizeof(struct mote_abi_bare_note) == 32, "abi");
_Static_assert(sizeof(struct mote_abi_bare_info) == 88, "abi");

#endif
