/*
 * Images that differ from the builder's in a few bytes, and what
 * mti_elf_parse has to say to each.
 */
#ifndef TESTS_UNIT_ELF_CASES_H
#define TESTS_UNIT_ELF_CASES_H

#include <stddef.h>
#include <stdint.h>

#define ELF_CASE_PATCHES 5

struct elf_patch {
	size_t at;
	size_t width;
	uint64_t value;
	const char *text; /* instead of value */
};

/* The types of file that a case is for. */
enum elf_case_types {
	ELF_BOTH,
	ELF_EXEC,
	ELF_DYN,
};

struct elf_case {
	const char *name;
	/* What the error's text must hold; NULL if the image is valid. */
	const char *text;
	enum elf_case_types types;
	struct elf_patch patches[ELF_CASE_PATCHES];
};

extern const struct elf_case elf_cases[];
extern const size_t elf_case_count;

#endif
