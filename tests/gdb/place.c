#include "place.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mote/debug.h>

#include "client.h"
#include "harness/unit.h"
#include "sandbox/types.h"

char gdb_path[64];
char gdb_address[72];
uint64_t gdb_room;

static char folder[] = "/tmp/mote-test-XXXXXX";

bool gdb_place_init(void)
{
	if (!mkdtemp(folder)) {
		perror(folder);
		return false;
	}
	snprintf(gdb_path, sizeof(gdb_path), "%s/gdb", folder);
	snprintf(gdb_address, sizeof(gdb_address), "unix:%s", gdb_path);
	return true;
}

void gdb_place_fini(void)
{
	rmdir(folder);
}

static mote_status twice(void *user, mote_host_call *call,
			 const mote_value *args, size_t count,
			 mote_value *result)
{
	(void)user;
	(void)call;
	(void)count;
	*result = (mote_value)MOTE_I32(2 * args[0].as.i32);
	return MOTE_OK;
}

mote_sandbox_options gdb_options(void)
{
	static const mote_host_function functions[] = {
		{ "Twice", "i(i)", twice, NULL },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = functions;
	options.host_function_count = 1;
	options.gdb = gdb_address;
	return options;
}

pthread_t gdb_start(void *(*client)(void *argument), void *argument)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, client, argument), 0);
	return thread;
}

void gdb_join(pthread_t thread)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
}

void *gdb_let_go(void *unused)
{
	struct client client;

	client_connect(&client, gdb_path);
	(void)client_ask(&client, "D");
	client_close(&client);
	return unused;
}

mote_sandbox *gdb_sandbox(struct vm *vm, const mote_sandbox_options *options)
{
	pthread_t thread = gdb_start(gdb_let_go, NULL);
	mote_sandbox *box = vm_sandbox(vm, options);

	gdb_join(thread);
	return box;
}

mote_status gdb_call(mote_sandbox *box, const char *name, int argument,
		     int *result, mote_error *err)
{
	const mote_value value = MOTE_I32(argument);
	mote_value out;
	mote_status status = mote_call(box, name, &value, 1, &out, err);

	if (status == MOTE_OK)
		*result = out.as.i32;
	return status;
}

void gdb_expect_sum(struct vm *vm, mote_sandbox *box)
{
	int sum = 0;

	vm_expect(gdb_call(box, "Sum", 4, &sum, &vm->err), MOTE_OK, &vm->err);
	assert_int_equal(sum, 10);
}

uint64_t gdb_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

void gdb_wait_ns(uint64_t ns)
{
	uint64_t end = gdb_now_ns() + ns;

	while (gdb_now_ns() < end)
		sched_yield();
}

void gdb_read_room(mote_sandbox *box, uint8_t bytes[GDB_ROOM])
{
	size_t done;

	assert_int_equal(mote_sandbox_read_memory(box, gdb_room, bytes,
						  GDB_ROOM, &done, NULL),
			 MOTE_OK);
	assert_int_equal(done, GDB_ROOM);
}

/* The guest has 400 NOPs in a row. */
void gdb_find_room(mote_sandbox *box)
{
	uint8_t nops[GDB_ROOM];
	uint8_t bytes[GDB_ROOM];

	memset(nops, 0x90, sizeof(nops));
	gdb_room = box->image->elf.entry;
	do {
		gdb_room++;
		gdb_read_room(box, bytes);
	} while (memcmp(bytes, nops, GDB_ROOM) != 0);
}
