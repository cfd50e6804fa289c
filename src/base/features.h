/*
 * CPU features that a guest may find, each word some register of CPUID:
 * leaf 1 ecx, edx; leaf 7 ebx, ecx, edx; leaf 0x80000001 ecx, edx
 * (SDM 2A, CPUID; APM 3, appendix E); XCR0 (SDM 1, 13.3); leaf 7 subleaf 1
 * eax, edx; leaf 0xd subleaf 1 eax; leaf 0x80000008 ebx.
 */
#ifndef MTI_BASE_FEATURES_H
#define MTI_BASE_FEATURES_H

#define MTI_CPU_FEATURE_WORDS 12
/* All that the first files of snapshots have. */
#define MTI_CPU_FEATURE_WORDS_FIRST 8

#endif
