/* A function for each type, so that each can be given and printed. */
#include <string.h>

#include <mote_guest.h>

MOTE_IMPORT(i32, HostNumber, (i32, seed));
MOTE_POST(Note, (string, text));

MOTE_EXPORT(i32, EchoI32, (i32, value))
{
	return value;
}

MOTE_EXPORT(u32, EchoU32, (u32, value))
{
	return value;
}

MOTE_EXPORT(i64, EchoI64, (i64, value))
{
	return value;
}

MOTE_EXPORT(u64, EchoU64, (u64, value))
{
	return value;
}

MOTE_EXPORT(f32, EchoF32, (f32, value))
{
	return value;
}

MOTE_EXPORT(f64, EchoF64, (f64, value))
{
	return value;
}

MOTE_EXPORT(bool, EchoBool, (bool, value))
{
	return value;
}

MOTE_EXPORT(string, EchoString, (string, text))
{
	return text;
}

MOTE_EXPORT(bytes, EchoBytes, (bytes, data))
{
	return data;
}

MOTE_EXPORT(bytes, JoinBytes, (bytes, a), (bytes, b))
{
	char *all = mote_alloc(a.size + b.size);

	memcpy(all, a.data, a.size);
	memcpy(all + a.size, b.data, b.size);
	return mote_make_bytes(all, a.size + b.size);
}

MOTE_EXPORT(u32, CountBytes, (bytes, data))
{
	return (uint32_t)data.size;
}

MOTE_EXPORT(void, Nothing, void)
{
	Note("nothing happened");
}

MOTE_EXPORT(string, Repeat, (string, text), (i32, count))
{
	size_t size = strlen(text);
	char *all = mote_alloc(size * (size_t)count + 1);
	char *end = all;

	for (int i = 0; i < count; i++) {
		memcpy(end, text, size);
		end += size;
	}
	*end = '\0';
	return all;
}

/* Not UTF-8, and an escape sequence that would colour a terminal red. */
MOTE_EXPORT(string, Wild, void)
{
	return "caf\xe9 \033[31mred\033[0m \xc2\x9b \xe2\x80\xae";
}

MOTE_EXPORT(i32, AskHost, (i32, seed))
{
	return HostNumber(seed);
}

static int calls;

MOTE_EXPORT(i32, NextCall, void)
{
	return ++calls;
}
