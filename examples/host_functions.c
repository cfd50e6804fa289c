/*
 * Host functions: arguments, results of every size, failures, and calls that
 * nobody waits for. usage: host_functions shop.elf
 */
#include <stdio.h>
#include <string.h>

#include <mote/mote.h>

struct price {
	const char *item;
	int64_t cents;
};

static const struct price prices[] = { { "apple", 45 }, { "melon", 390 } };

/* user is what was registered: here the list of prices. */
static mote_status price_of(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	const struct price *list = user;
	const char *item = args[0].as.string.data; /* has a NUL behind it */

	for (size_t i = 0; i < 2; i++) {
		if (strcmp(list[i].item, item) == 0) {
			*result = MOTE_I64(list[i].cents);
			return MOTE_OK;
		}
	}
	return mote_host_call_fail(call, 404, "not for sale");
}

/* Built in the memory that the guest reads: no copy, nothing to free. */
static mote_status logo(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	uint32_t width = args[0].as.u32;
	char *data = mote_host_call_alloc(call, width);

	if (!data)
		return mote_host_call_fail(call, 1, "the logo is too wide");
	for (uint32_t i = 0; i < width; i++)
		data[i] = (char)('a' + i % 26);
	*result = MOTE_BYTES(data, width);
	return MOTE_OK;
}

/* Without a result; the guest declared it with MOTE_POST. */
static mote_status log_line(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	printf("log %d: %s\n", args[0].as.i32,
	       (const char *)args[1].as.string.data);
	return MOTE_OK;
}

static void total(mote_sandbox *box, const char *item, uint32_t count)
{
	const mote_value args[] = { MOTE_STRING(item), MOTE_U32(count) };
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	if (mote_call(box, "Total", args, 2, &result, &err) == MOTE_OK)
		printf("%u x %s = %lld cents\n", count, item,
		       (long long)result.as.i64);
	else
		printf("%u x %s: code %d, %s\n", count, item, err.guest_code,
		       err.text);
}

static void stamp(mote_sandbox *box, uint32_t width)
{
	const mote_value args[] = { MOTE_U32(width) };
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	if (mote_call(box, "Stamp", args, 1, &result, &err) == MOTE_OK)
		printf("stamp: %.*s\n", (int)result.as.bytes.size,
		       (const char *)result.as.bytes.data);
	else
		printf("stamp: %s\n", err.text);
}

int main(int argc, char **argv)
{
	const mote_host_function host[] = {
		{ "PriceOf", "I(s)", price_of, (void *)prices },
		{ "Logo", "y(u)", logo, NULL },
		{ "Log", "v(is)", log_line, NULL },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	int status = 1;

	options.host_functions = host;
	options.host_function_count = 3;
	if (mote_engine_new(NULL, &engine, &err) == MOTE_OK &&
	    mote_image_open(engine, argc > 1 ? argv[1] : "shop.elf", &image,
			    &err) == MOTE_OK &&
	    mote_sandbox_new(image, &options, &box, &err) == MOTE_OK) {
		total(box, "apple", 3);
		total(box, "unicorn", 1);
		stamp(box, 8);
		status = 0;
	} else {
		fprintf(stderr, "%s\n", err.text);
	}
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status;
}
