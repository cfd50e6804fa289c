#include "vm/state_host.h"

#include <string.h>

#include "harness/unit.h"
#include "sandbox/types.h"

static mote_status echo(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	(void)user;
	(void)call;
	(void)count;
	*result = args[0];
	return MOTE_OK;
}

static mote_status note(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	struct state_host *host = user;

	(void)call;
	(void)args;
	(void)count;
	(void)result;
	__atomic_fetch_add(&host->notes, 1, __ATOMIC_RELAXED);
	return MOTE_OK;
}

static void output(void *user, uint32_t stream, const char *data, size_t size)
{
	struct state_host *host = user;

	(void)stream;
	while (size-- > 0)
		if (*data++ == '\n')
			__atomic_fetch_add(&host->lines, 1, __ATOMIC_RELAXED);
}

void state_open(struct state_host *host, const char *path)
{
	memset(host, 0, sizeof(*host));
	host->functions[0].name = "HostEcho";
	host->functions[0].signature = "s(s)";
	host->functions[0].fn = echo;
	host->functions[1].name = "Note";
	host->functions[1].signature = "v(s)";
	host->functions[1].fn = note;
	host->functions[1].user = host;
	vm_open(&host->vm, path);
}

void state_close(struct state_host *host)
{
	vm_close(&host->vm);
}

mote_sandbox_options state_options(struct state_host *host)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = host->functions;
	options.host_function_count = 2;
	options.output = output;
	options.output_user = host;
	options.heap_bytes = 8 << 20;
	options.deadline_ns = UINT64_C(20000000000);
	return options;
}

mote_sandbox *state_new(struct state_host *host)
{
	mote_sandbox_options options = state_options(host);

	return vm_sandbox(&host->vm, &options);
}

mote_snapshot *state_take(mote_sandbox *box)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_snapshot *snapshot = NULL;

	vm_expect(mote_snapshot_take(box, &snapshot, &err), MOTE_OK, &err);
	assert_non_null(snapshot);
	return snapshot;
}

void state_restore(mote_sandbox *box, mote_snapshot *snapshot)
{
	mote_error err = MOTE_ERROR_INIT;

	vm_expect(mote_sandbox_restore(box, snapshot, &err), MOTE_OK, &err);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
}

mote_sandbox *state_clone(struct state_host *host, mote_snapshot *snapshot)
{
	mote_sandbox_options options = state_options(host);
	mote_error err = MOTE_ERROR_INIT;
	mote_sandbox *box = NULL;

	options.heap_bytes = 0;
	vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box, &err),
		  MOTE_OK, &err);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
	return box;
}

static mote_value call(mote_sandbox *box, const char *function,
		       const mote_value *args, size_t count)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_value result = { 0 };

	vm_expect(mote_call(box, function, args, count, &result, &err),
		  MOTE_OK, &err);
	return result;
}

int32_t state_i32(mote_sandbox *box, const char *function)
{
	return call(box, function, NULL, 0).as.i32;
}

int64_t state_i64(mote_sandbox *box, const char *function)
{
	return call(box, function, NULL, 0).as.i64;
}

uint64_t state_u64(mote_sandbox *box, const char *function)
{
	return call(box, function, NULL, 0).as.u64;
}

void state_void(mote_sandbox *box, const char *function)
{
	(void)call(box, function, NULL, 0);
}

void state_fail(mote_sandbox *box, const char *function, mote_status status)
{
	mote_error err = MOTE_ERROR_INIT;

	vm_expect(mote_call(box, function, NULL, 0, NULL, &err), status, &err);
}

void state_set_text(mote_sandbox *box, const char *text)
{
	const mote_value argument = MOTE_STRING(text);

	(void)call(box, "SetText", &argument, 1);
}

void state_expect_text(mote_sandbox *box, const char *text)
{
	mote_value result = call(box, "Text", NULL, 0);

	assert_string_equal(result.as.string.data, text);
}

void state_touch(mote_sandbox *box, uint32_t count, uint32_t stride,
		 uint32_t value)
{
	const mote_value arguments[] = { MOTE_U32(count), MOTE_U32(stride),
					 MOTE_U32(value) };

	(void)call(box, "Touch", arguments, 3);
}

uint64_t state_sum(mote_sandbox *box, uint32_t count, uint32_t stride)
{
	const mote_value arguments[] = { MOTE_U32(count), MOTE_U32(stride) };

	return call(box, "Sum", arguments, 2).as.u64;
}

bool state_holds(const mote_sandbox *box, const void *bytes, size_t size)
{
	const struct mti_cow *cow = box->memory.cow;

	/* All of scratch: also what is out of use. */
	return memmem(box->memory.base, box->memory.size, bytes, size) ||
	       (cow && memmem(cow->scratch, cow->plan->scratch_size, bytes,
			      size));
}
