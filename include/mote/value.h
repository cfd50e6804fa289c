/*
 * Values that cross the border between host and guest.
 */
#ifndef MOTE_VALUE_H
#define MOTE_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include <mote/annotate.h>

#ifdef __cplusplus
extern "C" {
#endif

/* At most this many arguments in a call. */
#define MOTE_ARGUMENTS_MAX 32

/* Longest function name in bytes, without the terminating NUL. */
#define MOTE_NAME_MAX 63

/*
 * X(name, number, signature letter, text)
 *
 * A signature is the result's letter and the parameters' letters in
 * parentheses: "s(si)" takes a string and an i32 and returns a string,
 * "v()" takes and returns nothing.
 */
#define MOTE_TYPE_MAP(X)          \
	X(VOID, 0, 'v', "void")   \
	X(I32, 1, 'i', "i32")     \
	X(U32, 2, 'u', "u32")     \
	X(I64, 3, 'I', "i64")     \
	X(U64, 4, 'U', "u64")     \
	X(F32, 5, 'f', "f32")     \
	X(F64, 6, 'd', "f64")     \
	X(BOOL, 7, 'b', "bool")   \
	X(STRING, 8, 's', "string") \
	X(BYTES, 9, 'y', "bytes")

#define MOTE_TYPE_ENUM_(name, number, letter, text) MOTE_TYPE_##name = (number),
typedef enum mote_type {
	MOTE_TYPE_MAP(MOTE_TYPE_ENUM_)
} mote_type;
#undef MOTE_TYPE_ENUM_

/* "i32" for MOTE_TYPE_I32; "?" for no known type. */
MOTE_API const char *mote_type_name(mote_type type);

/*
 * A string or a run of bytes. Strings hold no NUL before their end; by
 * convention they are UTF-8, which is not checked. Where the library hands
 * out a string, data[size] is a NUL that size does not count; where it takes
 * one, only the size bytes are read.
 */
typedef struct mote_span {
	const void *data; /* may be NULL if size is 0 */
	size_t size;      /* bytes */
} mote_span;

/*
 * One typed value. Strings and bytes are borrowed, never owned: what a call
 * returns points into guest memory and is valid until the next operation on
 * that sandbox.
 */
typedef struct mote_value {
	uint32_t type; /* mote_type */
	uint32_t reserved;
	union {
		int32_t i32;
		uint32_t u32;
		int64_t i64;
		uint64_t u64;
		float f32;
		double f64;
		uint8_t boolean; /* 0 or 1 */
		mote_span string;
		mote_span bytes;
	} as;
} mote_value;

#ifdef __cplusplus
}
#endif

#endif
