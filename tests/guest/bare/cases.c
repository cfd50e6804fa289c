/*
 * One guest for many tests, of 32 and of 64 bits: the number says what it
 * does. In 32 bits it has no paging.
 */
#include "cases.h"
#include "io.h"

#ifdef __x86_64__
#define BARE_MODE 5
#include "note.h"
typedef uint64_t word;
#define STACK "rsp"
#define KEPT "rbx"
#else
typedef uint32_t word;
#define STACK "esp"
#define KEPT "ebx"
#endif

struct which {
	char mark[sizeof(CASE_MARK) - 1];
	volatile uint32_t number;
};

__attribute__((aligned(4096))) struct which which = { CASE_MARK, CASE_EXIT };

/* ---------------------------------------------------------- exceptions */

struct gate {
	uint16_t low;
	uint16_t selector;
	uint16_t flags;
	uint16_t high;
#ifdef __x86_64__
	uint32_t top;
	uint32_t zero;
#endif
};

struct __attribute__((packed)) table {
	uint16_t limit;
	word base;
};

#ifdef __x86_64__
#define CODE UINT64_C(0x00af9a000000ffff)
#else
#define CODE UINT64_C(0x00cf9a000000ffff)
#endif

static uint64_t gdt[] = { 0, CODE, UINT64_C(0x00cf92000000ffff) };
static struct gate idt[32];

/* Pushes nothing: whatever comes, it exits with the vector. */
#define EXITS(n)                                                     \
	__asm__(".globl vector" #n "\nvector" #n ": mov $" #n ", %eax\n" \
		"out %eax, $0xd0\n");                                \
	extern void vector##n(void)
EXITS(6);
EXITS(13);
EXITS(14);

/* Not by IRET, which not every hypervisor can emulate. */
__asm__(".globl again\nagain:\n"
#ifdef __x86_64__
	"mov %rbx, %rsp\nud2\n"
#else
	"mov %ebx, %esp\nud2\n"
#endif
);
extern void again(void);

static void set_gate(unsigned int vector, void (*handler)(void))
{
	word at = (word)(uintptr_t)handler;
	struct gate *gate = &idt[vector];

	gate->low = (uint16_t)at;
	gate->selector = 8;
	gate->flags = 0x8e00;
	gate->high = (uint16_t)(at >> 16);
}

static void set_tables(void)
{
	struct table table = { sizeof(gdt) - 1, (word)(uintptr_t)gdt };

	__asm__ volatile("lgdt %0" : : "m"(table));
	table.limit = sizeof(idt) - 1;
	table.base = (word)(uintptr_t)idt;
	set_gate(6, vector6);
	set_gate(13, vector13);
	set_gate(14, vector14);
	__asm__ volatile("lidt %0" : : "m"(table));
}

static void triple(void)
{
	struct table none = { 0, 0 };

	__asm__ volatile("lidt %0\nud2" : : "m"(none));
}

static char stack[4096] __attribute__((aligned(16)));

static void loop(void)
{
	set_gate(6, again);
	__asm__ volatile("mov %0, %%" STACK "\n"
			 "mov %%" STACK ", %%" KEPT "\n"
			 "ud2"
			 :
			 : "r"((word)(uintptr_t)(stack + sizeof(stack))));
}

static void bad_cr3(void)
{
	word value;

	__asm__ volatile("mov %0, %%cr3" : : "r"((word)0xf0000000));
	__asm__ volatile("mov %%cr0, %0\nor $0x80000000, %k0\nmov %0, %%cr0"
			 : "=&r"(value));
}

/* ------------------------------------------------------------ the rest */

static uint64_t read_msr(uint32_t number)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t number, uint32_t value)
{
	__asm__ volatile("wrmsr" : : "c"(number), "a"(value), "d"(0));
}

static int keep_msrs(void)
{
	int found = read_msr(0xc0000081) == 0 && read_msr(0xc0000102) == 0 &&
		    read_msr(0x176) == 0;

	write_msr(0xc0000081, 0x5ec2e7);
	write_msr(0xc0000102, 0x5ec2e7);
	write_msr(0x176, 0x5ec2e7);
	out32(MOTE_BARE_PORT_SNAPSHOT, 0);
	return found | (read_msr(0xc0000081) == 0x5ec2e7) << 1;
}

static void cpuid(uint32_t leaf, uint32_t out[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]),
			   "=d"(out[3])
			 : "a"(leaf), "c"(0));
}

/* VMX, x2APIC, APIC; shadow stacks; SVM; another hypervisor's name. */
static int hidden(void)
{
	uint32_t r[4];
	int found = 0;

	cpuid(1, r);
	found += (r[2] >> 5 & 1) + (r[2] >> 21 & 1) + (r[3] >> 9 & 1);
	cpuid(7, r);
	found += (r[2] >> 7 & 1) + (r[3] >> 20 & 1);
	cpuid(0x80000001, r);
	found += r[2] >> 2 & 1;
	cpuid(0x40000000, r);
	found += r[0] != 0x40000000 || r[1] != 0x65746f4d;
	cpuid(0x40000001, r);
	found += r[1] == 0x4b4d564b;
	return found;
}

/* APIC, MTRRs, machine checks: none of them is there. */
#define ABSENT (1u << 7 | 1u << 9 | 1u << 12 | 1u << 14)

/* Of what would tell which CPU of the host runs it. */
static void look_for_apic(void)
{
	uint32_t r[4];

	cpuid(1, r);
	if (r[1] >> 24)
		print("APIC id in leaf 1\n");
	if (r[3] & 1u << 9)
		print("APIC in leaf 1\n");
	if (r[3] & ABSENT & ~(1u << 9))
		print("MTRR in leaf 1\n");
	cpuid(0xb, r);
	if (r[0] | r[1] | r[2] | r[3])
		print("leaf 0xb\n");
	cpuid(0x1f, r);
	if (r[0] | r[1] | r[2] | r[3])
		print("leaf 0x1f\n");
	cpuid(0x80000001, r);
	if (r[3] & ABSENT)
		print("APIC in leaf 0x80000001\n");
	cpuid(0x8000001e, r);
	if (r[0])
		print("APIC id in leaf 0x8000001e\n");
}

static uint32_t sum_leaves(uint32_t from, uint32_t sum)
{
	uint32_t r[4];
	uint32_t last;
	uint32_t leaf;
	int i;

	cpuid(from, r);
	last = r[0] - from < 0x40 ? r[0] : from + 0x40;
	for (leaf = from; leaf <= last; leaf++) {
		cpuid(leaf, r);
		for (i = 0; i < 4; i++)
			sum = sum * 16777619 ^ r[i];
	}
	return sum;
}

static int leaves(void)
{
	look_for_apic();
	return (int)sum_leaves(0x80000000, sum_leaves(0, 0));
}

__attribute__((noinline)) static int old_value(void)
{
	int value;

	/* b8: mov imm32, %eax, whose immediate is rewritten. */
	__asm__ volatile(".globl patched\n.byte 0xb8\npatched: .long 1"
			 : "=a"(value));
	return value;
}

extern volatile uint32_t patched;

static int change_code(void)
{
	int before = old_value();

	*&patched = 2;
	return before * 10 + old_value();
}

static int strings(void)
{
	static const char text[] = "string\n";
	const char *from = text;
	word count = sizeof(text) - 1;
	uint8_t status[4] = { 0 };
	uint8_t *to = status;

	__asm__ volatile("rep outsb"
			 : "+S"(from), "+c"(count)
			 : "d"(MOTE_BARE_PORT_SERIAL)
			 : "memory");
	count = sizeof(status);
	__asm__ volatile("rep insb"
			 : "+D"(to), "+c"(count)
			 : "d"(MOTE_BARE_PORT_SERIAL + 5)
			 : "memory");
	return status[0] == 0x60 && status[3] == 0x60 && count == 0;
}

/* Probes a 16550 as drivers do. */
static int probe_serial(void)
{
	const uint16_t port = MOTE_BARE_PORT_SERIAL;

	out8(port + 1, 0);
	out8(port + 3, 0x80);
	out8(port, 3); /* divisor, not output */
	out8(port + 1, 0);
	out8(port + 3, 3);
	out8(port + 2, 0xc7);
	out8(port + 4, 0x1e);
	out8(port, 0xae); /* comes back, is not output */
	if (in8(port + 5) != 0x61 || in8(port) != 0xae || in8(port + 5) != 0x60)
		return 1;
	out8(port + 4, 0xf);
	out8(port + 7, 0x5a);
	if (in8(port + 7) != 0x5a || in8(port + 2) != 1 || in8(port + 3) != 3 ||
	    in8(port + 4) != 0xf || in8(port + 6) != 0xb0)
		return 2;
	print("ready\n");
	return 0;
}

static int look_at_memory(const struct mote_abi_bare_info *info)
{
	volatile uint32_t *first =
		(volatile uint32_t *)(uintptr_t)info->free_gpa;
	volatile uint32_t *last =
		(volatile uint32_t *)(uintptr_t)(info->free_gpa +
						 info->free_size - 4);

	if (info->magic != MOTE_BARE_MAGIC || info->version != 1 ||
	    info->scratch_gpa + info->scratch_size != MOTE_BARE_SCRATCH_END ||
	    info->free_gpa < info->scratch_gpa || *first != 0 || *last != 0)
		return 1;
	*first = 1;
	*last = 2;
	return *first + *last == 3 ? 0 : 2;
}

/* 1 the first time, 2 if it was continued; 0 if the state is lost. */
static int keep_vector(void)
{
	static const uint32_t values[4] __attribute__((aligned(16))) = {
		0xfeedf00d, 1, 2, 3
	};
	static uint32_t found[4] __attribute__((aligned(16)));
	uint32_t before = in32(MOTE_BARE_PORT_SNAPSHOT);
	word debug = 0x1234;
	word cr;

	__asm__ volatile("mov %%cr4, %0\nor $0x600, %k0\nmov %0, %%cr4"
			 : "=&r"(cr));
	__asm__ volatile("movdqu %0, %%xmm0" : : "m"(values));
	__asm__ volatile("mov %0, %%db0" : : "r"(debug));
	out32(MOTE_BARE_PORT_SNAPSHOT, 0);
	__asm__ volatile("movdqu %%xmm0, %0" : "=m"(found));
	__asm__ volatile("mov %%db0, %0" : "=r"(debug));
	if (found[0] != values[0] || found[3] != values[3] || debug != 0x1234)
		return 0;
	return in32(MOTE_BARE_PORT_SNAPSHOT) == before ? 1 : 2;
}

/* Counts in the image and in scratch, offering a snapshot each time. */
_Noreturn static void count(const struct mote_abi_bare_info *info)
{
	static uint32_t image_count;
	volatile uint32_t *scratch =
		(volatile uint32_t *)(uintptr_t)info->free_gpa;

	for (;;) {
		out32(MOTE_BARE_PORT_SNAPSHOT, 0);
		image_count++;
		++*scratch;
		print_hex(image_count << 16 | *scratch << 8 |
			  in32(MOTE_BARE_PORT_SNAPSHOT));
		print("\n");
	}
}

__attribute__((noinline)) static int deep(int depth)
{
	if (depth == 0)
		triple();
	return depth ? deep(depth - 1) + 1 : 0;
}

static int grow(const struct mote_abi_bare_info *info)
{
	uint64_t at;

	for (at = 0; at < info->free_size; at += 4096)
		*(volatile uint8_t *)(uintptr_t)(info->free_gpa + at) = 1;
	return 0;
}

_Noreturn static void grow_on(const struct mote_abi_bare_info *info)
{
	uint64_t at = 0;
	int i;

	for (;;) {
		*(volatile uint8_t *)(uintptr_t)(info->free_gpa + at) = 1;
		at = at + 4096 < info->free_size ? at + 4096 : 0;
		for (i = 0; i < 200; i++)
			__asm__ volatile("");
	}
}

static int write_often(void)
{
	static volatile uint32_t word_of_page;
	uint32_t i;

	for (i = 0; i < 30000; i++)
		word_of_page = i;
	return word_of_page == i - 1 ? 0 : 1;
}

#ifdef __x86_64__
static int keep_cr8(void)
{
	uint64_t before;
	uint64_t after;

	__asm__ volatile("mov %%cr8, %0" : "=r"(before));
	__asm__ volatile("mov %0, %%cr8" : : "r"(UINT64_C(7)));
	out32(MOTE_BARE_PORT_SNAPSHOT, 0);
	__asm__ volatile("mov %%cr8, %0" : "=r"(after));
	return (int)(before | after << 8);
}
#else
/* Code whose L bit is set, which counts in long mode only. */
static int long_code(void)
{
	static uint64_t other[] = { 0, UINT64_C(0x00ef9b000000ffff),
				    UINT64_C(0x00cf92000000ffff) };
	struct table table = { sizeof(other) - 1, (word)(uintptr_t)other };

	__asm__ volatile("lgdt %0\nljmp $8, $1f\n1:" : : "m"(table));
	out32(MOTE_BARE_PORT_SNAPSHOT, 0);
	return 45;
}
#endif

#ifdef __x86_64__
static uint64_t tables[3][512] __attribute__((aligned(4096)));
static char pages[2][4096] __attribute__((aligned(4096)));

/* A page of its own at 512 GiB: one, a snapshot, another one. */
static int remap(const struct mote_abi_bare_info *info)
{
	volatile uint64_t *root =
		(volatile uint64_t *)(uintptr_t)info->page_table_gpa;
	volatile char *at = (volatile char *)(UINT64_C(1) << 39);

	pages[0][0] = '1';
	pages[1][0] = '2';
	root[1] = (uintptr_t)tables[0] | 3;
	tables[0][0] = (uintptr_t)tables[1] | 3;
	tables[1][0] = (uintptr_t)tables[2] | 3;
	tables[2][0] = (uintptr_t)pages[0] | 3;
	out8(MOTE_BARE_PORT_SERIAL, (uint8_t)*at);
	out32(MOTE_BARE_PORT_SNAPSHOT, 0);
	out8(MOTE_BARE_PORT_SERIAL, (uint8_t)*at);
	tables[2][0] = (uintptr_t)pages[1] | 3;
	__asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
	out8(MOTE_BARE_PORT_SERIAL, (uint8_t)*at);
	return 0;
}
#endif

static int go_back(void)
{
#ifdef __x86_64__
	uint64_t top;

	__asm__ volatile("mov %%rsp, %0\n"
			 "mov %%ss, %%eax\npush %%rax\npush %0\npushf\n"
			 "mov %%cs, %%eax\npush %%rax\n"
			 "movabs $1f, %%rax\npush %%rax\niretq\n1:"
			 : "=&r"(top)
			 :
			 : "rax", "memory");
#else
	__asm__ volatile("pushf\npush %%cs\npush $1f\niret\n1:"
			 :
			 :
			 : "memory");
#endif
	return 43;
}

static int move_vector(void)
{
	uint32_t value = 44;
	word cr;

	__asm__ volatile("mov %%cr4, %0\nor $0x600, %k0\nmov %0, %%cr4"
			 : "=&r"(cr));
	__asm__ volatile("movd %0, %%xmm0\nxor %0, %0\nmovd %%xmm0, %0"
			 : "+r"(value));
	return (int)value;
}

extern char image_end[];

/* KVM_HC_KICK_CPU; -KVM_ENOSYS (linux/kvm_para.h). */
#define HYPERCALL 5u
#define NO_HYPERCALL (~0u - 999u)

static int misbehave(void)
{
	unsigned int eax = HYPERCALL;

	switch (which.number) {
	case CASE_IRET:
		return go_back();
	case CASE_MOVD:
		return move_vector();
	case CASE_VMCALL:
		__asm__ volatile("vmcall" : "+a"(eax) : : "memory");
		return eax == NO_HYPERCALL ? 7 : 1;
	case CASE_VMMCALL:
		__asm__ volatile("vmmcall" : "+a"(eax) : : "memory");
		return eax == NO_HYPERCALL ? 7 : 1;
	case CASE_HALT:
		__asm__ volatile("hlt");
		return 1;
	case CASE_SPIN:
		for (;;)
			__asm__ volatile("");
	case CASE_TRIPLE:
		triple();
		return 1;
	case CASE_LOOP:
		loop();
		return 1;
	case CASE_CR3:
		bad_cr3();
		return 1;
	case CASE_MSR_DENIED:
		return (int)read_msr(0x1b);
	case CASE_MSR_WRITE:
		write_msr(0x10, 0);
		return 1;
	case CASE_APIC:
		*(volatile uint32_t *)(uintptr_t)MOTE_BARE_SCRATCH_END = 1;
		return 1;
	case CASE_HOLE:
		*(volatile uint32_t *)(image_end + 0x10000) = 1;
		return 1;
	case CASE_STORM:
		for (;;)
			out8(MOTE_BARE_PORT_SERIAL, 'x');
	case CASE_POLL:
		for (;;)
			in8(MOTE_BARE_PORT_SERIAL + 5);
	case CASE_PORT:
		out8(0x80, 0);
		return 1;
	case CASE_PORT_SIZE:
		out8(MOTE_BARE_PORT_EXIT, 0);
		return 1;
	default:
		return 99;
	}
}

int main(const struct mote_abi_bare_info *info)
{
	set_tables();
	switch (which.number) {
	case CASE_EXIT:
		return 42;
	case CASE_MSR_KEPT:
		return keep_msrs();
	case CASE_STRING:
		return strings();
	case CASE_CPUID:
		return hidden();
	case CASE_LEAVES:
		return leaves();
	case CASE_SELF:
		return change_code();
	case CASE_SNAPSHOT:
		count(info);
	case CASE_SCRATCH:
		return look_at_memory(info);
	case CASE_SERIAL:
		return probe_serial();
	case CASE_STDERR:
		out8(MOTE_BARE_PORT_DEBUG, '!');
		print("out\n");
		return in8(MOTE_BARE_PORT_DEBUG);
	case CASE_VECTOR:
		return keep_vector();
	case CASE_FRAMES:
		return deep(4);
	case CASE_GROW:
		return grow(info);
	case CASE_GROW_ON:
		grow_on(info);
	case CASE_WRITES:
		return write_often();
#ifdef __x86_64__
	case CASE_CR8:
		return keep_cr8();
	case CASE_REMAP:
		return remap(info);
#else
	case CASE_CODE_L:
		return long_code();
#endif
	default:
		return misbehave();
	}
}
