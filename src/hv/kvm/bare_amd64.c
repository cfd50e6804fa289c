/*
 * Bare guests: the whole CPU is theirs, so all of it is set, read and put
 * back. MSRs that a snapshot does not keep they cannot reach: a filter makes
 * any use of them #GP in the guest (KVM api, KVM_X86_SET_MSR_FILTER).
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "arch/amd64/boot.h"
#include "arch/amd64/xsave.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"

static const char setting[] = "set CPU";
static const char reading[] = "read CPU";

/* Needed by VMX for what is not paged; behind all that a guest has. */
#define TSS_ADDRESS 0xfffbd000ul

#define MSR_TSC 0x10
#define MSR_SYSENTER_CS 0x174
#define MSR_PAT 0x277
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_FS_BASE 0xc0000100
#define MSR_KERNEL_GS_BASE 0xc0000102

/* x87, SSE, AVX, AVX-512: what snapshots keep. */
#define XCR0_BITS UINT64_C(0xe7)
#define TSS_BUSY_BIT 2u
#define SEGMENT_L 0x2000u
#define APIC_BASE_ENABLE 0x800u
#define CR0_PG 0x80000000u
#define EFER_LMA 0x400u

#define VECTOR_BYTES sizeof(((struct mti_bare_state *)NULL)->vector)

_Static_assert(VECTOR_BYTES == sizeof(struct kvm_xsave),
	       "what KVM_GET_XSAVE fills");

/* In the order of enum mti_bare_msr. */
static const uint32_t msr_indices[MTI_BARE_MSRS] = {
	MSR_STAR,	    MSR_STAR + 1,	 MSR_STAR + 2,
	MSR_STAR + 3,	    MSR_KERNEL_GS_BASE,	 MSR_SYSENTER_CS,
	MSR_SYSENTER_CS + 1, MSR_SYSENTER_CS + 2, MSR_PAT,
};

/* ------------------------------------------------------------ a new VM */

/* The time may be read; all else that is allowed is kept by snapshots. */
static int set_filter(struct mti_vm *vm)
{
	static uint8_t all[1] = { 0xff };
	static const struct kvm_msr_filter_range ranges[] = {
		{ KVM_MSR_FILTER_READ, 1, MSR_TSC, all },
		{ KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, 3,
		  MSR_SYSENTER_CS, all },
		{ KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, 1, MSR_PAT, all },
		{ KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, 5, MSR_EFER,
		  all },
		{ KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, 3, MSR_FS_BASE,
		  all },
	};
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_DENY,
	};

	memcpy(filter.ranges, ranges, sizeof(ranges));
	return mti_os_ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter);
}

/* Machine checks, APIC, MTRRs: their MSRs are refused. */
#define EDX_ABSENT (1u << 7 | 1u << 9 | 1u << 12 | 1u << 14)

/*
 * Beyond what keep_leaf() hides: state that snapshots do not keep, and the
 * numbers of the host's CPU that KVM was asked on.
 */
static void hide(struct kvm_cpuid_entry2 *entry)
{
	switch (entry->function) {
	case 0x1:
		/* Says that it is a virtual machine; no APIC, so no id. */
		entry->ebx &= 0x00ffffff;
		entry->ecx |= 1u << 31;
		entry->edx &= ~EDX_ABSENT;
		break;
	case 0x7:
		/* Protection keys, shadow stacks; branch tracking, AMX. */
		entry->ecx &= ~(1u << 3 | 1u << 7 | 1u << 31);
		entry->edx &= ~(1u << 20 | 1u << 22 | 1u << 24 | 1u << 25);
		break;
	case 0xd:
		if (entry->index == 0) {
			entry->eax &= 0xe7;
			entry->edx = 0;
		} else if (entry->index == 1) {
			/* XSAVES, XFD: their MSRs cannot be reached. */
			entry->eax &= ~(1u << 3 | 1u << 4);
			entry->ecx = 0;
		}
		break;
	case 0xb:
	case 0x1f:
		entry->eax = 0;
		entry->ebx = 0;
		entry->ecx = 0;
		entry->edx = 0;
		break;
	case 0x80000001:
		entry->edx &= ~EDX_ABSENT;
		break;
	case 0x8000001e:
		entry->eax = 0;
		break;
	case 0x40000000:
		entry->eax = 0x40000000;
		memcpy(&entry->ebx, "Mote", 4);
		memcpy(&entry->ecx, "Mote", 4);
		memcpy(&entry->edx, "Mote", 4);
		break;
	default:
		break;
	}
}

static int set_cpuid(struct mti_vm *vm)
{
	struct kvm_cpuid_table table = vm->hv->cpuid;
	uint32_t i;

	for (i = 0; i < table.count; i++)
		hide(&table.entries[i]);
	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_CPUID2, &table);
}

static int enable(int fd, uint32_t capability, uint64_t argument)
{
	struct kvm_enable_cap cap = { .cap = capability, .args = { argument } };

	return mti_os_ioctl(fd, KVM_ENABLE_CAP, &cap);
}

mote_status mti_kvm_bare_init(struct mti_vm *vm, mote_error *err)
{
	static const char operation[] = "create VM";
	struct kvm_sregs *sregs = &vm->run->s.regs.sregs;
	int os;

	os = set_filter(vm);
	if (os < 0)
		return mti_error_os(err, MOTE_E_UNSUPPORTED, operation, -os,
				    "bare guests need a filter of MSRs, Linux "
				    "5.10: KVM_X86_SET_MSR_FILTER");
	os = set_cpuid(vm);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -os,
				    "KVM_SET_CPUID2");
	/* CPUID says that KVM offers nothing: its calls are to believe that. */
	if (vm->hv->refuses_paravirtual)
		os = enable(vm->vcpu_fd, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -os,
				    "KVM_CAP_ENFORCE_PV_FEATURE_CPUID");
	os = mti_os_ioctl(vm->vcpu_fd, KVM_GET_SREGS, sregs);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -os,
				    "KVM_GET_SREGS");
	/* There is none; CPUID says so only if it is disabled too. */
	sregs->apic_base &= ~(uint64_t)APIC_BASE_ENABLE;
	/* KVM never writes sregs there: they stay as they were at reset. */
	vm->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	return MOTE_OK;
}

mote_status mti_kvm_cpu_prepare(struct mti_vm *vm, mote_error *err)
{
	int os;

	if (!vm->bare)
		return MOTE_OK;
	os = mti_os_ioctl_value(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "create VM", -os,
				    "KVM_SET_TSS_ADDR");
	/*
	 * KVM would write the hypercall of this CPU over that of another one,
	 * again and again where the guest's page cannot be written.
	 */
	if (vm->hv->refuses_hypercalls)
		os = enable(vm->fd, KVM_CAP_DISABLE_QUIRKS2,
			    KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "create VM", -os,
				    "KVM_CAP_DISABLE_QUIRKS2");
	return MOTE_OK;
}

/* --------------------------------------------------------------- exits */

void mti_kvm_bare_io(struct mti_vm *vm, struct mti_exit *exit)
{
	struct kvm_run *run = vm->run;

	exit->kind = MTI_EXIT_IO;
	exit->number = run->io.port;
	exit->in = run->io.direction == KVM_EXIT_IO_IN;
	exit->size = run->io.size;
	exit->count = run->io.count;
	/* The kernel's page, not guest memory. */
	exit->data = (uint8_t *)run + run->io.data_offset;
}

/* --------------------------------------------------------------- state */

static void to_kvm(const struct mti_bare_segment *from, struct kvm_segment *to)
{
	memset(to, 0, sizeof(*to));
	to->base = from->base;
	to->limit = from->limit;
	to->selector = from->selector;
	to->type = from->attributes & 0xf;
	to->s = from->attributes >> 4 & 1;
	to->dpl = from->attributes >> 5 & 3;
	to->present = from->attributes >> 7 & 1;
	to->avl = from->attributes >> 12 & 1;
	to->l = from->attributes >> 13 & 1;
	to->db = from->attributes >> 14 & 1;
	to->g = from->attributes >> 15 & 1;
	to->unusable = from->unusable;
}

static void from_kvm(const struct kvm_segment *from,
		     struct mti_bare_segment *to)
{
	memset(to, 0, sizeof(*to));
	to->base = from->base;
	to->limit = from->limit;
	to->selector = from->selector;
	to->attributes = (uint16_t)(from->type | from->s << 4 |
				    from->dpl << 5 | from->present << 7 |
				    from->avl << 12 | from->l << 13 |
				    from->db << 14 | from->g << 15);
	to->unusable = from->unusable;
}

/* In the order of enum mti_bare_register. */
static void list_segments(struct kvm_sregs *sregs,
			  struct kvm_segment *out[MTI_BARE_SEGMENTS])
{
	out[MTI_BARE_CS] = &sregs->cs;
	out[MTI_BARE_SS] = &sregs->ss;
	out[MTI_BARE_DS] = &sregs->ds;
	out[MTI_BARE_ES] = &sregs->es;
	out[MTI_BARE_FS] = &sregs->fs;
	out[MTI_BARE_GS] = &sregs->gs;
	out[MTI_BARE_LDT] = &sregs->ldt;
	out[MTI_BARE_TR] = &sregs->tr;
}

static void fill_sregs(const struct mti_vm *vm,
		       const struct mti_bare_state *state,
		       struct kvm_sregs *sregs)
{
	struct kvm_segment *segments[MTI_BARE_SEGMENTS];
	int i;

	*sregs = vm->run->s.regs.sregs;
	list_segments(sregs, segments);
	for (i = 0; i < MTI_BARE_SEGMENTS; i++)
		to_kvm(&state->segments[i], segments[i]);
	/* Outside long mode it means nothing, and KVM does not take it. */
	if (!(state->efer & EFER_LMA))
		sregs->cs.l = 0;
	/* VMX wants it busy, some SVM does not: tss_type(), caps_amd64.c. */
	sregs->tr.type = (uint8_t)((sregs->tr.type & ~TSS_BUSY_BIT) |
				   (vm->hv->tss_type & TSS_BUSY_BIT));
	sregs->gdt.base = state->gdt.base;
	sregs->gdt.limit = (uint16_t)state->gdt.limit;
	sregs->idt.base = state->idt.base;
	sregs->idt.limit = (uint16_t)state->idt.limit;
	sregs->cr0 = state->cr0;
	sregs->cr2 = state->cr2;
	sregs->cr3 = state->cr3;
	sregs->cr4 = state->cr4;
	sregs->cr8 = state->cr8;
	sregs->efer = state->efer;
}

/*
 * What the host has changed in the guest's page tables the CPU must see: the
 * paging registers change twice, so that KVM forgets translations.
 */
static int set_sregs(struct mti_vm *vm, const struct mti_bare_state *state)
{
	struct kvm_sregs sregs;
	int os = mti_os_ioctl(vm->vcpu_fd, KVM_SET_SREGS,
			      &vm->run->s.regs.sregs);

	if (os < 0)
		return os;
	fill_sregs(vm, state, &sregs);
	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_SREGS, &sregs);
}

/*
 * kvm-pvm takes 32-bit page tables without a word and goes on without: then a
 * guest would crash for no reason that anybody could see.
 */
static mote_status check_paging(struct mti_vm *vm,
				const struct mti_bare_state *state,
				mote_error *err)
{
	struct kvm_sregs sregs;
	int os = mti_os_ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs);

	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, setting, -os,
				    "KVM_GET_SREGS");
	if (((sregs.cr0 ^ state->cr0) & CR0_PG) == 0)
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_UNSUPPORTED, setting,
			     "this KVM does not run 32-bit guests with page "
			     "tables (CR0.PG stays clear), as kvm-pvm does not");
}

static int set_xcr0(struct mti_vm *vm, const struct mti_bare_state *state)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };

	if (!vm->hv->has_xcrs)
		return state->xcr0 > 1 ? -EINVAL : 0;
	xcrs.xcrs[0].value = state->xcr0 ? state->xcr0 : 1;
	if (xcrs.xcrs[0].value & ~XCR0_BITS)
		return -EINVAL;
	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_XCRS, &xcrs);
}

static int set_vector(struct mti_vm *vm, const struct mti_bare_state *state)
{
	const uint16_t control = MTI_X87_CONTROL_RESET;
	const uint32_t mxcsr = MTI_MXCSR_RESET;
	const uint64_t present = MTI_XSTATE_X87_SSE;
	uint8_t area[VECTOR_BYTES] = { 0 };

	if (state->vector_size > sizeof(area))
		return -EINVAL;
	memcpy(area, state->vector, state->vector_size);
	if (state->vector_size == 0) {
		memcpy(area + MTI_XSAVE_FCW, &control, sizeof(control));
		memcpy(area + MTI_XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
		memcpy(area + MTI_XSAVE_XSTATE_BV, &present, sizeof(present));
	}
	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_XSAVE, area);
}

static int set_debug(struct mti_vm *vm, const struct mti_bare_state *state)
{
	struct kvm_debugregs debug = { .dr6 = state->dr6, .dr7 = state->dr7 };

	memcpy(debug.db, state->dr, sizeof(debug.db));
	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_DEBUGREGS, &debug);
}

struct msrs {
	struct kvm_msrs head;
	struct kvm_msr_entry entries[MTI_BARE_MSRS];
};

static void list_msrs(struct msrs *msrs)
{
	int i;

	memset(msrs, 0, sizeof(*msrs));
	msrs->head.nmsrs = MTI_BARE_MSRS;
	for (i = 0; i < MTI_BARE_MSRS; i++)
		msrs->entries[i].index = msr_indices[i];
}

static int set_msrs(struct mti_vm *vm, const struct mti_bare_state *state)
{
	struct msrs msrs;
	int count;
	int i;

	list_msrs(&msrs);
	for (i = 0; i < MTI_BARE_MSRS; i++)
		msrs.entries[i].data = state->msrs[i];
	count = mti_os_ioctl(vm->vcpu_fd, KVM_SET_MSRS, &msrs);
	return count < 0 ? count : count == MTI_BARE_MSRS ? 0 : -EINVAL;
}

/* Nothing of an instruction or an exception under way is left. */
static int clear(struct mti_vm *vm)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	int os = 0;

	if (vm->last_exit == MTI_EXIT_IO || vm->last_exit == MTI_EXIT_MACHINE)
		os = mti_kvm_finish(vm, true);
	if (os == 0)
		os = mti_kvm_clear_events(vm);
	return os < 0 ? os : mti_os_ioctl(vm->vcpu_fd, KVM_SET_MP_STATE, &mp);
}

static void set_general(struct mti_vm *vm, const struct mti_bare_state *state)
{
	struct kvm_regs *regs = &vm->run->s.regs.regs;

	mti_kvm_general_set(state->general, regs);
	regs->rflags = state->general[17];
	/* KVM_RUN takes it from here, whatever KVM_SET_SREGS has said. */
	vm->run->cr8 = state->cr8;
	vm->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}

static mote_status failed(const char *name, int os, mote_error *err)
{
	if (os == -EINVAL)
		return mti_error_set(err, MOTE_E_INVALID, setting,
				     "KVM does not take this state of a bare "
				     "guest's CPU: %s",
				     name);
	return mti_error_os(err, MOTE_E_HYPERVISOR, setting, -os, "%s", name);
}

static mote_status set_all(struct mti_vm *vm,
			   const struct mti_bare_state *state, mote_error *err)
{
	static const struct {
		int (*run)(struct mti_vm *vm,
			   const struct mti_bare_state *state);
		const char *name;
	} steps[] = {
		{ set_msrs, "MSRs" },
		{ set_sregs, "control and segment registers" },
		{ set_xcr0, "XCR0" },
		{ set_vector, "vector registers" },
		{ set_debug, "debug registers" },
	};
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int os = steps[i].run(vm, state);

		if (os < 0)
			return failed(steps[i].name, os, err);
	}
	set_general(vm, state);
	vm->last_exit = MTI_EXIT_INTERRUPTED;
	return check_paging(vm, state, err);
}

mote_status mti_kvm_bare_set(struct mti_vm *vm,
			     const struct mti_bare_state *state,
			     mote_error *err)
{
	mote_status status = MOTE_OK;
	int os = clear(vm);

	if (os < 0)
		status = failed("what is under way", os, err);
	/* KVM does not know that the copies it keeps of tables are old. */
	if (status == MOTE_OK && !vm->hv->nested_paging)
		status = mti_kvm_remapped(vm, err);
	if (status == MOTE_OK)
		status = set_all(vm, state, err);
	if (status != MOTE_OK)
		mti_kvm_lose(vm, "its CPU could not be given a state");
	return status;
}

static int read_sregs(struct mti_vm *vm, struct mti_bare_state *state)
{
	struct kvm_segment *segments[MTI_BARE_SEGMENTS];
	struct kvm_sregs sregs;
	int os = mti_os_ioctl(vm->vcpu_fd, KVM_GET_SREGS, &sregs);
	int i;

	if (os < 0)
		return os;
	list_segments(&sregs, segments);
	for (i = 0; i < MTI_BARE_SEGMENTS; i++)
		from_kvm(segments[i], &state->segments[i]);
	state->gdt.base = sregs.gdt.base;
	state->gdt.limit = sregs.gdt.limit;
	state->idt.base = sregs.idt.base;
	state->idt.limit = sregs.idt.limit;
	state->cr0 = sregs.cr0;
	state->cr2 = sregs.cr2;
	state->cr3 = sregs.cr3;
	state->cr4 = sregs.cr4;
	state->cr8 = sregs.cr8;
	state->efer = sregs.efer;
	if (!(state->efer & EFER_LMA))
		state->segments[MTI_BARE_CS].attributes &=
			(uint16_t)~SEGMENT_L;
	return 0;
}

static int read_vector(struct mti_vm *vm, struct mti_bare_state *state)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 0 };
	uint64_t present;
	int os = 0;

	if (vm->hv->has_xcrs)
		os = mti_os_ioctl(vm->vcpu_fd, KVM_GET_XCRS, &xcrs);
	if (os < 0)
		return os;
	if (xcrs.nr_xcrs > 0)
		state->xcr0 = xcrs.xcrs[0].value;
	os = mti_os_ioctl(vm->vcpu_fd, KVM_GET_XSAVE, state->vector);
	if (os < 0)
		return os;
	/* Some show the host's protection keys too, which guests have not. */
	memcpy(&present, state->vector + MTI_XSAVE_XSTATE_BV, sizeof(present));
	present &= XCR0_BITS;
	memcpy(state->vector + MTI_XSAVE_XSTATE_BV, &present, sizeof(present));
	state->vector_size = sizeof(state->vector);
	return 0;
}

static int read_rest(struct mti_vm *vm, struct mti_bare_state *state)
{
	struct kvm_debugregs debug;
	struct msrs msrs;
	int count;
	int os = mti_os_ioctl(vm->vcpu_fd, KVM_GET_DEBUGREGS, &debug);
	int i;

	if (os < 0)
		return os;
	memcpy(state->dr, debug.db, sizeof(state->dr));
	state->dr6 = debug.dr6;
	state->dr7 = debug.dr7;
	list_msrs(&msrs);
	count = mti_os_ioctl(vm->vcpu_fd, KVM_GET_MSRS, &msrs);
	if (count < 0)
		return count;
	for (i = 0; i < MTI_BARE_MSRS; i++)
		state->msrs[i] = msrs.entries[i].data;
	return count == MTI_BARE_MSRS ? 0 : -EINVAL;
}

/*
 * Guests can bring a CPU into states that KVM does not take back; better to
 * know it now than when a snapshot of them is used. All else KVM looks at when
 * the guest sets it.
 */
static mote_status try_sregs(struct mti_vm *vm,
			     const struct mti_bare_state *state,
			     mote_error *err)
{
	struct kvm_sregs sregs;
	int os;

	fill_sregs(vm, state, &sregs);
	os = mti_os_ioctl(vm->vcpu_fd, KVM_SET_SREGS, &sregs);
	if (os == -EINVAL)
		return mti_error_set(
			err, MOTE_E_GUEST_FAULT, reading,
			"the guest has brought its control and segment "
			"registers into a state that KVM would not take again: "
			"cr0 0x%llx, cr4 0x%llx, efer 0x%llx, CS attributes "
			"0x%x",
			(unsigned long long)state->cr0,
			(unsigned long long)state->cr4,
			(unsigned long long)state->efer,
			(unsigned int)state->segments[MTI_BARE_CS].attributes);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, reading, -os,
				    "KVM_SET_SREGS");
	return MOTE_OK;
}

mote_status mti_kvm_bare_get(struct mti_vm *vm, struct mti_bare_state *state,
			     mote_error *err)
{
	int os = 0;

	memset(state, 0, sizeof(*state));
	if (vm->last_exit == MTI_EXIT_IO) {
		os = mti_kvm_finish(vm, false);
		vm->last_exit = MTI_EXIT_INTERRUPTED;
	}
	mti_kvm_general_get(&vm->run->s.regs.regs, state->general);
	if (os == 0)
		os = read_sregs(vm, state);
	if (os == 0)
		os = read_vector(vm, state);
	if (os == 0)
		os = read_rest(vm, state);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, reading, -os,
				    "the state of a bare guest");
	return try_sregs(vm, state, err);
}
