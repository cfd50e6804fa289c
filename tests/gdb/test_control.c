/*
 * A debugger beside what else controls a sandbox: cancels, limits of time,
 * snapshots, restores, mappings.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mote/control.h>
#include <mote/debug.h>
#include <mote/snapshot.h>

#include "harness/unit.h"
#include "harness/vm.h"

#include "client.h"
#include "place.h"
#include "arch/amd64/trap.h"
#include "sandbox/sandbox.h"

#define PAGE 4096

static struct vm vm;
static struct client gdb;
static mote_sandbox *box;
static mote_snapshot *snapshot;
static mote_interrupt *handle;
static atomic_bool spinning;

/* The last two are of a sandbox that nobody is debugging. */
static void open_all(const mote_sandbox_options *options)
{
	vm_open(&vm, GUEST_gdb_session);
	box = gdb_sandbox(&vm, options);
	gdb_find_room(box);
	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_interrupt_new(box, &handle, &vm.err), MOTE_OK, &vm.err);
}

static void close_all(void)
{
	mote_interrupt_unref(handle);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* Instead of the one that is there. */
static void make_from_snapshot(const mote_sandbox_options *options)
{
	mote_sandbox_free(box);
	mote_interrupt_unref(handle);
	vm_expect(mote_sandbox_from_snapshot(snapshot, options, &box,
					     &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_interrupt_new(box, &handle, &vm.err), MOTE_OK, &vm.err);
}

static void restore(void)
{
	vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
}

/* A client that is there when the next call begins. */
static pthread_t meet(void *(*serve)(void *client))
{
	client_connect(&gdb, gdb_path);
	return gdb_start(serve, &gdb);
}

static mote_status call(const char *name)
{
	mote_value result;

	return mote_call(box, name, NULL, 0, &result, &vm.err);
}

static mote_status call_sum(void)
{
	int sum;

	return gdb_call(box, "Sum", 4, &sum, &vm.err);
}

/* ---------------------------------------------------------------- cancels */

/* On the client's side assertions of tests cannot be used. */
static void cancel(void)
{
	client_expect(mote_interrupt_cancel(handle) == 1 ? "1" : "0", "1");
}

static void *cancel_stopped(void *argument)
{
	struct client *client = argument;

	client_expect(client_ask(client, "?"), "T05");
	/* RBX, after a step. */
	client_expect(client_ask(client, "s"), "T05");
	client_expect(client_ask(client, "P1=3412000000000000"), "OK");
	cancel();
	client_expect(client_receive(client), NULL);
	client_close(client);
	return argument;
}

static void test_cancel_stopped(void **state)
{
	const mote_sandbox_options options = gdb_options();
	uint64_t general[MOTE_FAULT_REGISTERS_MAX];
	pthread_t thread;

	(void)state;
	open_all(&options);
	thread = meet(cancel_stopped);
	vm_expect(call_sum(), MOTE_E_CANCELLED, &vm.err);
	vm_expect_text(&vm.err, "the call was cancelled");
	gdb_join(thread);
	/* As gdb left it, but for the flag of the step. */
	vm_expect(mti_inspect_registers(box, general, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(general[MTI_RBX], 0x1234);
	assert_int_equal(general[MTI_RFLAGS] & 0x100, 0);
	assert_int_equal(mote_interrupt_cancel(handle), 0);
	restore();
	gdb_expect_sum(&vm, box);
	close_all();
}

static void note_output(void *user, uint32_t stream, const char *data,
			size_t size)
{
	(void)user;
	(void)stream;
	(void)data;
	(void)size;
	atomic_store(&spinning, true);
}

static mote_sandbox_options noting_options(void)
{
	mote_sandbox_options options = gdb_options();

	options.flags = MOTE_SANDBOX_OUTPUT_LINES;
	options.output = note_output;
	atomic_store(&spinning, false);
	return options;
}

static void cancel_spinning(struct client *client)
{
	client_send(client, "c");
	while (!atomic_load(&spinning))
		sched_yield();
	cancel();
	client_expect(client_receive(client), "X09");
	client_expect(client_receive(client), NULL);
	client_close(client);
}

static void *cancel_running(void *argument)
{
	struct client *client = argument;

	client_expect(client_ask(client, "?"), "T05");
	cancel_spinning(client);
	return argument;
}

static void test_cancel_running(void **state)
{
	const mote_sandbox_options options = noting_options();
	pthread_t thread;

	(void)state;
	open_all(&options);
	thread = meet(cancel_running);
	vm_expect(call("Spin"), MOTE_E_CANCELLED, &vm.err);
	gdb_join(thread);
	restore();
	gdb_expect_sum(&vm, box);
	close_all();
}

static void *cancel_awaiting(void *argument)
{
	while (mote_interrupt_cancel(handle) == 0)
		sched_yield();
	return argument;
}

/* Nobody has come yet. */
static void test_cancel_awaiting(void **state)
{
	const mote_sandbox_options options = gdb_options();
	pthread_t thread;

	(void)state;
	open_all(&options);
	make_from_snapshot(&options);
	thread = gdb_start(cancel_awaiting, NULL);
	vm_expect(call_sum(), MOTE_E_CANCELLED, &vm.err);
	gdb_join(thread);
	close_all();
}

/* ---------------------------------------------------------- limits of time */

/* Lets it run for longer than it may, then goes away. */
static void *use_time(void *argument)
{
	struct client *client = argument;

	client_expect(client_ask(client, "?"), "T05");
	client_send(client, "c");
	gdb_wait_ns(100 * MS);
	client_send_raw(client, "\x03", 1);
	client_expect(client_receive(client), "T02");
	client_expect(client_ask(client, "D"), "OK");
	client_close(client);
	return argument;
}

static void expect_time(mote_sandbox_options options, mote_status expected)
{
	pthread_t thread;

	open_all(&options);
	thread = meet(use_time);
	vm_expect(call("Spin"), expected, &vm.err);
	gdb_join(thread);
	restore();
	gdb_expect_sum(&vm, box);
	close_all();
}

static void test_deadline(void **state)
{
	mote_sandbox_options options = gdb_options();

	(void)state;
	options.deadline_ns = 50 * MS;
	expect_time(options, MOTE_E_DEADLINE);
}

static void test_cpu_time(void **state)
{
	mote_sandbox_options options = gdb_options();

	(void)state;
	options.deadline_ns = 60000 * MS;
	options.cpu_ns = 20 * MS;
	expect_time(options, MOTE_E_CPU_TIME);
}

/* -------------------------------------------------------------- snapshots */

/* As 16 digits, in the order of bytes in memory. */
static void expect_u64(struct client *client, const char *packet,
		       uint64_t value)
{
	uint8_t bytes[8];
	char text[17];
	size_t i;

	memcpy(bytes, &value, sizeof(bytes));
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	client_expect(client_ask(client, packet), text);
}

static void *look_at_entry(void *argument)
{
	struct client *client = argument;

	client_expect(client_ask(client, "?"), "T05");
	expect_u64(client, "p10", box->dispatch_pc);
	expect_u64(client, "p7", box->dispatch_sp);
	/* MXCSR */
	client_expect(client_ask(client, "p38"), "801f0000");
	client_expect(client_ask(client, "s"), "T05");
	client_expect(client_ask(client, "D"), "OK");
	client_close(client);
	return argument;
}

/* It is there at once, and stops where its first call begins. */
static void test_from_snapshot(void **state)
{
	mote_sandbox_options options = gdb_options();
	pthread_t thread;

	(void)state;
	open_all(&options);
	make_from_snapshot(&options);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
	thread = meet(look_at_entry);
	gdb_expect_sum(&vm, box);
	gdb_join(thread);
	gdb_expect_sum(&vm, box);
	/* What the debugger has had is as new for who comes next. */
	options.gdb = NULL;
	make_from_snapshot(&options);
	gdb_expect_sum(&vm, box);
	close_all();
}

/* It waits at its first instruction, and others do not get what it was. */
static void test_shared_init(void **state)
{
	mote_sandbox_options options = gdb_options();
	mote_sandbox *other;
	mote_sandbox_stats stats;

	(void)state;
	options.flags = MOTE_SANDBOX_SHARE_INIT;
	open_all(&options);
	options.gdb = NULL;
	other = vm_sandbox(&vm, &options);
	stats = vm_stats(other);
	assert_int_equal(stats.calls, 1);
	mote_sandbox_free(other);
	other = vm_sandbox(&vm, &options);
	stats = vm_stats(other);
	assert_int_equal(stats.calls, 0);
	mote_sandbox_free(box);
	options.gdb = gdb_address;
	box = gdb_sandbox(&vm, &options);
	mote_sandbox_free(other);
	close_all();
}

/* --------------------------------------------------------------- restores */

/* Breakpoints in code that is run and in code that is not, and other bytes. */
static void change_memory(struct client *client)
{
	char packet[32];
	int i;

	for (i = 0; i < GDB_ROOM / 2; i += 2) {
		snprintf(packet, sizeof(packet), "Z0,%llx,1",
			 (unsigned long long)gdb_room + (unsigned int)i);
		client_expect(client_ask(client, packet), "OK");
	}
	snprintf(packet, sizeof(packet), "M%llx,4:deadbeef",
		 (unsigned long long)gdb_room + GDB_ROOM / 2);
	client_expect(client_ask(client, packet), "OK");
}

/* Stays, for the restore. */
static void *change_and_go_on(void *argument)
{
	struct client *client = argument;

	client_expect(client_ask(client, "?"), "T05");
	change_memory(client);
	client_send(client, "c");
	return argument;
}

static void *leave(void *argument)
{
	struct client *client = argument;

	client_expect(client_receive(client), "T02");
	client_expect(client_ask(client, "D"), "OK");
	client_close(client);
	return argument;
}

/* That is also what vm_check_restores looks at, in builds that have it. */
static void test_restore(void **state)
{
	const mote_sandbox_options options = gdb_options();
	uint8_t before[GDB_ROOM];
	uint8_t after[GDB_ROOM];
	pthread_t thread;

	(void)state;
	open_all(&options);
	gdb_read_room(box, before);
	thread = meet(change_and_go_on);
	gdb_expect_sum(&vm, box);
	gdb_join(thread);
	gdb_read_room(box, after);
	/* What was asked for, and no breakpoints. */
	assert_memory_equal(after, before, GDB_ROOM / 2);
	assert_memory_equal(after + GDB_ROOM / 2, "\xde\xad\xbe\xef", 4);
	restore();
	gdb_read_room(box, after);
	assert_memory_equal(after, before, GDB_ROOM);
	/* They are set all the same, in a guest that is as new. */
	client_send_raw(&gdb, "\x03", 1);
	thread = gdb_start(leave, &gdb);
	gdb_expect_sum(&vm, box);
	gdb_join(thread);
	restore();
	gdb_read_room(box, after);
	assert_memory_equal(after, before, GDB_ROOM);
	close_all();
}

/* No page is left to copy the code to: gdb hears that, and says it. */
static void *break_without_room(void *argument)
{
	struct client *client = argument;
	struct mti_cow *cow = box->memory.cow;
	const size_t most = cow->most;
	const size_t free_frame = cow->free;
	char packet[32];

	snprintf(packet, sizeof(packet), "Z0,%llx,1",
		 (unsigned long long)gdb_room);
	client_expect(client_ask(client, "?"), "T05");
	cow->most = cow->used;
	cow->free = cow->used;
	client_expect(client_ask(client, packet), "E");
	cow->most = most;
	cow->free = free_frame;
	client_expect(client_ask(client, packet), "OK");
	client_expect(client_ask(client, "D"), "OK");
	client_close(client);
	return argument;
}

static void test_no_room(void **state)
{
	const mote_sandbox_options options = gdb_options();
	mote_engine_options engine = MOTE_ENGINE_OPTIONS_INIT;
	pthread_t thread;

	(void)state;
	vm_open(&vm, GUEST_gdb_session);
	mote_image_unref(vm.image);
	mote_engine_unref(vm.engine);
	engine.memory = "paging";
	vm_expect(mote_engine_new(&engine, &vm.engine, &vm.err), MOTE_OK,
		  &vm.err);
	vm_open_image(&vm, GUEST_gdb_session);
	box = gdb_sandbox(&vm, &options);
	gdb_find_room(box);
	thread = meet(break_without_room);
	gdb_expect_sum(&vm, box);
	gdb_join(thread);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* Is cancelled while breakpoints are in memory. */
static void *change_and_cancel(void *argument)
{
	struct client *client = argument;

	client_expect(client_ask(client, "?"), "T05");
	change_memory(client);
	cancel_spinning(client);
	return argument;
}

static void test_restore_after_failure(void **state)
{
	const mote_sandbox_options options = noting_options();
	uint8_t before[GDB_ROOM];
	uint8_t after[GDB_ROOM];
	pthread_t thread;

	(void)state;
	open_all(&options);
	gdb_read_room(box, before);
	thread = meet(change_and_cancel);
	vm_expect(call("Spin"), MOTE_E_CANCELLED, &vm.err);
	gdb_join(thread);
	gdb_read_room(box, after);
	assert_memory_equal(after, before, GDB_ROOM / 2);
	restore();
	gdb_read_room(box, after);
	assert_memory_equal(after, before, GDB_ROOM);
	gdb_expect_sum(&vm, box);
	close_all();
}

/* --------------------------------------------------------------- mappings */

/* Two pages of a file, of which the second is lost, and one of memory. */
static struct maps {
	uint64_t private;
	uint64_t shared;
	uint64_t memory;
} maps;

static const char *ask_at(struct client *client, const char *form,
			  uint64_t address)
{
	char packet[64];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(packet, sizeof(packet), form, (unsigned long long)address);
#pragma GCC diagnostic pop
	return client_ask(client, packet);
}

static void *use_maps(void *argument)
{
	struct client *client = argument;

	client_expect(client_ask(client, "?"), "T05");
	client_expect(ask_at(client, "m%llx,2", maps.shared), "6161");
	client_expect(ask_at(client, "m%llx,2", maps.private), "6161");
	client_expect(ask_at(client, "m%llx,2", maps.memory), "6d6d");
	client_expect(ask_at(client, "M%llx,1:62", maps.private), "OK");
	client_expect(ask_at(client, "m%llx,2", maps.private), "6261");
	/* The file's, and the program's. */
	client_expect(ask_at(client, "M%llx,1:62", maps.shared), "E01");
	client_expect(ask_at(client, "M%llx,1:62", maps.memory), "E01");
	/* What is not there any more. */
	client_expect(ask_at(client, "m%llx,1", maps.shared + PAGE), "E01");
	client_expect(ask_at(client, "m%llx,1", maps.private + PAGE), "E01");
	client_expect(ask_at(client, "M%llx,1:62", maps.private + PAGE),
		      "E01");
	client_expect(client_ask(client, "D"), "OK");
	client_close(client);
	return argument;
}

static void map(int fd, const void *memory)
{
	memset(&maps, 0, sizeof(maps));
	vm_expect(mote_map_file(box, fd, 0, 0, MOTE_MAP_PRIVATE,
				&maps.private, &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_map_file(box, fd, 0, 0, 0, &maps.shared, &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_map_memory(box, memory, PAGE, &maps.memory, &vm.err),
		  MOTE_OK, &vm.err);
}

static void test_mappings(void **state)
{
	static _Alignas(PAGE) uint8_t memory[PAGE];
	static uint8_t content[2 * PAGE];
	static uint8_t read[2 * PAGE];
	const mote_sandbox_options options = gdb_options();
	char name[] = "/tmp/mote-test-XXXXXX";
	int fd = mkstemp(name);
	pthread_t thread;
	size_t done;

	(void)state;
	assert_true(fd >= 0);
	unlink(name);
	memset(memory, 'm', sizeof(memory));
	memset(content, 'a', sizeof(content));
	assert_int_equal(write(fd, content, sizeof(content)), sizeof(content));
	open_all(&options);
	map(fd, memory);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	thread = meet(use_maps);
	gdb_expect_sum(&vm, box);
	gdb_join(thread);
	/* As the program sees it. */
	vm_expect(mote_sandbox_read_memory(box, maps.private, read,
					   sizeof(read), &done, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(done, PAGE);
	assert_int_equal(read[0], 'b');
	assert_memory_equal(read + 1, content, PAGE - 1);
	assert_int_equal(memory[0], 'm');
	assert_int_equal(pread(fd, read, 1, 0), 1);
	assert_int_equal(read[0], 'a');
	close_all();
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cancel_stopped),
		cmocka_unit_test(test_cancel_running),
		cmocka_unit_test(test_cancel_awaiting),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_cpu_time),
		cmocka_unit_test(test_from_snapshot),
		cmocka_unit_test(test_shared_init),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_restore_after_failure),
		cmocka_unit_test(test_mappings),
	};
	int status = vm_require();

	if (status != 0)
		return status;
	vm_watchdog(100);
	if (!gdb_place_init())
		return 1;
	status = cmocka_run_group_tests(tests, NULL, NULL);
	gdb_place_fini();
	return status;
}
