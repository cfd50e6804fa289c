#include "arch/arch.h"

#include "arch/amd64/boot.h"
#include "arch/amd64/pt.h"

const struct mti_arch mti_arch_amd64 = {
	.name = "amd64",
	.map = mti_amd64_map,
	.translate = mti_amd64_translate,
	.supervisor_page = mti_amd64_supervisor_page,
	.syscall_page = mti_amd64_syscall_page,
};
