#include "floor.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <mote/value.h>

#include "abi/call.h"
#include "abi/layout.h"
#include "abi/trap.h"

#define PAGE UINT64_C(4096)
#define LARGE (UINT64_C(2) << 20)
#define MIB (UINT64_C(1) << 20)

/* What mote.h documents as defaults, and the post area. */
#define HEAP_BYTES (16 * MIB)
#define STACK_BYTES (1 * MIB)
#define IO_BYTES (1 * MIB + PAGE)
#define POST_BYTES (64 * UINT64_C(1024))

/* Guest-physical: the root table, then descriptors, then the rest. */
#define GPA_ROOT UINT64_C(0)
#define GPA_TSS PAGE

#define PTE_PRESENT (UINT64_C(1) << 0)
#define PTE_WRITE (UINT64_C(1) << 1)
#define PTE_USER (UINT64_C(1) << 2)
#define PTE_USED (UINT64_C(3) << 5) /* accessed and dirty */
#define PTE_LARGE (UINT64_C(1) << 7)
#define PTE_NX (UINT64_C(1) << 63)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)

#define TSS_BYTES 0x200
#define TSS_IOPB 104
#define SELECTOR_TSS 0x28

#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084

struct cpuid_table {
	uint32_t count;
	uint32_t padding;
	struct kvm_cpuid_entry2 entries[256];
};

struct floor_host {
	int kvm;
	size_t run_size;
	struct cpuid_table cpuid;
};

/*
 * For LSTAR: to the guest's handler in user mode. Hardware comes here at
 * CPL0, kvm-pvm at CPL3. The control page is the page before it.
 */
__asm__(".pushsection .rodata\n"
	"floor_syscall:\n"
	"	mov %rcx, (floor_syscall - 4096 + 112)(%rip)\n"
	"	mov %cs, %ecx\n"
	"	test $3, %cl\n"
	"	jnz 1f\n"
	"	mov (floor_syscall - 4096 + 120)(%rip), %rcx\n"
	"	mov $0x202, %r11d\n"
	"	sysretq\n"
	"1:	jmp *(floor_syscall - 4096 + 120)(%rip)\n"
	"floor_syscall_end:\n"
	/* The loop: out %eax, %dx again and again. */
	"floor_loop:\n"
	"1:	out %eax, %dx\n"
	"	jmp 1b\n"
	"floor_spin_start:\n"
	"1:	jmp 1b\n"
	"floor_loop_end:\n"
	".popsection\n");
extern const uint8_t floor_syscall[];
extern const uint8_t floor_syscall_end[];
extern const uint8_t floor_loop[];
extern const uint8_t floor_spin_start[];
extern const uint8_t floor_loop_end[];

static int fail(struct floor_vm *vm, const char *step)
{
	vm->failed = step;
	return -1;
}

static void *at(const struct floor_vm *vm, uint64_t gpa)
{
	return vm->memory + gpa;
}

/* Fresh memory is zero: nothing to clear. */
static uint64_t take(struct floor_vm *vm, uint64_t size)
{
	uint64_t gpa = vm->next;

	if (size >= LARGE)
		gpa = (gpa + LARGE - 1) & ~(LARGE - 1);
	vm->next = gpa + size;
	return gpa;
}

static void map_page(struct floor_vm *vm, uint64_t gva, unsigned int last_shift,
		     uint64_t entry)
{
	uint64_t *table = at(vm, GPA_ROOT);
	unsigned int shift;

	for (shift = 39; shift > last_shift; shift -= 9) {
		uint64_t *link = &table[(gva >> shift) & 511];

		if (!*link)
			*link = take(vm, PAGE) | PTE_PRESENT | PTE_WRITE |
				PTE_USER | PTE_USED;
		table = at(vm, *link & PTE_ADDRESS);
	}
	table[(gva >> last_shift) & 511] = entry;
}

/* Takes memory for [gva, gva + size) and maps it, large where it can be. */
static uint64_t map(struct floor_vm *vm, uint64_t gva, uint64_t size,
		    uint64_t bits)
{
	uint64_t first = take(vm, size);
	uint64_t gpa = first;
	uint64_t end = gva + size;

	bits |= PTE_PRESENT | PTE_USED;
	while (gva < end) {
		bool large =
			((gva | gpa) & (LARGE - 1)) == 0 && end - gva >= LARGE;
		uint64_t step = large ? LARGE : PAGE;

		map_page(vm, gva, large ? 21 : 12,
			 gpa | bits | (large ? PTE_LARGE : 0));
		gva += step;
		gpa += step;
	}
	return first;
}

struct floor_host *floor_host_open(void)
{
	struct floor_host *host = malloc(sizeof(*host));
	int size;

	if (!host)
		return NULL;
	host->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	host->cpuid.count = 256;
	size = ioctl(host->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0 ||
	    ioctl(host->kvm, KVM_GET_SUPPORTED_CPUID, &host->cpuid) < 0) {
		floor_host_close(host);
		return NULL;
	}
	host->run_size = (size_t)size;
	return host;
}

void floor_host_close(struct floor_host *host)
{
	if (!host)
		return;
	if (host->kvm >= 0)
		close(host->kvm);
	free(host);
}

static int create(struct floor_vm *vm, struct floor_host *host,
		  uint64_t memory_size)
{
	struct kvm_userspace_memory_region region = { .memory_size =
							      memory_size };
	void *memory;
	void *run;

	memset(vm, 0, sizeof(*vm));
	vm->fd = -1;
	vm->vcpu = -1;
	vm->owned = !host;
	vm->host = host ? host : floor_host_open();
	if (!vm->host)
		return fail(vm, "open /dev/kvm, KVM_GET_SUPPORTED_CPUID");
	vm->fd = ioctl(vm->host->kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return fail(vm, "KVM_CREATE_VM");
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return fail(vm, "mmap");
	vm->memory = memory;
	vm->memory_size = memory_size;
	region.userspace_addr = (uintptr_t)memory;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return fail(vm, "KVM_SET_USER_MEMORY_REGION");
	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		return fail(vm, "KVM_CREATE_VCPU");
	run = mmap(NULL, vm->host->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   vm->vcpu, 0);
	if (run == MAP_FAILED)
		return fail(vm, "mmap of the virtual CPU");
	vm->run = run;
	if (ioctl(vm->vcpu, KVM_SET_CPUID2, &vm->host->cpuid) < 0)
		return fail(vm, "KVM_SET_CPUID2");
	vm->next = GPA_TSS + PAGE;
	return 0;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.dpl = 3,
		.db = type == 3,
		.s = 1,
		.l = type == 0xb,
		.g = 1,
	};
}

/* The I/O bitmap of a busy TSS: see src/hv/kvm/vcpu_amd64.c. */
static uint8_t tss_type(void)
{
	unsigned int eax;
	unsigned int ebx = 0;
	unsigned int ecx;
	unsigned int edx;

	__get_cpuid(0, &eax, &ebx, &ecx, &edx);
	return ebx == signature_AMD_ebx ? 9 : 11;
}

/* User mode, 4-level paging, a TSS that allows Mote's ports. */
static int start_cpu(struct floor_vm *vm)
{
	struct kvm_sregs sregs;
	uint8_t *tss = at(vm, GPA_TSS);
	unsigned int port;

	map_page(vm, MOTE_GVA_SUPERVISOR, 12,
		 GPA_TSS | PTE_PRESENT | PTE_USED | PTE_NX);
	tss[102] = TSS_IOPB;
	memset(tss + TSS_IOPB, 0xff, TSS_BYTES - TSS_IOPB);
	for (port = MOTE_PORT_FIRST; port <= MOTE_PORT_LAST; port++)
		tss[TSS_IOPB + port / 8] &= (uint8_t) ~(1u << (port % 8));
	if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs) < 0)
		return fail(vm, "KVM_GET_SREGS");
	sregs.cs = segment(0x23, 0xb);
	sregs.ss = segment(0x1b, 3);
	sregs.ds = sregs.ss;
	sregs.es = sregs.ss;
	sregs.fs = sregs.ss;
	sregs.gs = sregs.ss;
	sregs.tr.base = MOTE_GVA_SUPERVISOR;
	sregs.tr.limit = TSS_BYTES - 1;
	sregs.tr.selector = SELECTOR_TSS;
	sregs.tr.type = tss_type();
	sregs.cr0 = 0x80050033;
	sregs.cr3 = GPA_ROOT;
	sregs.cr4 = 0x10620; /* PAE, OSFXSR, OSXMMEXCPT, FSGSBASE */
	sregs.efer = 0xd01;  /* SCE, LME, LMA, NXE */
	if (ioctl(vm->vcpu, KVM_SET_SREGS, &sregs) < 0)
		return fail(vm, "KVM_SET_SREGS");
	vm->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	return 0;
}

/* Enters at pc; 0 when the guest has used that port. */
static int enter(struct floor_vm *vm, uint64_t pc, uint64_t sp, uint64_t rdi,
		 uint64_t rsi, unsigned int port)
{
	struct kvm_run *run = vm->run;
	struct kvm_regs *regs = &run->s.regs.regs;

	memset(regs, 0, sizeof(*regs));
	regs->rip = pc;
	regs->rsp = sp;
	regs->rdi = rdi;
	regs->rsi = rsi;
	regs->rdx = port;
	regs->rflags = 0x202;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	if (ioctl(vm->vcpu, KVM_RUN, 0) < 0)
		return fail(vm, "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != port) {
		errno = EPROTO;
		return fail(vm, "KVM_RUN, unexpected exit");
	}
	return 0;
}

int floor_open_loop(struct floor_vm *vm)
{
	uint64_t gpa;

	if (create(vm, NULL, 16 * PAGE) < 0 || start_cpu(vm) < 0)
		return -1;
	gpa = map(vm, MOTE_GVA_PIE_BASE, PAGE, PTE_USER);
	memcpy(at(vm, gpa), floor_loop, (size_t)(floor_loop_end - floor_loop));
	return floor_round_trip(vm);
}

int floor_round_trip(struct floor_vm *vm)
{
	return enter(vm, MOTE_GVA_PIE_BASE, 0, 0, 0, MOTE_PORT_RETURN);
}

int floor_spin(struct floor_vm *vm)
{
	struct kvm_run *run = vm->run;
	struct kvm_regs *regs = &run->s.regs.regs;

	memset(regs, 0, sizeof(*regs));
	regs->rip = MOTE_GVA_PIE_BASE +
		    (uint64_t)(floor_spin_start - floor_loop);
	regs->rflags = 0x202;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	if (ioctl(vm->vcpu, KVM_RUN, 0) < 0 && errno == EINTR)
		return 0;
	return fail(vm, "KVM_RUN, not interrupted");
}

static void load(struct floor_vm *vm, const uint8_t *elf)
{
	const Elf64_Ehdr *header = (const void *)elf;
	const Elf64_Phdr *part = (const void *)(elf + header->e_phoff);
	int i;

	for (i = 0; i < header->e_phnum; i++, part++) {
		uint64_t skip = part->p_vaddr % PAGE;
		uint64_t size = (skip + part->p_memsz + PAGE - 1) & ~(PAGE - 1);
		uint64_t bits = PTE_USER;

		if (part->p_type != PT_LOAD)
			continue;
		if (part->p_flags & PF_W)
			bits |= PTE_WRITE;
		if (!(part->p_flags & PF_X))
			bits |= PTE_NX;
		memcpy((uint8_t *)at(
			       vm, map(vm, part->p_vaddr - skip, size, bits)) +
			       skip,
		       elf + part->p_offset, part->p_filesz);
	}
}

/* struct kvm_msrs with room. */
static int set_syscall(struct floor_vm *vm)
{
	struct {
		uint32_t count;
		uint32_t padding;
		struct kvm_msr_entry entries[3];
	} msrs = {
		.count = 3,
		.entries = {
			{ .index = MSR_STAR,
			  .data = UINT64_C(0x0010000800000000) },
			{ .index = MSR_LSTAR, .data = MOTE_GVA_SYSCALL },
			{ .index = MSR_SFMASK, .data = 0x44700 },
		},
	};

	if (ioctl(vm->vcpu, KVM_SET_MSRS, &msrs) != 3)
		return fail(vm, "KVM_SET_MSRS");
	return 0;
}

/* What a call needs to know of the memory that prepare() laid out. */
struct areas {
	uint8_t *call;
	const uint8_t *out;
};

static void prepare(struct floor_vm *vm, const uint8_t *elf,
		    struct areas *areas)
{
	const uint64_t rw = PTE_USER | PTE_WRITE | PTE_NX;
	struct mote_abi_control *control;

	memcpy(at(vm, map(vm, MOTE_GVA_SYSCALL, PAGE, PTE_USER)), floor_syscall,
	       (size_t)(floor_syscall_end - floor_syscall));
	control = at(vm, map(vm, MOTE_GVA_CONTROL, PAGE, rw));
	control->magic = MOTE_CONTROL_MAGIC;
	control->abi_version = MOTE_ABI_VERSION;
	control->features = MOTE_FEATURE_FSGSBASE;
	control->heap_size = HEAP_BYTES;
	control->stack_size = STACK_BYTES;
	control->io_size = IO_BYTES;
	control->post_size = POST_BYTES;
	if (getrandom(control->random, sizeof(control->random), 0) < 0)
		memset(control->random, 1, sizeof(control->random));
	load(vm, elf);
	map(vm, MOTE_GVA_POST, POST_BYTES, rw);
	areas->call = at(vm, map(vm, MOTE_GVA_CALL, IO_BYTES, rw));
	map(vm, MOTE_GVA_REPLY, IO_BYTES, rw);
	areas->out = at(vm, map(vm, MOTE_GVA_OUT, IO_BYTES, rw));
	map(vm, MOTE_GVA_STACK_TOP - STACK_BYTES, STACK_BYTES, rw);
	map(vm, MOTE_GVA_HEAP, HEAP_BYTES, rw);
}

int floor_open_program(struct floor_vm *vm, struct floor_host *host,
		       const void *elf, int32_t *answer)
{
	const uint64_t size = HEAP_BYTES + STACK_BYTES + 3 * IO_BYTES + 4 * MIB;
	const struct mote_abi_message call = {
		.version = MOTE_MESSAGE_VERSION,
		.kind = MOTE_MESSAGE_CALL,
		.size = sizeof(call),
		.function = 0,
	};
	struct mote_abi_slot slot;
	struct areas areas;

	if (create(vm, host, size) < 0 || start_cpu(vm) < 0 ||
	    set_syscall(vm) < 0)
		return -1;
	prepare(vm, elf, &areas);
	if (enter(vm, ((const Elf64_Ehdr *)elf)->e_entry, MOTE_GVA_STACK_TOP,
		  MOTE_GVA_CONTROL, 0, MOTE_PORT_READY) < 0)
		return -1;
	memcpy(areas.call, &call, sizeof(call));
	if (enter(vm, vm->run->s.regs.regs.rdi, vm->run->s.regs.regs.rsi,
		  MOTE_GVA_CALL, 1, MOTE_PORT_RETURN) < 0)
		return -1;
	memcpy(&slot, areas.out + sizeof(struct mote_abi_message),
	       sizeof(slot));
	if (slot.type != MOTE_TYPE_I32) {
		errno = EPROTO;
		return fail(vm, "the guest's answer");
	}
	*answer = (int32_t)slot.value;
	return 0;
}

void floor_close(struct floor_vm *vm)
{
	if (vm->run)
		munmap(vm->run, vm->host->run_size);
	if (vm->vcpu >= 0)
		close(vm->vcpu);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->memory)
		munmap(vm->memory, vm->memory_size);
	if (vm->owned)
		floor_host_close(vm->host);
}
