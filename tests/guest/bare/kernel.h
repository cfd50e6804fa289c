/* What the parts of the test kernel share. */
#ifndef BARE_KERNEL_H
#define BARE_KERNEL_H

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_USER_CODE 0x1b
#define SELECTOR_USER_DATA 0x23
#define SELECTOR_TSS 0x28

/* Where processes are. The second shared page is the same one again. */
#define USER_CODE 0x40000000
#define USER_DATA 0x40001000 /* its own */
#define USER_SHARED 0x40002000
#define USER_STACK_END 0x40005000

/* int 0x80 with the number in EAX, an argument in EBX. */
#define CALL_PRINT 1	/* a character */
#define CALL_YIELD 2	/* the other process goes on */
#define CALL_SNAPSHOT 3 /* the host may take a snapshot; EAX: how many */
#define CALL_EXIT 4

#endif
