/*
 * Reading untrusted bytes one after the other. What does not fit makes the
 * cursor bad: from then on everything reads as zero and nothing moves, so
 * that callers look once, at the end. Little endian. Pure.
 */
#ifndef MTI_DEBUG_CURSOR_H
#define MTI_DEBUG_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct mti_bytes {
	const uint8_t *data;
	size_t size;
};

struct mti_cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static inline struct mti_cursor mti_cursor_of(const uint8_t *data, size_t size)
{
	/* Of what is absent, data is NULL: nothing may be added to that. */
	return (struct mti_cursor){ data, size ? data + size : data, false };
}

static inline size_t mti_cursor_left(const struct mti_cursor *cursor)
{
	return cursor->bad ? 0 : (size_t)(cursor->end - cursor->at);
}

/* Whether size bytes are there; if not, the cursor is bad. */
static inline bool mti_cursor_has(struct mti_cursor *cursor, uint64_t size)
{
	if (size > mti_cursor_left(cursor))
		cursor->bad = true;
	return !cursor->bad;
}

static inline void mti_take_skip(struct mti_cursor *cursor, uint64_t size)
{
	if (mti_cursor_has(cursor, size))
		cursor->at += size;
}

/* A number of size bytes, 1 to 8. */
static inline uint64_t mti_take(struct mti_cursor *cursor, size_t size)
{
	uint64_t value = 0;
	size_t i;

	if (!mti_cursor_has(cursor, size))
		return 0;
	for (i = 0; i < size; i++)
		value |= (uint64_t)cursor->at[i] << (8 * i);
	cursor->at += size;
	return value;
}

/* The same with its sign. */
static inline int64_t mti_take_signed(struct mti_cursor *cursor, size_t size)
{
	uint64_t value = mti_take(cursor, size);
	unsigned int unused = 64 - 8 * (unsigned int)size;

	return (int64_t)(value << unused) >> unused;
}

/*
 * LEB128 (DWARF 5, 7.6); bits beyond 64 are dropped. The padding that it may
 * have is bounded: what is read again for each function or row could be a
 * number of a million bytes, a million times.
 */
#define MTI_LEB_BYTES_MAX 16

static inline uint64_t mti_take_leb(struct mti_cursor *cursor, bool with_sign)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	unsigned int i;
	uint8_t byte;

	for (i = 0; i < MTI_LEB_BYTES_MAX; i++) {
		byte = (uint8_t)mti_take(cursor, 1);
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += shift < 64 ? 7 : 0;
		if (byte & 0x80)
			continue;
		if (with_sign && (byte & 0x40) && shift < 64)
			value |= UINT64_MAX << shift;
		return value;
	}
	cursor->bad = true;
	return 0;
}

static inline uint64_t mti_take_uleb(struct mti_cursor *cursor)
{
	return mti_take_leb(cursor, false);
}

static inline int64_t mti_take_sleb(struct mti_cursor *cursor)
{
	return (int64_t)mti_take_leb(cursor, true);
}

/* A text up to its NUL, which is skipped but not counted. */
static inline struct mti_bytes mti_take_text(struct mti_cursor *cursor)
{
	struct mti_bytes text = { cursor->at, 0 };
	const uint8_t *nul = NULL;

	if (mti_cursor_left(cursor) > 0)
		nul = memchr(cursor->at, 0, mti_cursor_left(cursor));
	if (!nul) {
		cursor->bad = true;
		return text;
	}
	text.size = (size_t)(nul - cursor->at);
	cursor->at = nul + 1;
	return text;
}

#endif
