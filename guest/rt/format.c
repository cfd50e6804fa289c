/*
 * Formatted text in call memory. A file of its own: programs without it do
 * not carry printf.
 */
#include "rt/rt.h"

#include <stdarg.h>
#include <stdio.h>

static char *format_text(const char *format, va_list arguments)
{
	va_list again;
	char *text;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return NULL;
	text = mote_alloc((size_t)length + 1);
	if (text != NULL)
		vsnprintf(text, (size_t)length + 1, format, arguments);
	return text;
}

char *mote_format(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = format_text(format, arguments);
	va_end(arguments);
	return text;
}

void mote_fail(int32_t code, const char *format, ...)
{
	va_list arguments;
	const char *text;

	va_start(arguments, format);
	text = format_text(format, arguments);
	va_end(arguments);
	mote_rt_failure.set = true;
	mote_rt_failure.code = code;
	mote_rt_failure.text = text != NULL ? text : "";
}
