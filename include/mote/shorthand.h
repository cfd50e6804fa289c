/*
 * Conveniences for C and C++ callers; bindings do not need them.
 *
 *	mote_value args[] = { MOTE_STRING("World"), MOTE_I32(3) };
 *
 * Strings and bytes are borrowed, not copied, and not NULL for MOTE_STRING.
 * In C they are compound literals that live as long as the enclosing block,
 * and MOTE_STRING evaluates its argument twice.
 */
#ifndef MOTE_SHORTHAND_H
#define MOTE_SHORTHAND_H

#include <string.h>

#include <mote/value.h>

#ifndef __cplusplus

#define MOTE_MAKE_(kind, field, ...) \
	((mote_value){ .type = MOTE_TYPE_##kind, \
		       .as = { .field = __VA_ARGS__ } })

#define MOTE_I32(x) MOTE_MAKE_(I32, i32, (x))
#define MOTE_U32(x) MOTE_MAKE_(U32, u32, (x))
#define MOTE_I64(x) MOTE_MAKE_(I64, i64, (x))
#define MOTE_U64(x) MOTE_MAKE_(U64, u64, (x))
#define MOTE_F32(x) MOTE_MAKE_(F32, f32, (x))
#define MOTE_F64(x) MOTE_MAKE_(F64, f64, (x))
#define MOTE_BOOL(x) MOTE_MAKE_(BOOL, boolean, (x) ? 1 : 0)
#define MOTE_STRING(x) MOTE_STRING_N((x), strlen(x))
#define MOTE_STRING_N(x, n) MOTE_MAKE_(STRING, string, { (x), (n) })
#define MOTE_BYTES(x, n) MOTE_MAKE_(BYTES, bytes, { (x), (n) })

#else

#define MOTE_MAKE_(name, kind, field, argument)               \
	static inline mote_value name(argument x) noexcept    \
	{                                                     \
		mote_value value = mote_value();              \
		value.type = MOTE_TYPE_##kind;                \
		value.as.field = x;                           \
		return value;                                 \
	}
MOTE_MAKE_(MOTE_I32, I32, i32, int32_t)
MOTE_MAKE_(MOTE_U32, U32, u32, uint32_t)
MOTE_MAKE_(MOTE_I64, I64, i64, int64_t)
MOTE_MAKE_(MOTE_U64, U64, u64, uint64_t)
MOTE_MAKE_(MOTE_F32, F32, f32, float)
MOTE_MAKE_(MOTE_F64, F64, f64, double)
MOTE_MAKE_(MOTE_BOOL, BOOL, boolean, bool)
#undef MOTE_MAKE_

static inline mote_value MOTE_STRING_N(const char *data, size_t size) noexcept
{
	mote_value value = mote_value();
	value.type = MOTE_TYPE_STRING;
	value.as.string.data = data;
	value.as.string.size = size;
	return value;
}

static inline mote_value MOTE_STRING(const char *text) noexcept
{
	return MOTE_STRING_N(text, strlen(text));
}

static inline mote_value MOTE_BYTES(const void *data, size_t size) noexcept
{
	mote_value value = mote_value();
	value.type = MOTE_TYPE_BYTES;
	value.as.bytes.data = data;
	value.as.bytes.size = size;
	return value;
}

#endif

#endif
