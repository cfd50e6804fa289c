/*
 * The note of a bare guest, for C and assembler: BARE_MODE and BARE_SCRATCH
 * are what is in it.
 */
#ifndef BARE_SCRATCH
#define BARE_SCRATCH 0
#endif
#ifdef __ASSEMBLER__
	.section .note.mote, "a", @note
	.balign	4
	.long	5, 32, 2
	.asciz	"Mote"
	.balign	4
	.long	1, BARE_MODE
	.quad	BARE_SCRATCH
	.long	0, 0, 0, 0
#else
#include "abi/bare.h"
__attribute__((section(".note.mote"), used, aligned(4))) static const struct {
	unsigned int sizes[3];
	char name[8];
	unsigned int version;
	unsigned int mode;
	unsigned int scratch[2];
	unsigned int reserved[4];
} note = {
	{ 5, 32, MOTE_NOTE_BARE }, "Mote", MOTE_BARE_VERSION, BARE_MODE,
	{ BARE_SCRATCH, 0 }, { 0 },
};
#endif
