#include "arch/arch.h"

#include <elf.h>

#include "arch/amd64/boot.h"
#include "arch/amd64/pt.h"
#include "arch/amd64/step.h"
#include "arch/amd64/trap.h"

const struct mti_arch mti_arch_amd64 = {
	.name = "amd64",
	.machine = EM_X86_64,
	.user_limit = UINT64_C(1) << 47,
	.register_names = mti_amd64_register_names,
	.register_count = MTI_AMD64_REGISTERS,
	.pc_register = MTI_RIP,
	.debug = &mti_amd64_debug,
	.fault = mti_amd64_fault,
	.map = mti_amd64_map,
	.translate = mti_amd64_translate,
	.supervisor_page = mti_amd64_supervisor_page,
	.syscall_page = mti_amd64_syscall_page,
};
