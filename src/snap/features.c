/*
 * Names of CPU features, for errors (SDM 2A, CPUID; APM 3, appendix E). Only
 * names of what user mode may use are worth the space.
 */
#include <stdio.h>
#include <string.h>

#include "snap/config.h"

const char *const mti_feature_words[MTI_CPU_FEATURE_WORDS] = {
	"1.ecx", "1.edx",	 "7.ebx",	 "7.ecx",
	"7.edx", "80000001.ecx", "80000001.edx", "xcr0",
	"7.1.eax", "7.1.edx", "d.1.eax", "80000008.ebx",
};

#define LEAF1_ECX 0
#define LEAF1_EDX 1
#define LEAF7_EBX 2
#define LEAF7_ECX 3
#define LEAF7_EDX 4
#define EXTENDED_ECX 5
#define EXTENDED_EDX 6
#define XCR0 7
#define LEAF7_1_EAX 8
#define LEAF7_1_EDX 9
#define LEAFD_1_EAX 10
#define EXTENDED8_EBX 11

static const struct feature {
	uint8_t word;
	uint8_t bit;
	char name[18];
} names[] = {
	{ LEAF1_ECX, 0, "SSE3" },
	{ LEAF1_ECX, 1, "PCLMULQDQ" },
	{ LEAF1_ECX, 9, "SSSE3" },
	{ LEAF1_ECX, 12, "FMA" },
	{ LEAF1_ECX, 13, "CMPXCHG16B" },
	{ LEAF1_ECX, 19, "SSE4.1" },
	{ LEAF1_ECX, 20, "SSE4.2" },
	{ LEAF1_ECX, 22, "MOVBE" },
	{ LEAF1_ECX, 23, "POPCNT" },
	{ LEAF1_ECX, 25, "AES" },
	{ LEAF1_ECX, 26, "XSAVE" },
	{ LEAF1_ECX, 27, "OSXSAVE" },
	{ LEAF1_ECX, 28, "AVX" },
	{ LEAF1_ECX, 29, "F16C" },
	{ LEAF1_ECX, 30, "RDRAND" },
	{ LEAF1_EDX, 23, "MMX" },
	{ LEAF1_EDX, 25, "SSE" },
	{ LEAF1_EDX, 26, "SSE2" },
	{ LEAF7_EBX, 0, "FSGSBASE" },
	{ LEAF7_EBX, 3, "BMI1" },
	{ LEAF7_EBX, 4, "HLE" },
	{ LEAF7_EBX, 5, "AVX2" },
	{ LEAF7_EBX, 8, "BMI2" },
	{ LEAF7_EBX, 9, "ERMS" },
	{ LEAF7_EBX, 11, "RTM" },
	{ LEAF7_EBX, 16, "AVX512F" },
	{ LEAF7_EBX, 17, "AVX512DQ" },
	{ LEAF7_EBX, 18, "RDSEED" },
	{ LEAF7_EBX, 19, "ADX" },
	{ LEAF7_EBX, 21, "AVX512_IFMA" },
	{ LEAF7_EBX, 23, "CLFLUSHOPT" },
	{ LEAF7_EBX, 24, "CLWB" },
	{ LEAF7_EBX, 28, "AVX512CD" },
	{ LEAF7_EBX, 29, "SHA" },
	{ LEAF7_EBX, 30, "AVX512BW" },
	{ LEAF7_EBX, 31, "AVX512VL" },
	{ LEAF7_ECX, 1, "AVX512_VBMI" },
	{ LEAF7_ECX, 5, "WAITPKG" },
	{ LEAF7_ECX, 6, "AVX512_VBMI2" },
	{ LEAF7_ECX, 8, "GFNI" },
	{ LEAF7_ECX, 9, "VAES" },
	{ LEAF7_ECX, 10, "VPCLMULQDQ" },
	{ LEAF7_ECX, 11, "AVX512_VNNI" },
	{ LEAF7_ECX, 12, "AVX512_BITALG" },
	{ LEAF7_ECX, 14, "AVX512_VPOPCNTDQ" },
	{ LEAF7_ECX, 22, "RDPID" },
	{ LEAF7_ECX, 25, "CLDEMOTE" },
	{ LEAF7_ECX, 27, "MOVDIRI" },
	{ LEAF7_ECX, 28, "MOVDIR64B" },
	{ LEAF7_EDX, 4, "FSRM" },
	{ LEAF7_EDX, 8, "VP2INTERSECT" },
	{ LEAF7_EDX, 14, "SERIALIZE" },
	{ LEAF7_EDX, 16, "TSXLDTRK" },
	{ LEAF7_EDX, 22, "AMX_BF16" },
	{ LEAF7_EDX, 23, "AVX512_FP16" },
	{ LEAF7_EDX, 24, "AMX_TILE" },
	{ LEAF7_EDX, 25, "AMX_INT8" },
	{ EXTENDED_ECX, 0, "LAHF64" },
	{ EXTENDED_ECX, 5, "LZCNT" },
	{ EXTENDED_ECX, 6, "SSE4A" },
	{ EXTENDED_ECX, 7, "misaligned SSE" },
	{ EXTENDED_ECX, 8, "PREFETCHW" },
	{ EXTENDED_ECX, 11, "XOP" },
	{ EXTENDED_ECX, 16, "FMA4" },
	{ EXTENDED_ECX, 21, "TBM" },
	{ EXTENDED_ECX, 29, "MONITORX" },
	{ EXTENDED_EDX, 22, "MMX extensions" },
	{ EXTENDED_EDX, 27, "RDTSCP" },
	{ EXTENDED_EDX, 30, "3DNow! extensions" },
	{ EXTENDED_EDX, 31, "3DNow!" },
	{ XCR0, 2, "AVX state" },
	{ XCR0, 5, "AVX-512 masks" },
	{ XCR0, 6, "AVX-512 upper" },
	{ XCR0, 7, "AVX-512 more" },
	{ XCR0, 17, "AMX config" },
	{ XCR0, 18, "AMX tiles" },
	{ LEAF7_1_EAX, 0, "SHA512" },
	{ LEAF7_1_EAX, 1, "SM3" },
	{ LEAF7_1_EAX, 2, "SM4" },
	{ LEAF7_1_EAX, 3, "RAO-INT" },
	{ LEAF7_1_EAX, 4, "AVX-VNNI" },
	{ LEAF7_1_EAX, 5, "AVX512_BF16" },
	{ LEAF7_1_EAX, 7, "CMPCCXADD" },
	{ LEAF7_1_EAX, 21, "AMX_FP16" },
	{ LEAF7_1_EAX, 23, "AVX-IFMA" },
	{ LEAF7_1_EAX, 31, "MOVRS" },
	{ LEAF7_1_EDX, 4, "AVX-VNNI-INT8" },
	{ LEAF7_1_EDX, 5, "AVX-NE-CONVERT" },
	{ LEAF7_1_EDX, 8, "AMX_COMPLEX" },
	{ LEAF7_1_EDX, 10, "AVX-VNNI-INT16" },
	{ LEAF7_1_EDX, 14, "PREFETCHI" },
	{ LEAF7_1_EDX, 19, "AVX10" },
	{ LEAF7_1_EDX, 21, "APX" },
	{ LEAFD_1_EAX, 0, "XSAVEOPT" },
	{ LEAFD_1_EAX, 1, "XSAVEC" },
	{ LEAFD_1_EAX, 2, "XGETBV1" },
	{ EXTENDED8_EBX, 0, "CLZERO" },
	{ EXTENDED8_EBX, 4, "RDPRU" },
};

static void name_of(size_t word, unsigned int bit, char *text, size_t size)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].word == word && names[i].bit == bit) {
			snprintf(text, size, "%s", names[i].name);
			return;
		}
	}
	snprintf(text, size, "%s bit %u", mti_feature_words[word], bit);
}

void mti_features_missing(const uint64_t wanted[MTI_CPU_FEATURE_WORDS],
			  const uint64_t here[MTI_CPU_FEATURE_WORDS],
			  char *text, size_t size)
{
	char name[32];
	size_t used = 0;
	unsigned int bit;
	size_t word;

	text[0] = '\0';
	for (word = 0; word < MTI_CPU_FEATURE_WORDS; word++) {
		uint64_t missing = wanted[word] & ~here[word];

		for (bit = 0; bit < 64; bit++) {
			if (!(missing >> bit & 1))
				continue;
			name_of(word, bit, name, sizeof(name));
			if (used + strlen(name) + sizeof(", , ...") > size) {
				snprintf(text + used, size - used, ", ...");
				return;
			}
			used += (size_t)snprintf(text + used, size - used,
						 "%s%s", used > 0 ? ", " : "",
						 name);
		}
	}
}
