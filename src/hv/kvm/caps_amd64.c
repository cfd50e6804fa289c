/*
 * What this CPU and KVM can do: amd64.
 */
#include <asm/hwcap2.h>
#include <cpuid.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>

#include "arch/amd64/boot.h"
#include "base/checked.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"

#define HYPERVISOR_LEAF 0x40000000
#define TSS_AVAILABLE 9
#define TSS_BUSY 11
/* EBX of CPUID leaf 0: "Hygo"; <cpuid.h> of gcc 12 does not name it. */
#define SIGNATURE_HYGON_EBX 0x6f677948

const struct mti_arch *const mti_kvm_arch = &mti_arch_amd64;

bool mti_kvm_runs(const struct mti_vm_config *config)
{
	return config->arch == &mti_arch_amd64 ||
	       (config->bare && config->arch == &mti_arch_i686);
}

const struct kvm_need mti_kvm_needs[] = {
	{ KVM_CAP_EXT_CPUID, 0, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS,
	  "KVM_CAP_SYNC_REGS" },
	{ 0, 0, NULL },
};

const char *mti_kvm_cpu_unfit(void)
{
	return NULL;
}

/* What the CPU answers for a leaf that it does not have (SDM 2A, CPUID). */
static bool says_nothing(const struct kvm_cpuid_entry2 *entry)
{
	return !(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) &&
	       !(entry->eax | entry->ebx | entry->ecx | entry->edx);
}

/*
 * The guest sees the CPU, but neither virtualisation, nor an interrupt
 * controller it does not have, nor performance counters. Of the hypervisor's
 * leaves only the name is left, where nobody looks for it without the bit of
 * leaf 1: KVM_SET_CPUID2 searches the table 256 times if it is absent. Each
 * leaf costs there too, so those that say nothing are not listed.
 */
static bool keep_leaf(struct kvm_cpuid_entry2 *entry)
{
	switch (entry->function) {
	case 0x1:
		entry->ecx &= ~(1u << 5 | 1u << 21 | 1u << 24 | 1u << 31);
		return true;
	case 0xa:
		return false;
	case HYPERVISOR_LEAF:
		entry->eax = HYPERVISOR_LEAF;
		return true;
	case 0x80000001:
		entry->ecx &= ~(1u << 2);
		return true;
	case 0x8000000a:
		return false;
	default:
		return (entry->function < HYPERVISOR_LEAF ||
			entry->function >= 0x50000000) &&
		       !says_nothing(entry);
	}
}

static const struct kvm_cpuid_entry2 *
find_leaf(const struct kvm_cpuid_table *table, uint32_t function,
	  uint32_t index)
{
	uint32_t i;

	for (i = 0; i < table->count; i++)
		if (table->entries[i].function == function &&
		    table->entries[i].index == index)
			return &table->entries[i];
	return NULL;
}

static mote_status read_cpuid(struct mti_hv *hv, mote_error *err)
{
	struct kvm_cpuid_table *table = &hv->cpuid;
	uint32_t kept = 0;
	uint32_t i;
	int status;

	table->count = KVM_CPUID_ENTRIES_MAX;
	status = mti_os_ioctl(hv->fd, KVM_GET_SUPPORTED_CPUID, table);
	if (status < 0)
		return mti_error_os(err, MOTE_E_NO_HYPERVISOR, "open kvm",
				    -status, "KVM_GET_SUPPORTED_CPUID");
	for (i = 0; i < table->count; i++)
		if (keep_leaf(&table->entries[i]))
			table->entries[kept++] = table->entries[i];
	table->count = kept;
	return MOTE_OK;
}

/* CR4 bits worth having that this CPU or its KVM claims to have. */
static uint32_t wanted_cr4(const struct mti_hv *hv)
{
	const struct kvm_cpuid_entry2 *leaf1 = find_leaf(&hv->cpuid, 1, 0);
	const struct kvm_cpuid_entry2 *leaf7 = find_leaf(&hv->cpuid, 7, 0);
	uint32_t cr4 = MTI_CR4_BASE;

	if (leaf7 && leaf7->ecx & (1u << 2))
		cr4 |= MTI_CR4_UMIP;
	/*
	 * kvm-pvm runs with the CR4 of the host's kernel, whatever its table
	 * says.
	 */
	if ((leaf1 && leaf1->ecx & (1u << 26)) || hv->host_osxsave)
		cr4 |= MTI_CR4_OSXSAVE;
	if ((leaf7 && leaf7->ebx & 1u) ||
	    mti_os_auxiliary(AT_HWCAP2) & HWCAP2_FSGSBASE)
		cr4 |= MTI_CR4_FSGSBASE;
	return cr4;
}

/*
 * VMX demands a busy TSS (SDM 3C, Checks on Guest Segment Registers); an SVM
 * implementation may ignore the I/O bitmap of one (seen with QEMU TCG).
 */
static uint8_t tss_type(const struct mti_hv *hv)
{
	const struct kvm_cpuid_entry2 *vendor = find_leaf(&hv->cpuid, 0, 0);

	/* "GenuineIntel", "CentaurHauls", "  Shanghai  " have VMX. */
	if (vendor && (vendor->ebx == signature_AMD_ebx ||
		       vendor->ebx == SIGNATURE_HYGON_EBX))
		return TSS_AVAILABLE;
	return TSS_BUSY;
}

/* SDM 1, "Guidelines for Writing to the MXCSR Register". */
static uint32_t mxcsr_mask(void)
{
	struct {
		_Alignas(16) uint8_t bytes[512];
	} area = { { 0 } };
	uint32_t mask;

	__asm__ volatile("fxsave %0" : "+m"(area));
	memcpy(&mask, area.bytes + 28, sizeof(mask));
	return mask ? mask : 0xffbf;
}

/* The first that this KVM has; they differ for other architectures only. */
static uint32_t ring_capability(int fd)
{
	static const uint32_t names[] = { KVM_CAP_DIRTY_LOG_RING_ACQ_REL,
					  KVM_CAP_DIRTY_LOG_RING };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mti_os_ioctl_value(fd, KVM_CHECK_EXTENSION, names[i]) > 0)
			return names[i];
	return 0;
}

/* Whether KVM can be kept from changing a guest's VMCALL (Linux 5.19). */
static bool refuses_hypercalls(int fd)
{
	int quirks = mti_os_ioctl_value(fd, KVM_CHECK_EXTENSION,
					KVM_CAP_DISABLE_QUIRKS2);

	return quirks > 0 && (quirks & KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
}

/* x87, SSE, AVX, AVX-512 (SDM 1, XSAVE-Supported Features). */
#define XSAVE_COMPONENTS 0xe7u
#define XSAVE_COMPONENTS_MIN 0x3u
/* The legacy part and the header alone; all that KVM hands out. */
#define XSAVE_BYTES_MIN 576
#define XSAVE_BYTES_MAX sizeof(((struct mti_machine *)NULL)->vector)

/* The XSAVE area as leaf 0xd has it (SDM 2A, CPUID). */
static void read_xsave(struct mti_hv *hv)
{
	const struct kvm_cpuid_entry2 *leaf = find_leaf(&hv->cpuid, 0xd, 0);
	uint32_t i;

	hv->xsave_size = XSAVE_BYTES_MIN;
	hv->xsave_components = XSAVE_COMPONENTS_MIN;
	for (i = 2; leaf && i < 8; i++) {
		const struct kvm_cpuid_entry2 *part =
			find_leaf(&hv->cpuid, 0xd, i);

		if (!(leaf->eax & XSAVE_COMPONENTS & 1u << i) || !part ||
		    part->ebx < XSAVE_BYTES_MIN ||
		    !mti_range_ok(part->ebx, part->eax, XSAVE_BYTES_MAX))
			continue;
		hv->xsave_components |= 1u << i;
		hv->xsave_offset[i] = part->ebx;
		if (hv->xsave_size < part->ebx + part->eax)
			hv->xsave_size = part->ebx + part->eax;
	}
}

static bool says_yes(const char *path)
{
	char answer = 'N';
	int fd = mti_os_open(path, O_RDONLY);

	if (fd < 0)
		return false;
	(void)mti_os_read(fd, &answer, 1);
	mti_os_close(fd);
	return answer == 'Y' || answer == '1';
}

static void read_cpu(struct mti_hv *hv)
{
	const struct kvm_cpuid_entry2 *address =
		find_leaf(&hv->cpuid, 0x80000008, 0);
	const struct kvm_cpuid_entry2 *leaf1 = find_leaf(&hv->cpuid, 1, 0);
	const struct kvm_cpuid_entry2 *xsave = find_leaf(&hv->cpuid, 0xd, 0);

	hv->physical_bits = address ? address->eax & 0xff : 36;
	/* KVM lists the components that the host's kernel has enabled. */
	hv->host_osxsave = xsave && xsave->eax != 0;
	hv->mxcsr_mask = mxcsr_mask();
	hv->ring_capability = ring_capability(hv->fd);
	hv->refuses_hypercalls = refuses_hypercalls(hv->fd);
	hv->refuses_paravirtual =
		mti_os_ioctl_value(hv->fd, KVM_CHECK_EXTENSION,
				   KVM_CAP_ENFORCE_PV_FEATURE_CPUID) > 0;
	hv->cr4 = wanted_cr4(hv);
	hv->tss_type = tss_type(hv);
	read_xsave(hv);
	if (xsave && leaf1 && leaf1->ecx & (1u << 26) &&
	    mti_os_ioctl_value(hv->fd, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) > 0) {
		hv->has_xcrs = true;
		hv->xcr0 = xsave->eax & XSAVE_COMPONENTS;
	}
	/* In doubt it has none. */
	hv->nested_paging =
		says_yes("/sys/module/kvm_intel/parameters/ept") ||
		says_yes("/sys/module/kvm_amd/parameters/npt");
}

mote_status mti_kvm_cpu_read(struct mti_hv *hv, mote_error *err)
{
	mote_status status = read_cpuid(hv, err);

	if (status == MOTE_OK)
		read_cpu(hv);
	return status;
}

uint32_t mti_kvm_cpu_features(const struct mti_hv *hv)
{
	return hv->cr4 & MTI_CR4_FSGSBASE ? MOTE_FEATURE_FSGSBASE : 0;
}

/* From the frequency of the guest's TSC. */
uint64_t mti_kvm_cpu_tick_ns(struct mti_vm *vm)
{
	int khz = mti_os_ioctl_value(vm->vcpu_fd, KVM_GET_TSC_KHZ, 0);

	return khz > 0 ? (UINT64_C(1000000) << 32) / (uint64_t)khz : 0;
}
