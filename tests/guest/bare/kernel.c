/*
 * A small 32-bit kernel: its own descriptor tables and page tables (of two
 * levels, or PAE), two processes in user mode and in address spaces of their
 * own that share a page. They take turns; at each turn the kernel offers the
 * host a snapshot.
 *
 * WITH_PAE, and BARE_MODE if it is to be started otherwise than without paging.
 */
#include "kernel.h"
#include "io.h"

#ifdef BARE_MODE
#include "note.h"
#endif

#define PAGE 4096u
#define PRESENT 1u
#define WRITE 2u
#define USER 4u

#ifdef WITH_PAE
typedef uint64_t entry_t;
#define ENTRIES 512u
#define LEVEL_SHIFT 21
#else
typedef uint32_t entry_t;
#define ENTRIES 1024u
#define LEVEL_SHIFT 22
#endif

typedef entry_t page_table[ENTRIES] __attribute__((aligned(4096)));

struct frame {
	uint32_t edi, esi, ebp, unused, ebx, edx, ecx, eax;
	uint32_t vector, error;
	uint32_t eip, cs, eflags, esp, ss;
};

struct __attribute__((packed)) table {
	uint16_t limit;
	uint32_t base;
};

struct gate {
	uint16_t low, selector, flags, high;
};

struct process {
	/* The PDPT of PAE comes first. */
	entry_t top[4] __attribute__((aligned(32)));
	page_table directory_kernel, directory_user, kernel, user;
	uint8_t data[PAGE], stack[PAGE] __attribute__((aligned(4096)));
	struct frame frame;
};

extern const uint32_t vectors[32];
extern void vector128(void);
extern const uint8_t process[PAGE];
extern char image_end[];

static uint64_t gdt[6] = {
	0,
	UINT64_C(0x00cf9a000000ffff),
	UINT64_C(0x00cf92000000ffff),
	UINT64_C(0x00cffa000000ffff),
	UINT64_C(0x00cff2000000ffff),
};
static struct gate idt[129];
static uint32_t tss[26];
static uint8_t trap_stack[2 * PAGE] __attribute__((aligned(4096)));
static uint8_t shared[PAGE] __attribute__((aligned(4096)));
static struct process processes[2] __attribute__((aligned(4096)));
static unsigned int current;

static void set_gate(unsigned int vector, uint32_t address, uint16_t flags)
{
	idt[vector].low = (uint16_t)address;
	idt[vector].selector = SELECTOR_CODE;
	idt[vector].flags = flags;
	idt[vector].high = (uint16_t)(address >> 16);
}

static void set_tables(void)
{
	struct table table = { sizeof(gdt) - 1, (uint32_t)gdt };
	uint32_t base = (uint32_t)tss;
	unsigned int i;

	gdt[5] = UINT64_C(0x0000890000000067) |
		 (uint64_t)(base & 0xffffff) << 16 |
		 (uint64_t)(base >> 24) << 56;
	tss[1] = (uint32_t)(trap_stack + sizeof(trap_stack));
	tss[2] = SELECTOR_DATA;
	__asm__ volatile("lgdt %0\n"
			 "ljmp %1, $1f\n"
			 "1: mov %2, %%ds\n mov %2, %%es\n mov %2, %%ss\n"
			 "mov %2, %%fs\n mov %2, %%gs\n"
			 "ltr %w3"
			 :
			 : "m"(table), "i"(SELECTOR_CODE), "r"(SELECTOR_DATA),
			   "r"(SELECTOR_TSS));
	for (i = 0; i < 32; i++)
		set_gate(i, vectors[i], 0x8e00);
	set_gate(128, (uint32_t)vector128, 0xee00);
	table.limit = sizeof(idt) - 1;
	table.base = (uint32_t)idt;
	__asm__ volatile("lidt %0" : : "m"(table));
}

static void map(entry_t *pages, uint32_t virtual, const void *physical,
		uint32_t rights)
{
	pages[virtual / PAGE % ENTRIES] =
		(uint32_t)physical | PRESENT | rights;
}

/* The kernel where it is, in the first table; the process behind 1 GiB. */
static void make_space(struct process *it, char name)
{
	entry_t *low = it->directory_kernel;
	entry_t *high = it->directory_user;
	uint32_t at;

	for (at = 0; at < ENTRIES * PAGE; at += PAGE)
		map(it->kernel, at, (const void *)at, WRITE);
#ifdef WITH_PAE
	it->top[0] = (uint32_t)it->directory_kernel | PRESENT;
	it->top[1] = (uint32_t)it->directory_user | PRESENT;
#else
	high = low;
#endif
	low[0] = (uint32_t)it->kernel | PRESENT | WRITE;
	high[(USER_CODE >> LEVEL_SHIFT) % ENTRIES] =
		(uint32_t)it->user | PRESENT | WRITE | USER;
	map(it->user, USER_CODE, process, USER);
	map(it->user, USER_DATA, it->data, USER | WRITE);
	map(it->user, USER_SHARED, shared, USER | WRITE);
	map(it->user, USER_STACK_END - PAGE, it->stack, USER | WRITE);
	it->data[0] = (uint8_t)name;
	it->frame.eip = USER_CODE;
	it->frame.cs = SELECTOR_USER_CODE;
	it->frame.eflags = 2;
	it->frame.esp = USER_STACK_END;
	it->frame.ss = SELECTOR_USER_DATA;
}

static void use_space(struct process *it)
{
#ifdef WITH_PAE
	uint32_t root = (uint32_t)it->top;
#else
	uint32_t root = (uint32_t)it->directory_kernel;
#endif
	__asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
}

static void start_paging(void)
{
	uint32_t value;

#ifdef WITH_PAE
	__asm__ volatile("mov %%cr4, %0\nor $0x20, %0\nmov %0, %%cr4"
			 : "=&r"(value));
#endif
	use_space(&processes[0]);
	__asm__ volatile("mov %%cr0, %0\nor $0x80010000, %0\nmov %0, %%cr0"
			 : "=&r"(value));
}

static void copy(void *to, const void *from, uint32_t size)
{
	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(size)
			 :
			 : "memory");
}

static struct frame *yield(struct frame *frame)
{
	copy(&processes[current].frame, frame, sizeof(*frame));
	current = 1 - current;
	use_space(&processes[current]);
	copy(frame, &processes[current].frame, sizeof(*frame));
	return frame;
}

struct frame *trap(struct frame *frame);

struct frame *trap(struct frame *frame)
{
	if (frame->vector != 128) {
		print("exception ");
		print_hex(frame->vector);
		print(" at ");
		print_hex(frame->eip);
		print("\n");
		leave(100 + frame->vector);
	}
	switch (frame->eax) {
	case CALL_PRINT:
		out8(MOTE_BARE_PORT_SERIAL, (uint8_t)frame->ebx);
		break;
	case CALL_SNAPSHOT:
		out32(MOTE_BARE_PORT_SNAPSHOT, 0);
		frame->eax = in32(MOTE_BARE_PORT_SNAPSHOT);
		break;
	case CALL_YIELD:
		return yield(frame);
	case CALL_EXIT:
		print("\n");
		leave(frame->ebx);
	default:
		leave(99);
	}
	return frame;
}

extern void enter_user(struct frame *frame);
__asm__(".globl enter_user\nenter_user:\n"
	"mov 4(%esp), %esp\n"
	"mov $0x23, %eax\nmov %eax, %ds\nmov %eax, %es\n"
	"popa\nadd $8, %esp\niret\n");

int main(const struct mote_abi_bare_info *info)
{
	(void)info;
	print("kernel: ");
	if ((uint32_t)image_end > ENTRIES * PAGE)
		return 98;
	set_tables();
#ifdef BARE_MODE
	{
		uint32_t cr0;

		/* Formats of tables change only without paging. */
		__asm__ volatile("mov %%cr0, %0\nand $0x7fffffff, %0\n"
				 "mov %0, %%cr0"
				 : "=&r"(cr0));
		__asm__ volatile("mov %%cr4, %0\nand $~0x20, %0\nmov %0, %%cr4"
				 : "=&r"(cr0));
	}
#endif
	make_space(&processes[0], 'A');
	make_space(&processes[1], 'B');
	start_paging();
	enter_user(&processes[0].frame);
	return 97;
}
