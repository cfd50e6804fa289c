/*
 * An ordinary guest: functions of all types, in both directions.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote_guest.h>

MOTE_IMPORT(i32, HostI32, (i32, x));
MOTE_IMPORT(u32, HostU32, (u32, x));
MOTE_IMPORT(i64, HostI64, (i64, x));
MOTE_IMPORT(u64, HostU64, (u64, x));
MOTE_IMPORT(f32, HostF32, (f32, x));
MOTE_IMPORT(f64, HostF64, (f64, x));
MOTE_IMPORT(bool, HostBool, (bool, x));
MOTE_IMPORT(string, HostString, (string, x));
MOTE_IMPORT(bytes, HostBytes, (bytes, x));
MOTE_IMPORT(void, HostVoid, void);
MOTE_POST(Log, (i32, number), (string, text));

#define BOTH(type, suffix)                            \
	MOTE_EXPORT(type, Echo##suffix, (type, x))    \
	{                                             \
		return x;                             \
	}                                             \
	MOTE_EXPORT(type, Through##suffix, (type, x)) \
	{                                             \
		return Host##suffix(x);               \
	}

BOTH(i32, I32)
BOTH(u32, U32)
BOTH(i64, I64)
BOTH(u64, U64)
BOTH(f32, F32)
BOTH(f64, F64)
BOTH(bool, Bool)
BOTH(string, String)
BOTH(bytes, Bytes)

static int counter;

MOTE_EXPORT(void, Nothing, void)
{
}

MOTE_EXPORT(void, ThroughVoid, void)
{
	HostVoid();
}

MOTE_EXPORT(i32, Count, void)
{
	return ++counter;
}

#define P4(a, b, c, d) (i32, a), (u64, b), (f64, c), (string, d)
MOTE_EXPORT(string, Many, P4(a0, a1, a2, a3), P4(b0, b1, b2, b3),
	    P4(c0, c1, c2, c3), P4(d0, d1, d2, d3), P4(e0, e1, e2, e3),
	    P4(f0, f1, f2, f3), P4(g0, g1, g2, g3), P4(h0, h1, h2, h3))
{
	int64_t integers = (int64_t)a0 + b0 + c0 + d0 + e0 + f0 + g0 + h0;
	uint64_t large = a1 + b1 + c1 + d1 + e1 + f1 + g1 + h1;
	double reals = a2 + b2 + c2 + d2 + e2 + f2 + g2 + h2;

	return mote_format("%" PRId64 " %" PRIu64 " %g %s%s%s%s%s%s%s%s",
			   integers, large, reals, a3, b3, c3, d3, e3, f3, g3,
			   h3);
}

MOTE_EXPORT(u64, Sum, (bytes, data))
{
	const unsigned char *at = data.data;
	uint64_t sum = data.size;
	size_t i;

	for (i = 0; i < data.size; i++)
		sum = sum * 31 + at[i];
	return sum;
}

MOTE_EXPORT(u64, Length, (string, text))
{
	return strlen(text);
}

MOTE_EXPORT(bytes, Make, (u64, size), (u32, first))
{
	unsigned char *data = malloc(size ? size : 1);
	static unsigned char *last;
	uint64_t i;

	free(last);
	last = data;
	if (!data) {
		mote_fail(12, "no memory for %" PRIu64, size);
		return mote_make_bytes(NULL, 0);
	}
	for (i = 0; i < size; i++)
		data[i] = (unsigned char)(first + i);
	return mote_make_bytes(data, size);
}

MOTE_EXPORT(string, MakeString, (u64, size))
{
	char *text = malloc(size + 1);
	static char *last;

	free(last);
	last = text;
	if (!text) {
		mote_fail(12, "no memory");
		return "";
	}
	memset(text, 'm', size);
	text[size] = 0;
	return text;
}

MOTE_EXPORT(i32, Fail, (i32, code), (string, text))
{
	counter++;
	mote_fail(code, "%s", text);
	return 5;
}

/* What the guest sees when a host function fails. */
static const char *tell(void)
{
	const mote_host_failure *failure = mote_host_error();

	if (!failure)
		return "fine";
	return mote_format("%d %s", (int)failure->code, failure->text);
}

MOTE_EXPORT(string, TryI32, (i32, x))
{
	HostI32(x);
	return tell();
}

MOTE_EXPORT(string, TryString, (string, x))
{
	HostString(x);
	return tell();
}

MOTE_EXPORT(string, TryBytes, (u64, size))
{
	void *data = calloc(1, size + 1);

	HostBytes(mote_make_bytes(data, size));
	free(data);
	return tell();
}

MOTE_EXPORT(i64, HostLoop, (u32, times))
{
	int64_t sum = 0;
	uint32_t i;

	for (i = 0; i < times; i++)
		sum += HostI32((int32_t)i);
	return sum;
}

MOTE_EXPORT(i32, Print, (i32, lines))
{
	int i;

	for (i = 0; i < lines; i++)
		printf("line %d\n", i);
	return lines;
}

MOTE_EXPORT(void, Post, (i32, times))
{
	int i;

	for (i = 0; i < times; i++)
		Log(i, "posted");
}

/* Output of both kinds and posted calls, in an order that must be kept. */
MOTE_EXPORT(i32, Mix, (i32, x))
{
	printf("a");
	fflush(stdout);
	Log(1, "b");
	fprintf(stderr, "c");
	printf("d\n");
	fflush(stdout);
	Log(2, "e");
	x = HostI32(x);
	printf("f\n");
	fflush(stdout);
	Log(3, "g");
	return x;
}

MOTE_EXPORT(u64, Exhaust, (u64, block))
{
	struct link {
		struct link *next;
	} *list = NULL;
	uint64_t count = 0;

	for (;;) {
		struct link *one = malloc(block);

		if (!one)
			break;
		memset(one, 0x5a, block);
		one->next = list;
		list = one;
		count++;
	}
	while (list) {
		struct link *next = list->next;

		free(list);
		list = next;
	}
	return count;
}

/* Known to nobody but us. */
static volatile uintptr_t where = 8;

MOTE_EXPORT(void, Crash, void)
{
	printf("last words\n");
	fflush(stdout);
	*(volatile int *)where = 1;
}

MOTE_EXPORT(void, Abort, void)
{
	printf("aborting\n");
	fflush(stdout);
	abort();
}

MOTE_EXPORT(void, Assert, (i32, x))
{
	assert(x == 1);
}

MOTE_EXPORT(void, Exit, (i32, status))
{
	exit(status);
}

static int depth(volatile char *above, int n)
{
	volatile char frame[512];

	frame[0] = above[0];
	return n == 0 ? frame[0] : depth(frame, n - 1) + 1 - (int)frame[0];
}

MOTE_EXPORT(i32, Recurse, (i32, n))
{
	volatile char top[1] = { 0 };

	return depth(top, n);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++)
		printf("[%s]", argv[i]);
	printf("%d\n", argv[argc] == NULL);
	if (argc > 1 && strcmp(argv[1], "exit") == 0)
		exit(atoi(argv[2]));
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		abort();
	if (argc > 1 && strcmp(argv[1], "loop") == 0)
		for (;;)
			continue;
	return argc;
}
