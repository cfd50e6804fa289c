/* Every type in both directions, errors, posted calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mote_guest.h>

MOTE_IMPORT(void, HostVoid, void);
MOTE_IMPORT(i32, HostI32, (i32, x));
MOTE_IMPORT(u32, HostU32, (u32, x));
MOTE_IMPORT(i64, HostI64, (i64, x));
MOTE_IMPORT(u64, HostU64, (u64, x));
MOTE_IMPORT(f32, HostF32, (f32, x));
MOTE_IMPORT(f64, HostF64, (f64, x));
MOTE_IMPORT(bool, HostBool, (bool, x));
MOTE_IMPORT(string, HostString, (string, x));
MOTE_IMPORT(bytes, HostBytes, (bytes, x));
MOTE_IMPORT(string, HostFails, (i32, code), (string, text));
MOTE_POST(Log, (i32, level), (string, text));

MOTE_EXPORT(void, Void, void) { HostVoid(); }
MOTE_EXPORT(i32, I32, (i32, x)) { return HostI32(x); }
MOTE_EXPORT(u32, U32, (u32, x)) { return HostU32(x); }
MOTE_EXPORT(i64, I64, (i64, x)) { return HostI64(x); }
MOTE_EXPORT(u64, U64, (u64, x)) { return HostU64(x); }
MOTE_EXPORT(f32, F32, (f32, x)) { return HostF32(x); }
MOTE_EXPORT(f64, F64, (f64, x)) { return HostF64(x); }
MOTE_EXPORT(bool, Bool, (bool, x)) { return HostBool(x); }
MOTE_EXPORT(string, String, (string, x)) { return HostString(x); }
MOTE_EXPORT(bytes, Bytes, (bytes, x)) { return HostBytes(x); }

MOTE_EXPORT(i32, Scalar, (i32, a), (i32, b)) { return a + b; }
MOTE_EXPORT(void, Nothing, void) {}
MOTE_EXPORT(string, Null, void) { return NULL; }
MOTE_EXPORT(bytes, Empty, void) { return mote_make_bytes(NULL, 0); }

#define P(n) (u32, p##n)
MOTE_EXPORT(u64, Many, P(1), P(2), P(3), P(4), P(5), P(6), P(7), P(8), P(9),
	    P(10), P(11), P(12), P(13), P(14), P(15), P(16), P(17), P(18),
	    P(19), P(20), P(21), P(22), P(23), P(24), P(25), P(26), P(27),
	    P(28), P(29), P(30), P(31), P(32))
{
	const uint32_t all[] = { p1,  p2,  p3,  p4,  p5,  p6,  p7,  p8,
				 p9,  p10, p11, p12, p13, p14, p15, p16,
				 p17, p18, p19, p20, p21, p22, p23, p24,
				 p25, p26, p27, p28, p29, p30, p31, p32 };
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < 32; i++)
		sum = sum * 3 + all[i];
	return sum;
}

/* Several strings at once: each has its own place. */
MOTE_EXPORT(string, Join, (string, a), (bytes, b), (string, c))
{
	return mote_format("%s|%.*s|%s", HostString(a), (int)b.size,
			   (const char *)b.data, HostString(c));
}

MOTE_EXPORT(i32, Fail, (i32, code), (string, text))
{
	mote_fail(code, "%s", text);
	return 1;
}

MOTE_EXPORT(string, CallFails, (i32, code), (string, text))
{
	const char *result = HostFails(code, text);
	const mote_host_failure *failure = mote_host_error();

	if (failure == NULL)
		return mote_format("ok %s", result);
	if (result != NULL)
		return "a failed call has a result";
	return mote_format("%d %s", failure->code, failure->text);
}

/* A success clears the error. */
MOTE_EXPORT(bool, FailThenSucceed, void)
{
	HostFails(5, "no");
	HostVoid();
	return mote_host_error() == NULL;
}

/* size bytes of x, from call memory. */
MOTE_EXPORT(string, Long, (u32, size))
{
	char *text = mote_alloc((size_t)size + 1);

	if (text == NULL) {
		mote_fail(77, "no memory");
		return NULL;
	}
	memset(text, 'x', size);
	text[size] = '\0';
	return text;
}

MOTE_EXPORT(string, CallLong, (u32, size))
{
	char *text = malloc((size_t)size + 1);
	const char *result;

	memset(text, 'y', size);
	text[size] = '\0';
	result = HostString(text);
	free(text);
	if (mote_host_error() != NULL)
		return mote_format("%d %s", mote_host_error()->code,
				   mote_host_error()->text);
	return mote_format("%zu", strlen(result));
}

/* Blocks of call memory do not overlap and are aligned. */
MOTE_EXPORT(bool, Arena, (u32, blocks))
{
	unsigned char **block = malloc(blocks * sizeof(*block));
	uint32_t i;
	uint32_t j;

	for (i = 0; i < blocks; i++) {
		size_t size = (i * 7919) % 9000 + 1;

		block[i] = mote_alloc(size);
		if (block[i] == NULL || (uintptr_t)block[i] % 16 != 0)
			return false;
		memset(block[i], (int)(i & 255), size);
	}
	for (i = 0; i < blocks; i++)
		for (j = 0; j < (i * 7919) % 9000 + 1; j++)
			if (block[i][j] != (i & 255))
				return false;
	free(block);
	return true;
}

MOTE_EXPORT(void, Post, (i32, count), (u32, size))
{
	char *text = malloc((size_t)size + 1);
	int32_t i;

	memset(text, 'z', size);
	text[size] = '\0';
	for (i = 0; i < count; i++)
		Log(i, text);
	free(text);
}

MOTE_EXPORT(void, PrintAndPost, void)
{
	printf("one\n");
	Log(1, "two");
	printf("three\n");
	fprintf(stderr, "four\n");
	Log(2, "five");
}

MOTE_EXPORT(void, Print, (string, text)) { fputs(text, stdout); }

MOTE_EXPORT(bool, Write, (string, text))
{
	size_t size = strlen(text);

	return write(1, text, size) == (ssize_t)size;
}

MOTE_EXPORT(void, PrintTimes, (string, text), (u32, count))
{
	while (count-- > 0)
		fputs(text, stdout);
}
