/* A kernel of 64 bits that has everything done for it. */
#include <mote_bare.h>

MOTE_BARE_GUEST(MOTE_BARE_LONG, 0);

/* EBX: the page of information. What kernel() returns is the status. */
__asm__(".globl _start\n"
	"_start: mov %ebx, %edi\n"
	"	call kernel\n"
	"	outl %eax, $0xd0\n");

static void print(const char *text)
{
	for (; *text; text++)
		__asm__ volatile("outb %0, %1"
				 :
				 : "a"(*text),
				   "d"((uint16_t)MOTE_BARE_PORT_SERIAL));
}

uint32_t kernel(const struct mote_abi_bare_info *info)
{
	uint32_t snapshots;

	print(info->free_size >> 20 ? "I have megabytes\n" : "I am poor\n");
	__asm__ volatile("outl %0, $0xdc" : : "a"(0));
	__asm__ volatile("inl $0xdc, %0" : "=a"(snapshots));
	print(snapshots ? "I was saved\n" : "I was not saved\n");
	return 40 + snapshots;
}
