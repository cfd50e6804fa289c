#include "vm/mapping_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/unit.h"

static mote_status meanwhile(void *user, mote_host_call *call,
			     const mote_value *args, size_t count,
			     mote_value *result)
{
	const struct mapping_host *host = user;

	(void)call;
	(void)count;
	*result = MOTE_U32(
		host->meanwhile ?
			host->meanwhile(host->argument, args[0].as.u64) :
			0);
	return MOTE_OK;
}

mote_sandbox_options mapping_host_options(struct mapping_host *host)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	host->function.name = "Meanwhile";
	host->function.signature = "u(U)";
	host->function.fn = meanwhile;
	host->function.user = host;
	options.host_functions = &host->function;
	options.host_function_count = 1;
	options.deadline_ns = UINT64_C(50000000000);
	return options;
}

static mote_value call(mote_sandbox *box, const char *function,
		       const mote_value *args, size_t count)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	vm_expect(mote_call(box, function, args, count, &result, &err),
		  MOTE_OK, &err);
	return result;
}

uint32_t mapping_read(mote_sandbox *box, uint64_t address)
{
	const mote_value args[] = { MOTE_U64(address) };

	return call(box, "Read", args, 1).as.u32;
}

void mapping_write(mote_sandbox *box, uint64_t address, uint32_t value)
{
	const mote_value args[] = { MOTE_U64(address), MOTE_U32(value) };

	(void)call(box, "Write", args, 2);
}

void mapping_keep(mote_sandbox *box, uint32_t value)
{
	const mote_value args[] = { MOTE_U32(value) };

	(void)call(box, "Keep", args, 1);
}

uint32_t mapping_kept(mote_sandbox *box)
{
	return call(box, "Kept", NULL, 0).as.u32;
}

void mapping_expect(mote_sandbox *box, uint64_t address, const void *data,
		    uint64_t size, uint64_t step)
{
	const mote_value args[] = { MOTE_U64(address), MOTE_U64(size),
				    MOTE_U64(step) };
	const uint8_t *bytes = data;
	uint64_t sum = 0;
	uint64_t i;

	for (i = 0; i < size; i += step)
		sum = sum * 31 + bytes[i];
	assert_int_equal(call(box, "Sum", args, 3).as.u64, sum);
}

void mapping_expect_fault(mote_sandbox *box, const char *function,
			  uint64_t address, mote_fault_kind kind)
{
	const mote_value args[] = { MOTE_U64(address), MOTE_U32(1) };
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	vm_expect(mote_call(box, function, args,
			    strcmp(function, "Write") == 0 ? 2 : 1, &result,
			    &err),
		  MOTE_E_GUEST_FAULT, &err);
	assert_int_equal(err.fault.kind, kind);
	assert_int_equal(err.fault.address, address);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
}

uint8_t mapping_pattern(uint64_t offset)
{
	return (uint8_t)(1 + (offset ^ (offset >> 8) ^ (offset >> 16)) % 251);
}

uint8_t *mapping_bytes(uint64_t offset, uint64_t size)
{
	uint8_t *bytes = malloc(size);
	uint64_t i;

	assert_non_null(bytes);
	for (i = 0; i < size; i++)
		bytes[i] = mapping_pattern(offset + i);
	return bytes;
}

int mapping_file(uint64_t size, bool pattern)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint8_t *bytes;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (!pattern)
		return fd;
	bytes = mapping_bytes(0, size);
	assert_int_equal(pwrite(fd, bytes, size, 0), size);
	free(bytes);
	return fd;
}
