/*
 * What a guest may find out about the CPU. User mode runs on the machine's
 * own CPU, so the machine's CPUID bounds what any guest can have seen.
 */
#include "os/os.h"

#include <string.h>
#include <sys/auxv.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* Bits for supervisors, or that a system switches on by itself. */
#define LEAF1_ECX_IGNORED                                                    \
	(1u << 2 /* DTES64 */ | 1u << 3 /* MONITOR */ | 1u << 4 /* DS_CPL */ | \
	 1u << 5 /* VMX */ | 1u << 6 /* SMX */ | 1u << 7 /* EST */ |          \
	 1u << 8 /* TM2 */ | 1u << 10 /* CNXT_ID */ | 1u << 11 /* SDBG */ |   \
	 1u << 14 /* xTPR */ | 1u << 15 /* PDCM */ | 1u << 17 /* PCID */ |    \
	 1u << 18 /* DCA */ | 1u << 21 /* x2APIC */ |                         \
	 1u << 24 /* TSC deadline */ | 1u << 31 /* hypervisor */)
/* What remains: TSC, CX8, SEP, CMOV, CLFSH, MMX, FXSR, SSE, SSE2, FPU. */
#define LEAF1_EDX_WANTED                                          \
	(1u << 0 | 1u << 4 | 1u << 8 | 1u << 11 | 1u << 15 | 1u << 19 | \
	 1u << 23 | 1u << 24 | 1u << 25 | 1u << 26)
/* SMEP, INVPCID, QoS, SMAP, processor trace. */
#define LEAF7_EBX_IGNORED                                              \
	(1u << 7 | 1u << 10 | 1u << 12 | 1u << 15 | 1u << 20 | 1u << 25)
/* UMIP, PKU, OSPKE, five-level paging, bus lock detection, SGX_LC, PKS. */
#define LEAF7_ECX_IGNORED                                                     \
	(1u << 2 | 1u << 3 | 1u << 4 | 1u << 7 | 1u << 16 | 1u << 24 |  \
	 1u << 30 | 1u << 31)
/* User interrupts, hybrid, LBR, IBT; the mitigations, bits 26 to 31. */
#define LEAF7_EDX_IGNORED                                               \
	(1u << 5 | 1u << 9 | 1u << 10 | 1u << 13 | 1u << 15 | 1u << 18 | \
	 1u << 19 | 1u << 20 | 0xfc000000u)
/* LAHF, LZCNT (ABM), SSE4a, misaligned SSE, PREFETCHW, XOP, LWP, FMA4, TBM. */
#define EXTENDED_ECX_WANTED                                              \
	(1u << 0 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 11 |     \
	 1u << 15 | 1u << 16 | 1u << 21 | 1u << 29)
/* SYSCALL, MMX extensions, RDTSCP, long mode, 3DNow! and its extensions. */
#define EXTENDED_EDX_WANTED                                             \
	(1u << 11 | 1u << 22 | 1u << 27 | 1u << 29 | 1u << 30 | 1u << 31)

/*
 * LASS, counters, fast strings, FRED, LKGS, WRMSRNS, NMI sources, HRESET, LAM,
 * MSRLIST, INVD.
 */
#define LEAF7_1_EAX_IGNORED                                                \
	(1u << 6 | 1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 17 |  \
	 1u << 18 | 1u << 19 | 1u << 20 | 1u << 22 | 1u << 26 | 1u << 27 | \
	 1u << 30)
/* The user timer, USER_MSR, UIRET, shadow stacks, MWAIT. */
#define LEAF7_1_EDX_IGNORED \
	(1u << 13 | 1u << 15 | 1u << 17 | 1u << 18 | 1u << 23)
/* XSAVEOPT, XSAVEC, XGETBV with ecx 1. */
#define LEAFD_1_EAX_WANTED 7u
/* CLZERO, RDPRU. INVLPGB and WBNOINVD are the supervisor's. */
#define EXTENDED8_EBX_WANTED (1u << 0 | 1u << 4)

#define OSXSAVE (1u << 27)
/* x87, SSE, AVX, AVX-512, AMX: what instructions of user mode need. */
#define XCR0_WANTED UINT64_C(0x600e7)

void mti_os_cpu_features_user(uint64_t features[MTI_CPU_FEATURE_WORDS])
{
	features[0] &= UINT32_MAX & ~LEAF1_ECX_IGNORED;
	features[1] &= LEAF1_EDX_WANTED;
	features[2] &= UINT32_MAX & ~LEAF7_EBX_IGNORED;
	features[3] &= UINT32_MAX & ~LEAF7_ECX_IGNORED;
	features[4] &= UINT32_MAX & ~LEAF7_EDX_IGNORED;
	features[5] &= EXTENDED_ECX_WANTED;
	features[6] &= EXTENDED_EDX_WANTED;
	features[7] &= XCR0_WANTED;
	features[8] &= UINT32_MAX & ~LEAF7_1_EAX_IGNORED;
	features[9] &= UINT32_MAX & ~LEAF7_1_EDX_IGNORED;
	/* Without the system's leave all of these are #UD. */
	features[10] &= features[0] & OSXSAVE ? LEAFD_1_EAX_WANTED : 0;
	features[11] &= EXTENDED8_EBX_WANTED;
}

#if defined(__x86_64__)

static uint64_t xcr0(void)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

/* Those of which a leaf says first whether they are there. */
static void read_more(uint64_t features[MTI_CPU_FEATURE_WORDS])
{
	unsigned int a;
	unsigned int b;
	unsigned int c;
	unsigned int d;

	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && a >= 1 &&
	    __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
		features[8] = a;
		features[9] = d;
	}
	if (__get_cpuid_count(0xd, 1, &a, &b, &c, &d))
		features[10] = a;
	if (__get_cpuid(0x80000008u, &a, &b, &c, &d))
		features[11] = b;
}

void mti_os_cpu_features(uint64_t features[MTI_CPU_FEATURE_WORDS])
{
	unsigned int a;
	unsigned int b;
	unsigned int c;
	unsigned int d;

	memset(features, 0, MTI_CPU_FEATURE_WORDS * sizeof(features[0]));
	if (__get_cpuid(1, &a, &b, &c, &d)) {
		features[0] = c;
		features[1] = d;
		if (c & OSXSAVE)
			features[7] = xcr0();
	}
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
		features[2] = b;
		features[3] = c;
		features[4] = d;
	}
	if (__get_cpuid(0x80000001u, &a, &b, &c, &d)) {
		features[5] = c;
		features[6] = d;
	}
	read_more(features);
	mti_os_cpu_features_user(features);
}

#else

void mti_os_cpu_features(uint64_t features[MTI_CPU_FEATURE_WORDS])
{
	memset(features, 0, MTI_CPU_FEATURE_WORDS * sizeof(features[0]));
}

#endif

unsigned long mti_os_auxiliary(unsigned long type)
{
	return getauxval(type);
}
