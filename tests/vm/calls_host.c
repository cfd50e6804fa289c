#include "vm/calls_host.h"

#include <stdio.h>
#include <string.h>

#include "harness/unit.h"

static void append(struct calls_host *host, const char *text, size_t size)
{
	if (size > sizeof(host->log) - 1 - host->used)
		size = sizeof(host->log) - 1 - host->used;
	memcpy(host->log + host->used, text, size);
	host->used += size;
	host->log[host->used] = '\0';
}

static mote_status echo(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	(void)user;
	(void)call;
	if (count > 0)
		*result = args[0];
	return MOTE_OK;
}

static mote_status take_log(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	struct calls_host *host = user;

	(void)call;
	(void)result;
	assert_int_equal(count, 2);
	host->posts++;
	append(host, args[1].as.string.data, args[1].as.string.size);
	return MOTE_OK;
}

static void output(void *user, uint32_t stream, const char *data, size_t size)
{
	struct calls_host *host = user;

	assert_true(stream == MOTE_STREAM_STDOUT ||
		    stream == MOTE_STREAM_STDERR);
	append(host, data, size);
}

void calls_host_init(struct calls_host *host)
{
	static const char *const names[CALLS_HOST_FUNCTIONS][2] = {
		{ "HostI32", "i(i)" },	  { "HostU32", "u(u)" },
		{ "HostI64", "I(I)" },	  { "HostU64", "U(U)" },
		{ "HostF32", "f(f)" },	  { "HostF64", "d(d)" },
		{ "HostBool", "b(b)" },	  { "HostString", "s(s)" },
		{ "HostBytes", "y(y)" },  { "HostVoid", "v()" },
		{ "Log", "v(is)" },
	};
	size_t i;

	memset(host, 0, sizeof(*host));
	for (i = 0; i < CALLS_HOST_FUNCTIONS; i++) {
		host->functions[i].name = names[i][0];
		host->functions[i].signature = names[i][1];
		host->functions[i].fn = echo;
		host->functions[i].user = host;
	}
	host->functions[CALLS_HOST_FUNCTIONS - 1].fn = take_log;
}

mote_sandbox_options calls_host_options(struct calls_host *host)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = host->functions;
	options.host_function_count = CALLS_HOST_FUNCTIONS;
	options.output = output;
	options.output_user = host;
	return options;
}

mote_sandbox *calls_host_open(struct calls_host *host, struct vm *vm)
{
	mote_sandbox_options options;

	vm_open(vm, GUEST_vm_calls);
	calls_host_init(host);
	options = calls_host_options(host);
	return vm_sandbox(vm, &options);
}

mote_host_function *calls_host_entry(struct calls_host *host, const char *name)
{
	size_t i;

	for (i = 0; i < CALLS_HOST_FUNCTIONS; i++)
		if (strcmp(host->functions[i].name, name) == 0)
			return &host->functions[i];
	fail_msg("no host function %s", name);
	return NULL;
}
