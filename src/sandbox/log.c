/*
 * Log records: those that a guest queues, and the library's own.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "abi/call.h"
#include "base/error.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"

static const char own_module[] = "mote";

/* Whether a record of that level and module goes to the callback. */
static bool wants(const mote_sandbox *box, uint32_t level, const char *module,
		  size_t size)
{
	return mti_log_filter_wants(&box->observe.filter, level, module, size);
}

static void deliver(mote_sandbox *box, const mote_log_record *record)
{
	struct mti_observer *observer = &box->observe;

	mti_metric_count(observer, MTI_METRIC_LOG_RECORDS, 1);
	observer->log(observer->log_user, record);
}

/* Copies the next of a record's three texts, as far as it fits. */
static mote_span take_text(const uint8_t **data, size_t size, char *copy,
			   size_t room)
{
	mote_span span = { .data = copy, .size = size < room ? size : room };

	memcpy(copy, *data, span.size);
	*data += size;
	return span;
}

static void take(mote_sandbox *box, const struct mote_abi_log *head,
		 const uint8_t *data)
{
	char text[MOTE_LOG_TEXT_MAX];
	char module[MOTE_LOG_NAME_MAX];
	char file[MOTE_LOG_NAME_MAX];
	mote_log_record record = {
		.struct_size = sizeof(record),
		.level = head->level,
		.guest = 1,
		.line = head->line,
	};

	uint64_t observed;
	uint64_t begun_ns;

	record.text = take_text(&data, head->text_size, text, sizeof(text));
	record.module =
		take_text(&data, head->module_size, module, sizeof(module));
	record.file = take_text(&data, head->file_size, file, sizeof(file));
	if (!wants(box, record.level, module, record.module.size) ||
	    !mti_rate_take(&box->observe.rate, box->observe.now_ns)) {
		mti_metric_count(&box->observe, MTI_METRIC_LOG_DROPPED, 1);
		return;
	}
	begun_ns = mti_usage_host_begin(box);
	observed = mti_observe_callback_begin(box);
	deliver(box, &record);
	mti_observe_callback_end(box, observed);
	mti_usage_host_end(box, begun_ns);
}

mote_status mti_log_take(mote_sandbox *box, const uint8_t *data, size_t size,
			 mote_error *err)
{
	struct mote_abi_log head;
	mote_status status = mti_usage_log(box, size, err);

	if (status != MOTE_OK)
		return status;
	if (size < sizeof(head))
		return mti_error_set(err, MOTE_E_PROTOCOL, "guest log",
				     "a log record of %zu bytes", size);
	memcpy(&head, data, sizeof(head));
	if (head.level < MOTE_LOG_ERROR || head.level > MOTE_LOG_TRACE)
		return mti_error_set(err, MOTE_E_PROTOCOL, "guest log",
				     "a log record of level %u", head.level);
	size -= sizeof(head);
	if ((uint64_t)head.text_size + head.module_size + head.file_size !=
	    size)
		return mti_error_set(err, MOTE_E_PROTOCOL, "guest log",
				     "texts of %u, %u and %u bytes in a log "
				     "record with %zu",
				     head.text_size, head.module_size,
				     head.file_size, size);
	take(box, &head, data + sizeof(head));
	return MOTE_OK;
}

void mti_log_event(mote_sandbox *box, mote_log_level level, const char *format,
		   ...)
{
	const size_t module_size = sizeof(own_module) - 1;
	char text[MOTE_ERROR_TEXT_MAX + MOTE_NAME_MAX + 16];
	mote_log_record record = {
		.struct_size = sizeof(record),
		.level = (uint32_t)level,
		.text = { .data = text },
		.module = { .data = own_module, .size = module_size },
		.file = { .data = "" },
	};
	va_list args;

	/* Not the guest's: it must not be able to use up the room for them. */
	if (!wants(box, record.level, own_module, module_size))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	record.text.size = strlen(text);
	deliver(box, &record);
}
