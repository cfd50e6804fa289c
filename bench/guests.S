/* The guests, whole. BENCH_GUEST and BENCH_SMALL_GUEST are paths. */
	.section .rodata
	.globl	bench_guest
	.globl	bench_guest_end
	.globl	bench_small_guest
	.globl	bench_small_guest_end
	.balign	4096
bench_guest:
	.incbin	BENCH_GUEST
bench_guest_end:
	.balign	4096
bench_small_guest:
	.incbin	BENCH_SMALL_GUEST
bench_small_guest_end:

	.section .note.GNU-stack,"",@progbits
