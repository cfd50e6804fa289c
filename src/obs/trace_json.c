/*
 * A trace as Chrome trace JSON ("Trace Event Format", JSON Object Format),
 * which Perfetto and chrome://tracing open.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "obs/trace_buffer.h"

#define BLOCK_BYTES 16384
/* Of one event: its name, each byte at most 6, and all else. */
#define EVENT_BYTES (6 * MTI_TRACE_NAME_MAX + 512)

struct writer {
	mti_trace_sink sink;
	void *context;
	int error;
	size_t used;
	char block[BLOCK_BYTES];
};

static void flush(struct writer *writer)
{
	if (writer->error == 0 && writer->used > 0)
		writer->error = writer->sink(writer->context, writer->block,
					     writer->used);
	writer->used = 0;
}

static void put(struct writer *writer, const char *format, ...)
	MOTE_PRINTF(2, 3);

/* What does not fit is cut: each event makes sure that there is room. */
static void put(struct writer *writer, const char *format, ...)
{
	size_t room = BLOCK_BYTES - writer->used;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(writer->block + writer->used, room, format, args);
	va_end(args);
	if (length > 0)
		writer->used += (size_t)length < room ? (size_t)length
						      : room - 1;
}

/*
 * Bytes of the UTF-8 character at data; 0 if there is none: broken, overlong,
 * a surrogate, or beyond Unicode (RFC 3629, section 4).
 */
static size_t utf8_length(const uint8_t *data, size_t size)
{
	size_t length = data[0] < 0x80	 ? 1 :
			data[0] < 0xc2	 ? 0 :
			data[0] < 0xe0	 ? 2 :
			data[0] < 0xf0	 ? 3 :
			data[0] < 0xf5	 ? 4 :
					   0;
	size_t i;

	if (length == 0 || length > size)
		return 0;
	for (i = 1; i < length; i++)
		if ((data[i] & 0xc0) != 0x80)
			return 0;
	if ((data[0] == 0xe0 && data[1] < 0xa0) ||
	    (data[0] == 0xed && data[1] > 0x9f) ||
	    (data[0] == 0xf0 && data[1] < 0x90) ||
	    (data[0] == 0xf4 && data[1] > 0x8f))
		return 0;
	return length;
}

static void put_name(struct writer *writer, const uint8_t *name, size_t size)
{
	while (size > 0) {
		size_t length = utf8_length(name, size);

		if (length == 0) {
			put(writer, "\\ufffd");
			length = 1;
		} else if (name[0] < 0x20 || name[0] == 0x7f) {
			put(writer, "\\u%04x", name[0]);
		} else if (name[0] == '"' || name[0] == '\\') {
			put(writer, "\\%c", name[0]);
		} else {
			put(writer, "%.*s", (int)length, (const char *)name);
		}
		name += length;
		size -= length;
	}
}

static void put_meta(struct writer *writer, const char *what, uint32_t process,
		     uint32_t thread, const char *name)
{
	put(writer,
	    ",\n{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"%s\","
	    "\"args\":{\"name\":\"%s\"}}",
	    process, thread, what, name);
}

static void put_sandbox(struct writer *writer,
			const struct mti_trace_event *event)
{
	char name[32];

	snprintf(name, sizeof(name), "sandbox %lld", (long long)event->value);
	put_meta(writer, "process_name", event->process, event->thread, name);
	put_meta(writer, "thread_name", event->process, event->thread, "host");
	put_meta(writer, "thread_name", event->process, event->thread + 1,
		 "guest");
}

/* Microseconds, as the format wants them. */
static void put_time(struct writer *writer, const char *key, uint64_t ns)
{
	put(writer, ",\"%s\":%llu.%03u", key, (unsigned long long)(ns / 1000),
	    (unsigned int)(ns % 1000));
}

static void put_event(struct writer *writer,
		      const struct mti_trace_event *event, const uint8_t *name)
{
	static const char phases[] = {
		[MTI_TRACE_BEGIN] = 'B',    [MTI_TRACE_END] = 'E',
		[MTI_TRACE_COMPLETE] = 'X', [MTI_TRACE_EVENT] = 'i',
		[MTI_TRACE_COUNTER] = 'C',
	};

	if (BLOCK_BYTES - writer->used < EVENT_BYTES)
		flush(writer);
	if (event->phase == MTI_TRACE_SANDBOX) {
		put_sandbox(writer, event);
		return;
	}
	put(writer, ",\n{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u",
	    phases[event->phase], event->process, event->thread);
	put_time(writer, "ts", event->ns);
	if (event->phase == MTI_TRACE_COMPLETE)
		put_time(writer, "dur", (uint64_t)event->value);
	if (event->phase == MTI_TRACE_EVENT)
		put(writer, ",\"s\":\"t\"");
	if (event->phase == MTI_TRACE_COUNTER)
		put(writer, ",\"args\":{\"value\":%lld}",
		    (long long)event->value);
	if (event->phase != MTI_TRACE_END) {
		put(writer, ",\"name\":\"");
		put_name(writer, name, event->name_size);
		put(writer, "\"");
	}
	put(writer, "}");
}

int mti_trace_write(mote_trace *trace, mti_trace_sink sink, void *context)
{
	const size_t head = sizeof(struct mti_trace_event);
	struct writer writer;
	uint64_t dropped;
	uint64_t used;
	uint64_t at;

	writer.sink = sink;
	writer.context = context;
	writer.error = 0;
	writer.used = 0;
	pthread_mutex_lock(&trace->lock);
	used = trace->used;
	dropped = trace->dropped;
	pthread_mutex_unlock(&trace->lock);
	put(&writer,
	    "{\"displayTimeUnit\":\"ns\",\"otherData\":"
	    "{\"clock\":\"CLOCK_MONOTONIC\",\"dropped\":\"%llu\"},\n"
	    "\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":%u,\"tid\":0,"
	    "\"name\":\"process_name\",\"args\":{\"name\":\"program\"}}",
	    (unsigned long long)dropped, MTI_TRACE_PROGRAM);
	for (at = 0; at < used && writer.error == 0;) {
		struct mti_trace_event event;

		memcpy(&event, trace->buffer + at, head);
		put_event(&writer, &event, trace->buffer + at + head);
		at += head + ((event.name_size + 7u) & ~7u);
	}
	put(&writer, "\n]}\n");
	flush(&writer);
	return writer.error;
}
