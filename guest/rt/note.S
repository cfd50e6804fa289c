/*
 * abi/note.h: the note, and both tables even where a program fills neither.
 */
#include "rt/asm.h"

#include "note_cpu.h"

	.section mote_exports,"a",%progbits
	.balign	8
	.section mote_imports,"a",%progbits
	.balign	8

	.weak	__start_mote_exports
	.weak	__stop_mote_exports
	.weak	__start_mote_imports
	.weak	__stop_mote_imports
	.hidden	__start_mote_exports
	.hidden	__stop_mote_exports
	.hidden	__start_mote_imports
	.hidden	__stop_mote_imports
	.weak	main
	.hidden	main

	.section .note.mote,"a",%note
	.balign	4
	.long	2f - 1f
	.long	4f - 3f
	.long	ASM_NOTE_TYPE
1:	.asciz	"Mote"
2:	.balign	4
3:	.long	ASM_ABI_VERSION
	.long	0
	.long	__start_mote_exports - .
	.long	__stop_mote_exports - .
	.long	__start_mote_imports - .
	.long	__stop_mote_imports - .
	.long	FUNCTION_DISTANCE(main)
	.long	0
4:

	.section .note.GNU-stack,"",%progbits
