/*
 * How a guest reaches the host: `out` to these I/O ports. (AArch64: below.)
 *
 * The I/O permission bitmap in the TSS lets user mode use the ports from
 * MOTE_PORT_FIRST to MOTE_PORT_LAST and no other. Each is used by a 4-byte
 * `out %eax,%dx`; the value is the message. They are 4 apart because such an
 * access needs the permission bits of 4 ports (SDM 1, I/O Permission Bit Map).
 */
#ifndef MOTE_ABI_TRAP_H
#define MOTE_ABI_TRAP_H

/* Init is done. eax 0; rdi the dispatch entry, rsi its stack pointer. */
#define MOTE_PORT_READY 0xC0
/* The calls are done. eax: offset of the first result in the out area. */
#define MOTE_PORT_RETURN 0xC4
/* Call a host function. eax: offset of the request in the out area. */
#define MOTE_PORT_HOST_CALL 0xC8
/* Drain the post area. eax 0. */
#define MOTE_PORT_FLUSH 0xCC
/* exit(). eax: status. */
#define MOTE_PORT_EXIT 0xD0
/* abort(). eax: signal number; rdi the address of the call. */
#define MOTE_PORT_ABORT 0xD4
/* A service of the host. eax: MOTE_SERVICE_*; rdi its argument. */
#define MOTE_PORT_SERVICE 0xD8

#define MOTE_PORT_FIRST MOTE_PORT_READY
#define MOTE_PORT_LAST (MOTE_PORT_SERVICE + 3)

/* FS base := rdi; only where an amd64 CPU has no user-mode WRFSBASE. */
#define MOTE_SERVICE_SET_FS_BASE 1
/* rdi random bytes, at most MOTE_RANDOM_MAX, at the start of the reply area. */
#define MOTE_SERVICE_RANDOM 2
/* rdi: address of a struct mote_abi_heap. Only if the host asks for it. */
#define MOTE_SERVICE_HEAP 3

#define MOTE_RANDOM_MAX 256

/*
 * AArch64 has no ports: a doorbell takes their place. User mode stores the
 * 4-byte value to MOTE_GVA_DOORBELL + port, and no host memory is behind that
 * page; x0 and x1 are the arguments, where rdi and rsi are on amd64. The
 * exception vectors do the same in a page that only they reach:
 * MOTE_GVA_DOORBELL_FAULT + 4 * the number of the vector (Arm ARM, D1.3.2: 0
 * to 15), with x0 of the guest in TPIDR_EL1; what happened is in ESR_EL1 and
 * FAR_EL1, and the guest's pc, sp and pstate in ELR_EL1, SP_EL0 and SPSR_EL1.
 */
#define MOTE_GPA_DOORBELL UINT64_C(0xff00000000)
#define MOTE_GPA_DOORBELL_FAULT UINT64_C(0xff00001000)
#define MOTE_DOORBELL_VECTORS 16
/* Of the vectors the one that user mode gets into: synchronous, AArch64. */
#define MOTE_DOORBELL_SYNCHRONOUS 8
/*
 * `svc #0` is libc's: EL1 puts the return address into TPIDRRO_EL0 and goes
 * on in user mode at the control page's syscall_handler, all other registers
 * as they were. `svc #1` goes back to TPIDRRO_EL0. EL1 uses TPIDR_EL1 and no
 * stack; SP_EL1 counts for nothing.
 */
#define MOTE_SVC_CALL 0
#define MOTE_SVC_RETURN 1

/*
 * Exception stubs only (supervisor mode): port = this + vector. The frame is
 * on the interrupt stack.
 */
#define MOTE_PORT_FAULT 0x20
#define MOTE_FAULT_VECTORS 32

#endif
