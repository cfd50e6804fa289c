/*
 * Does with the protocol whatever the host's test wants. See
 * hostile_aarch64.inc, and villain.S for what each function is for.
 */
#include "hostile_aarch64.inc"

import HostAdd, "i(ii)"
import HostText, "s(s)"
import HostLog, "v(s)", 1
import HostBytes, "y(y)"

	.macro argument number, register
	ldr \register, [x3, #SLOT + \number * SLOT_BYTES + SLOT_VALUE]
	.endm
	.macro length number, register
	ldr \register, [x3, #SLOT + \number * SLOT_BYTES + 4]
	.endm

	/* x6 bytes from x5 to x7. */
copy:
	cbz x6, 2f
1:	ldrb w8, [x5], #1
	strb w8, [x7], #1
	subs x6, x6, #1
	b.ne 1b
2:	ret

export Answer, "I()"
	mov x5, #42
	str x5, [x4, #SLOT + SLOT_VALUE]
	b done

export Id, "I()"
	ldr x5, [x3, #MESSAGE_ID]
	str x5, [x4, #SLOT + SLOT_VALUE]
	b done

	.macro evil name, result
	export \name, "\result(yyuuuuUU)"
	b act
	.endm
	evil EvilI64, I
	evil EvilI32, i
	evil EvilBool, b
	evil EvilString, s
	evil EvilBytes, y
	evil EvilVoid, v

act:
	argument 0, x5
	add x5, x5, x3
	length 0, w6
	argument 2, x7
	load x9, OUT_AREA
	add x7, x7, x9
	bl copy
	argument 1, x5
	add x5, x5, x3
	length 1, w6
	load x7, POST_AREA
	bl copy
	argument 3, x5
	load x9, CONTROL
	str w5, [x9, #CONTROL_POST_USED]
	argument 4, x9
	argument 5, x10
	argument 6, x0
	argument 7, x1
	/* No port has more bits. */
	and x9, x9, #0xffff
	load x16, DOORBELL
	add x16, x16, x9
	str w10, [x16]
	load x9, REPLY_AREA
	ldr x19, [x9]
	b finish

/* x0: where, x1: how many, x2: the byte. */
export Fill, "I(UUu)"
	cbz x1, 2f
1:	strb w2, [x0], #1
	subs x1, x1, #1
	b.ne 1b
2:	mov x19, #42
	b finish

/* One call of HostAdd. */
	.macro host_add
	load x4, OUT_AREA
	load x5, 0x4000040001		/* 64 bytes, version 1, a host call */
	str x5, [x4]
	mov x5, #7
	str x5, [x4, #MESSAGE_ID]
	str wzr, [x4, #MESSAGE_FUNCTION]
	mov w5, #2
	str w5, [x4, #20]
	str xzr, [x4, #24]
	mov x5, #1			/* i32 */
	str x5, [x4, #SLOT]
	str x5, [x4, #SLOT + 16]
	mov x5, #40
	str x5, [x4, #SLOT + 8]
	mov x5, #2
	str x5, [x4, #SLOT + 24]
	ring MOTE_PORT_HOST_CALL, wzr
	.endm

/* x0 calls of HostAdd; the result is the last one's. */
export CallHost, "I(U)"
	mov x20, x0
	mov x19, #0
1:	host_add
	load x4, REPLY_AREA
	ldr x19, [x4, #SLOT + SLOT_VALUE]
	subs x20, x20, #1
	b.ne 1b
	b finish

/* Prints x1 bytes, x0 times, each time with a flush. */
export Print, "I(UU)"
1:	load x4, POST_AREA
	mov w5, #1
	str w5, [x4]
	str w1, [x4, #4]
	add x5, x1, #15
	and x5, x5, #~7
	load x4, CONTROL
	str w5, [x4, #CONTROL_POST_USED]
	ring MOTE_PORT_FLUSH, wzr
	subs x0, x0, #1
	b.ne 1b
	mov x19, #0
	b finish

/* x0 random bytes; the result is the first word of them. */
export Random, "I(U)"
	load x4, REPLY_AREA
	str xzr, [x4]
	mov w5, #2
	ring MOTE_PORT_SERVICE, w5
	ldr x19, [x4]
	b finish

/* TPIDR_EL0 := x0; the result is the word there. */
export FsBase, "I(U)"
	mov w5, #1
	ring MOTE_PORT_SERVICE, w5
	mrs x5, tpidr_el0
	ldr x19, [x5]
	b finish

/* ------------------------------------------------- loops without an end */

export Spin, "I()"
1:	b 1b

export SpinSyscall, "I()"
	adr x5, 1f
	load x6, CONTROL
	str x5, [x6, #CONTROL_SYSCALL_HANDLER]
1:	svc #0
	udf #0

export SpinHost, "I()"
	load x0, 0x7fffffffffffffff
	b CallHost

export SpinFlush, "I()"
1:	ring MOTE_PORT_FLUSH, wzr
	b 1b

export SpinService, "I()"
1:	mov w5, #2
	mov x0, #256
	ring MOTE_PORT_SERVICE, w5
	b 1b

export SpinFpu, "I()"
	fmov d0, #1.0
	fmov d1, #3.0
1:	fdiv d2, d0, d1
	fsqrt d3, d2
	b 1b

/* No instruction of user mode goes to the hypervisor but the stores. */
export SpinVmmcall, "I()"
1:	yield
	b 1b

export SpinCpuid, "I()"
1:	mrs x5, cntvct_el0
	mrs x5, dczid_el0
	b 1b

/* Touches each page of the heap, over and over. */
export SpinHeap, "I()"
	load x5, CONTROL
	ldr x6, [x5, #CONTROL_HEAP_SIZE]
	load x8, HEAP
2:	mov x7, x8
	add x9, x8, x6
1:	ldr x5, [x7]
	add x5, x5, #1
	str x5, [x7]
	add x7, x7, #4096
	cmp x7, x9
	b.lo 1b
	b 2b

/* Counts in the second page of the out area: others see that it runs. */
export Count, "I()"
	load x4, OUT_AREA + 4096
	mov x5, #0
1:	str x5, [x4]
	add x5, x5, #1
	b 1b

/* The same after a host call. */
export HostThenCount, "I()"
	host_add
	b Count

	.section .note.GNU-stack, "", %progbits
