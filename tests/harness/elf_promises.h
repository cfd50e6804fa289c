/*
 * What elf/elf.h says of every image that was accepted.
 */
#ifndef HARNESS_ELF_PROMISES_H
#define HARNESS_ELF_PROMISES_H

#include <stddef.h>

#include "elf/elf.h"

/* NULL, or which promise *elf breaks; data is the file it was read from. */
const char *elf_broken_promise(const struct mti_elf *elf, const void *data,
			       size_t size);

#endif
