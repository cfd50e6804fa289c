/*
 * Numbers of abi/ for assembly, which cannot read those headers. start.c
 * asserts that they are the same.
 */
#ifndef MOTE_RT_ASM_H
#define MOTE_RT_ASM_H

#define ASM_ABI_VERSION 1
#define ASM_NOTE_TYPE 1
#define ASM_PORT_READY 0xC0
#define ASM_SYSCALL_RETURN 0x700000000070
#define ASM_DOORBELL 0x700040000000

#endif
