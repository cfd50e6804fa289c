/*
 * What the emulated CPU says of itself.
 */
#include <string.h>

#include "hv/soft/soft.h"
#include "os/os.h"

#define CODE UINT64_C(0x1000)
/*
 * 3DNow!, of 80000001.edx: the emulator has it, and no processor since 2011.
 * With it no snapshot would ever run elsewhere; no compiler's code asks.
 */
#define NOW3D (1u << 30 | 1u << 31)

struct cpuid {
	uint64_t a;
	uint64_t b;
	uint64_t c;
	uint64_t d;
};

/* All 0 if the emulator does not do it. */
static struct cpuid cpuid(uc_engine *uc, uint64_t leaf, uint64_t subleaf)
{
	struct cpuid found = { .a = leaf, .c = subleaf };

	(void)uc_reg_write(uc, UC_X86_REG_RAX, &found.a);
	(void)uc_reg_write(uc, UC_X86_REG_RCX, &found.c);
	if (uc_emu_start(uc, CODE, CODE + 2, 0, 1) != UC_ERR_OK) {
		memset(&found, 0, sizeof(found));
		return found;
	}
	(void)uc_reg_read(uc, UC_X86_REG_RAX, &found.a);
	(void)uc_reg_read(uc, UC_X86_REG_RBX, &found.b);
	(void)uc_reg_read(uc, UC_X86_REG_RCX, &found.c);
	(void)uc_reg_read(uc, UC_X86_REG_RDX, &found.d);
	return found;
}

static void read_more(uc_engine *uc, uint64_t *features)
{
	struct cpuid found;

	if (cpuid(uc, 7, 0).a >= 1) {
		found = cpuid(uc, 7, 1);
		features[8] = (uint32_t)found.a;
		features[9] = (uint32_t)found.d;
	}
	features[10] = (uint32_t)cpuid(uc, 0xd, 1).a;
	features[11] = (uint32_t)cpuid(uc, UINT64_C(0x80000008), 0).b;
}

void mti_soft_user_features(uint64_t features[MTI_CPU_FEATURE_WORDS])
{
	static const uint8_t code[] = { 0x0f, 0xa2 };
	uc_engine *uc = NULL;
	struct cpuid found;

	memset(features, 0, MTI_CPU_FEATURE_WORDS * sizeof(features[0]));
	if (mti_soft_open(UC_ARCH_X86, UC_MODE_64, &uc, NULL) != MOTE_OK)
		return;
	if (uc_mem_map(uc, CODE, MOTE_PAGE_SIZE, UC_PROT_ALL) == UC_ERR_OK &&
	    uc_mem_write(uc, CODE, code, sizeof(code)) == UC_ERR_OK) {
		found = cpuid(uc, 1, 0);
		features[0] = (uint32_t)found.c;
		features[1] = (uint32_t)found.d;
		found = cpuid(uc, 7, 0);
		features[2] = (uint32_t)found.b;
		features[3] = (uint32_t)found.c;
		features[4] = (uint32_t)found.d;
		found = cpuid(uc, UINT64_C(0x80000001), 0);
		features[5] = (uint32_t)found.c;
		features[6] = (uint32_t)found.d & ~NOW3D;
		read_more(uc, features);
		mti_os_cpu_features_user(features);
	}
	uc_close(uc);
}
