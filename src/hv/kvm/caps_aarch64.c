/*
 * What this CPU and KVM can do: AArch64.
 */
#include <sys/auxv.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"

/*
 * A VM of type 0 has 40 (KVM api, KVM_CREATE_VM). The doorbells are in the
 * upper half, where there must be no memory.
 */
#define PHYSICAL_BITS 39

_Static_assert(MOTE_GPA_DOORBELL >> PHYSICAL_BITS == 1, "doorbells");

const struct mti_arch *const mti_kvm_arch = &mti_arch_aarch64;

bool mti_kvm_runs(const struct mti_vm_config *config)
{
	return config->arch == &mti_arch_aarch64 && !config->bare;
}

const struct kvm_need mti_kvm_needs[] = {
	{ KVM_CAP_ONE_REG, 0, "KVM_CAP_ONE_REG" },
	/* Without it some stores of a guest are errors of KVM_RUN. */
	{ KVM_CAP_ARM_NISV_TO_USER, 0, "KVM_CAP_ARM_NISV_TO_USER" },
	{ 0, 0, NULL },
};

/* Memory is handed to KVM in pages of the host. */
const char *mti_kvm_cpu_unfit(void)
{
	return mti_os_auxiliary(AT_PAGESZ) == MOTE_PAGE_SIZE
		       ? NULL
		       : "the pages of this kernel have not 4096 bytes";
}

/*
 * No dirty ring: it came with Linux 6.2, and no machine has shown yet that it
 * does the same there. The upper layers look for themselves.
 */
mote_status mti_kvm_cpu_read(struct mti_hv *hv, mote_error *err)
{
	(void)err;
	hv->physical_bits = PHYSICAL_BITS;
	hv->nested_paging = true;
	return MOTE_OK;
}

/* TPIDR_EL0 is user mode's own: nothing to ask for. */
uint32_t mti_kvm_cpu_features(const struct mti_hv *hv)
{
	(void)hv;
	return 0;
}

/* The guest's counter is the host's but for where it starts. */
uint64_t mti_kvm_cpu_tick_ns(struct mti_vm *vm)
{
	uint64_t hertz;

	(void)vm;
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hertz));
	/* The word has room for ticks of 4 s at most. */
	return hertz > 0 ? (uint64_t)(((unsigned __int128)1000000000 << 32) /
				      hertz)
			 : 0;
}
