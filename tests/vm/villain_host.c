#include "vm/villain_host.h"

#include "sandbox/types.h"

mote_host_fn villain_host_fn;

static mote_status host_any(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	if (villain_host_fn)
		return villain_host_fn(user, call, args, count, result);
	if (count > 0)
		*result = args[0];
	return MOTE_OK;
}

static const mote_host_function host_functions[] = {
	{ "HostAdd", "i(ii)", host_any, NULL },
	{ "HostText", "s(s)", host_any, NULL },
	{ "HostLog", "v(s)", host_any, NULL },
	{ "HostBytes", "y(y)", host_any, NULL },
};

mote_sandbox_options villain_host_options(uint64_t deadline_ns)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = host_functions;
	options.host_function_count =
		sizeof(host_functions) / sizeof(host_functions[0]);
	options.deadline_ns = deadline_ns;
	return options;
}

static volatile uint64_t *count_word(const mote_sandbox *box)
{
	return (volatile uint64_t *)(uintptr_t)(box->out + 4096);
}

void villain_count_start(const mote_sandbox *box)
{
	*count_word(box) = 0;
}

uint64_t villain_count(const mote_sandbox *box)
{
	return *count_word(box);
}

uint64_t villain_count_seen(const mote_sandbox *box)
{
	uint64_t count;

	do {
		count = villain_count(box);
	} while (count < 2);
	return count;
}
