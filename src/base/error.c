#include "base/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* An older caller's record may be shorter than ours: fill what there is. */
static void store(mote_error *err, const mote_error *full)
{
	uint32_t size = err->struct_size;

	if (size > sizeof(*full))
		size = sizeof(*full);
	if (size <= sizeof(size))
		return;
	memcpy((char *)err + sizeof(size), (const char *)full + sizeof(size),
	       size - sizeof(size));
}

static void format_text(mote_error *full, const char *format, va_list args)
	MOTE_PRINTF(2, 0);

static void format_text(mote_error *full, const char *format, va_list args)
{
	vsnprintf(full->text, sizeof(full->text), format, args);
}

mote_status mti_error_set(mote_error *err, mote_status status,
			  const char *operation, const char *format, ...)
{
	mote_error full = MOTE_ERROR_INIT;
	va_list args;

	if (!err)
		return status;
	full.code = (int32_t)status;
	full.operation = operation;
	va_start(args, format);
	format_text(&full, format, args);
	va_end(args);
	store(err, &full);
	return status;
}

mote_status mti_error_os(mote_error *err, mote_status status,
			 const char *operation, int os_errno,
			 const char *format, ...)
{
	mote_error full = MOTE_ERROR_INIT;
	char reason[96];
	size_t used;
	va_list args;

	if (!err)
		return status;
	full.code = (int32_t)status;
	full.operation = operation;
	full.os_errno = os_errno;
	va_start(args, format);
	format_text(&full, format, args);
	va_end(args);
	used = strlen(full.text);
	/* The GNU strerror_r: returns the text, in its own memory or ours. */
	snprintf(full.text + used, sizeof(full.text) - used, ": %s",
		 strerror_r(os_errno, reason, sizeof(reason)));
	store(err, &full);
	return status;
}

/* Whether the caller's record goes to offset end. */
static bool reaches(const mote_error *err, size_t end)
{
	return err && err->struct_size >= end;
}

void mti_error_put_errno(mote_error *err, int32_t os_errno)
{
	if (reaches(err, offsetof(mote_error, guest_code)))
		err->os_errno = os_errno;
}

void mti_error_put_guest_code(mote_error *err, int32_t guest_code)
{
	if (reaches(err, offsetof(mote_error, operation)))
		err->guest_code = guest_code;
}

void mti_error_put_fault(mote_error *err, const mote_fault *fault)
{
	if (reaches(err, sizeof(*err)))
		err->fault = *fault;
}

void mti_error_copy(mote_error *err, const mote_error *from)
{
	if (err)
		store(err, from);
}

void mti_error_prefix(mote_error *err, const char *format, ...)
{
	char whole[MOTE_ERROR_TEXT_MAX];
	va_list args;
	size_t used;

	/* An older caller's record without all of the text stays as it is. */
	if (!reaches(err, offsetof(mote_error, fault)))
		return;
	va_start(args, format);
	vsnprintf(whole, sizeof(whole), format, args);
	va_end(args);
	used = strlen(whole);
	snprintf(whole + used, sizeof(whole) - used, "%s", err->text);
	memcpy(err->text, whole, strlen(whole) + 1);
}

mote_status mti_error_guest(mote_error *err, mote_status status, int32_t code,
			    const char *text, size_t size)
{
	mote_error full = MOTE_ERROR_INIT;
	size_t i;

	if (!err)
		return status;
	if (size >= sizeof(full.text))
		size = sizeof(full.text) - 1;
	full.code = (int32_t)status;
	full.guest_code = code;
	for (i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		full.text[i] = (c < 0x20 || c == 0x7f) ? '?' : (char)c;
	}
	store(err, &full);
	return status;
}

const char *mti_error_time(uint64_t ns, char text[MTI_ERROR_TIME_MAX])
{
	bool whole_ms = ns % 1000000 == 0;

	snprintf(text, MTI_ERROR_TIME_MAX, "%" PRIu64 " %s",
		 whole_ms ? ns / 1000000 : ns, whole_ms ? "ms" : "ns");
	return text;
}
