/*
 * Log records, in place in the post area. A file of its own: programs that
 * do not log do not carry printf.
 */
#include "rt/rt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Static_assert(MOTE_CONTROL_AT_ == MOTE_GVA_CONTROL, "header");
_Static_assert(MOTE_CONTROL_LOG_MOST_ == MOTE_CONTROL_LOG_MOST, "header");
_Static_assert(MOTE_CONTROL_TRACE_ == MOTE_CONTROL_TRACE, "header");

#define FILTER_MAX \
	(sizeof(((struct mote_abi_control *)0)->log_filter) / \
	 sizeof(struct mote_abi_log_module))

struct name {
	const char *start;
	size_t size;
};

/* The module if it has no name: the source file's, "net" for "src/net.c". */
static struct name name_of(const char *module, const char *file)
{
	struct name name = { module, 0 };
	const char *slash;
	const char *dot;

	if (module != NULL) {
		name.size = strlen(module);
	} else {
		slash = strrchr(file, '/');
		name.start = slash != NULL ? slash + 1 : file;
		dot = strrchr(name.start, '.');
		name.size = dot != NULL ? (size_t)(dot - name.start)
					: strlen(name.start);
	}
	if (name.size > MOTE_LOG_NAME_MAX)
		name.size = MOTE_LOG_NAME_MAX;
	return name;
}

static bool is_module(const volatile struct mote_abi_log_module *module,
		      const struct name *name)
{
	const size_t most = sizeof(module->name);
	size_t i;

	if (name->size > most)
		return false;
	for (i = 0; i < name->size; i++)
		if (module->name[i] != name->start[i])
			return false;
	return name->size == most || module->name[name->size] == '\0';
}

static bool wanted(uint32_t level, const struct name *name)
{
	const volatile struct mote_abi_control *page = control();
	uint32_t count = page->log_modules;
	uint32_t i;

	for (i = 0; i < count && i < FILTER_MAX; i++)
		if (is_module(&page->log_filter[i], name))
			return level <= page->log_filter[i].level;
	return level <= page->log_level;
}

/* Bytes of the record; 0 if less than the whole fits, unless cut. */
static size_t write_record(struct mote_abi_log *record, size_t space, bool cut,
			   const struct name *module, const struct name *file,
			   const char *format, va_list arguments)
{
	const size_t names = module->size + file->size;
	char *text = (char *)(record + 1);
	size_t most;
	int length;

	/* A NUL comes behind the text while it is made. */
	if (space < sizeof(*record) + names + 1)
		return 0;
	most = space - sizeof(*record) - names;
	if (most > MOTE_LOG_TEXT_MAX + 1)
		most = MOTE_LOG_TEXT_MAX + 1;
	length = vsnprintf(text, most, format, arguments);
	if (length < 0)
		length = 0;
	if ((size_t)length >= most) {
		if (!cut && most <= MOTE_LOG_TEXT_MAX)
			return 0;
		length = (int)most - 1;
	}
	record->text_size = (uint32_t)length;
	record->module_size = (uint16_t)module->size;
	record->file_size = (uint16_t)file->size;
	text += length;
	memcpy(text, module->start, module->size);
	memcpy(text + module->size, file->start, file->size);
	return sizeof(*record) + (size_t)length + names;
}

static bool post(uint32_t level, unsigned line, bool cut,
		 const struct name *module, const struct name *file,
		 const char *format, va_list arguments)
{
	size_t space;
	struct mote_abi_log *record = mote_rt_post_begin(&space);
	size_t size = write_record(record, space, cut, module, file, format,
				   arguments);

	if (size > 0) {
		record->level = level;
		record->line = line;
	}
	mote_rt_post_end(MOTE_POST_LOG, size);
	return size > 0;
}

void mote_log_(unsigned level, const char *module, const char *file,
	       unsigned line, const char *format, ...)
{
	const struct name from = name_of(module, file);
	struct name path = { file, strlen(file) };
	va_list arguments;
	bool done;

	if (!wanted(level, &from))
		return;
	if (path.size > MOTE_LOG_NAME_MAX) {
		path.start += path.size - MOTE_LOG_NAME_MAX;
		path.size = MOTE_LOG_NAME_MAX;
	}
	va_start(arguments, format);
	done = post(level, line, false, &from, &path, format, arguments);
	va_end(arguments);
	if (done)
		return;
	mote_rt_post_flush();
	va_start(arguments, format);
	done = post(level, line, true, &from, &path, format, arguments);
	va_end(arguments);
	if (!done)
		control()->post_dropped++;
}
