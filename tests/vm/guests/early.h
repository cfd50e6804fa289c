/*
 * Where the constructor of guests/early.c expects what.
 */
#ifndef VM_GUESTS_EARLY_H
#define VM_GUESTS_EARLY_H

#include <stdint.h>

#define EARLY_FILE UINT64_C(0x720000000000)
#define EARLY_FILE_BYTES 8192
#define EARLY_MEMORY UINT64_C(0x720000100000)
#define EARLY_PRIVATE UINT64_C(0x7200001ff000)
#define EARLY_MARK 0x77

#endif
