/*
 * Files and memory of the host in a guest: what it sees, what it may not do,
 * what becomes of it by unmapping, restoring and snapshots.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/mapping_host.h"

#define FILE_PAGES 5

static struct vm vm;
static struct mapping_host host;
static mote_sandbox_options options;
static mote_sandbox *box;
static int file; /* FILE_PAGES pages less 100 bytes, of the pattern */
static uint8_t *bytes; /* the same, and zeros up to the end of the page */

static int setup(void **state)
{
	const uint64_t size = FILE_PAGES * PAGE - 100;

	(void)state;
	memset(&host, 0, sizeof(host));
	vm_open(&vm, GUEST_vm_mapping);
	options = mapping_host_options(&host);
	box = vm_sandbox(&vm, &options);
	file = mapping_file(size, true);
	bytes = mapping_bytes(0, FILE_PAGES * PAGE);
	memset(bytes + size, 0, 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (file >= 0)
		close(file);
	free(bytes);
	mote_sandbox_free(box);
	vm_close(&vm);
	return 0;
}

static uint64_t map_file_at(mote_sandbox *into, int fd, uint64_t offset,
			    uint64_t size, uint32_t flags, uint64_t address)
{
	vm_expect(mote_map_file(into, fd, offset, size, flags, &address,
				&vm.err),
		  MOTE_OK, &vm.err);
	return address;
}

static uint64_t map_file(mote_sandbox *into, uint32_t flags)
{
	return map_file_at(into, file, 0, 0, flags, 0);
}

static uint64_t map_memory(mote_sandbox *into, const void *memory,
			   uint64_t size)
{
	uint64_t address = 0;

	vm_expect(mote_map_memory(into, memory, size, &address, &vm.err),
		  MOTE_OK, &vm.err);
	return address;
}

static void unmap(mote_sandbox *from, uint64_t address)
{
	vm_expect(mote_unmap(from, address, &vm.err), MOTE_OK, &vm.err);
}

static mote_snapshot *take(mote_sandbox *of)
{
	mote_snapshot *snapshot = NULL;

	vm_expect(mote_snapshot_take(of, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	return snapshot;
}

static void restore(mote_sandbox *which, mote_snapshot *snapshot)
{
	vm_expect(mote_sandbox_restore(which, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
}

static mote_sandbox *from_snapshot(mote_snapshot *snapshot)
{
	mote_sandbox *made = NULL;

	vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &made,
					     &vm.err),
		  MOTE_OK, &vm.err);
	return made;
}

static uint8_t *new_memory(uint64_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

/* ----------------------------------------------------------------- files */

static void test_file(void **state)
{
	uint64_t address;

	(void)state;
	address = map_file(box, 0);
	assert_true(address >= MOTE_MAP_ADDRESS_FIRST &&
		    address < MOTE_MAP_ADDRESS_LIMIT);
	close(file);
	file = -1;
	mapping_expect(box, address, bytes, FILE_PAGES * PAGE, 1);
	/* It stays, over calls. */
	assert_int_equal(mapping_read(box, address + PAGE), bytes[PAGE]);
	unmap(box, address);
	mapping_expect_fault(box, "Read", address + PAGE, MOTE_FAULT_READ);
}

static void test_part_of_file(void **state)
{
	const uint64_t wanted = MOTE_MAP_ADDRESS_LIMIT - 2 * PAGE;
	uint64_t address;

	(void)state;
	address = map_file_at(box, file, 2 * PAGE, PAGE + 1, 0, wanted);
	assert_int_equal(address, wanted);
	/* Whole pages. */
	mapping_expect(box, address, bytes + 2 * PAGE, 2 * PAGE, 1);
	address = map_file_at(box, file, 4 * PAGE, 0, 0, 0);
	mapping_expect(box, address, bytes + 4 * PAGE, PAGE, 1);
	mapping_expect_fault(box, "Read", address + PAGE, MOTE_FAULT_READ);
}

/* Without a copy: a change of the file is seen, by all who have it. */
static void test_page_cache(void **state)
{
	mote_sandbox *other = vm_sandbox(&vm, &options);
	uint64_t address = map_file(box, 0);
	uint64_t theirs = map_file_at(other, file, PAGE, 0, 0, 0);

	(void)state;
	mapping_expect(box, address, bytes, FILE_PAGES * PAGE, 1);
	mapping_expect(other, theirs, bytes + PAGE, 4 * PAGE, 1);
	bytes[PAGE + 7] ^= 0xff;
	assert_int_equal(pwrite(file, bytes + PAGE + 7, 1, PAGE + 7), 1);
	assert_int_equal(mapping_read(box, address + PAGE + 7),
			 bytes[PAGE + 7]);
	assert_int_equal(mapping_read(other, theirs + 7), bytes[PAGE + 7]);
	mote_sandbox_free(other);
	assert_int_equal(mapping_read(box, address), bytes[0]);
}

static void expect_file_unchanged(void)
{
	uint8_t now[FILE_PAGES * PAGE];

	assert_int_equal(pread(file, now, sizeof(now), 0), sizeof(now) - 100);
	assert_memory_equal(now, bytes, sizeof(now) - 100);
}

static void test_private(void **state)
{
	mote_snapshot *before = take(box);
	mote_sandbox *other = vm_sandbox(&vm, &options);
	uint64_t address = map_file(box, MOTE_MAP_PRIVATE);
	uint64_t theirs = map_file(other, MOTE_MAP_PRIVATE);

	(void)state;
	mapping_write(box, address + 5, 0xee);
	mapping_write(box, address + FILE_PAGES * PAGE - 1, 0xdd);
	assert_int_equal(mapping_read(box, address + 5), 0xee);
	assert_int_equal(mapping_read(box, address + FILE_PAGES * PAGE - 1),
			 0xdd);
	assert_int_equal(mapping_read(other, theirs + 5), bytes[5]);
	expect_file_unchanged();
	restore(box, before);
	address = map_file(box, MOTE_MAP_PRIVATE);
	mapping_expect(box, address, bytes, FILE_PAGES * PAGE, 1);
	mapping_expect_fault(box, "Jump", address, MOTE_FAULT_EXECUTE);
	mote_sandbox_free(other);
	mote_snapshot_unref(before);
}

static void test_read_only(void **state)
{
	static const char *const functions[] = { "Write", "Jump" };
	static const mote_fault_kind kinds[] = { MOTE_FAULT_WRITE,
						 MOTE_FAULT_EXECUTE };
	uint8_t *memory = new_memory(PAGE);
	mote_snapshot *before = take(box);
	uint64_t address;
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++) {
			address = i ? map_memory(box, memory, PAGE) :
				      map_file(box, 0);
			/* With and without the page being there already. */
			if (j)
				(void)mapping_read(box, address);
			mapping_expect_fault(box, functions[i], address + 3,
					     kinds[i]);
			restore(box, before);
		}
	expect_file_unchanged();
	assert_int_equal(memory[3], 0);
	mote_snapshot_unref(before);
	munmap(memory, PAGE);
}

/* A large one, at addresses that fit large pages and at others. */
static void test_large(void **state)
{
	const uint64_t size = 9 * LARGE + 3 * PAGE;
	uint8_t *all = mapping_bytes(0, size);
	int fd = mapping_file(size, true);
	uint64_t address;

	(void)state;
	address = map_file_at(box, fd, 0, 0, 0, 0);
	assert_int_equal(address % LARGE, 0);
	mapping_expect(box, address, all, size, 511);
	address = map_file_at(box, fd, PAGE, size - PAGE, MOTE_MAP_PRIVATE,
			      MOTE_MAP_ADDRESS_FIRST + (UINT64_C(1) << 39) +
				      5 * PAGE);
	mapping_expect(box, address, all + PAGE, size - PAGE, 509);
	mapping_write(box, address + size - PAGE - 1, 3);
	assert_int_equal(mapping_read(box, address + size - PAGE - 1), 3);
	close(fd);
	free(all);
}

/* More than there is memory: nothing is read that is not used. */
static void test_sparse(void **state)
{
	const uint64_t size = UINT64_C(100) << 30;
	int fd = mapping_file(size, false);
	uint64_t address;

	(void)state;
	assert_int_equal(pwrite(fd, "x", 1, (off_t)(size - 1)), 1);
	address = map_file_at(box, fd, 0, 0, 0, 0);
	assert_int_equal(mapping_read(box, address + size / 2), 0);
	assert_int_equal(mapping_read(box, address + size - 1), 'x');
	unmap(box, address);
	close(fd);
}

static void test_cut_short(void **state)
{
	mote_snapshot *before = take(box);
	mote_snapshot *none = NULL;
	uint64_t address = map_file(box, 0);
	uint64_t private;
	const mote_value args[] = { MOTE_U64(address + 3 * PAGE) };
	mote_value result;

	(void)state;
	private = map_file(box, MOTE_MAP_PRIVATE);
	assert_int_equal(mapping_read(box, address + 3 * PAGE),
			 bytes[3 * PAGE]);
	mapping_write(box, private + 3 * PAGE, 9);
	assert_int_equal(ftruncate(file, 2 * PAGE), 0);
	assert_int_equal(mapping_read(box, address + PAGE), bytes[PAGE]);
	/* The host's own reads of it fail, too, and no more than that. */
	vm_expect(mote_snapshot_take(box, &none, &vm.err), MOTE_E_OS, &vm.err);
	vm_expect_text(&vm.err, "shorter than the mapping");
	vm_expect(mote_call(box, "Read", args, 1, &result, &vm.err),
		  MOTE_E_GUEST_FAULT, &vm.err);
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_MACHINE);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
	restore(box, before);
	mapping_keep(box, 5);
	assert_int_equal(mapping_kept(box), 5);
	address = map_file(box, 0);
	mapping_expect(box, address, bytes, 2 * PAGE, 1);
	mote_snapshot_unref(before);
}

/* ---------------------------------------------------------------- memory */

static void test_memory(void **state)
{
	uint8_t *memory = new_memory(3 * PAGE);
	uint64_t address;

	(void)state;
	memcpy(memory, bytes, 3 * PAGE);
	address = map_memory(box, memory, 3 * PAGE);
	mapping_expect(box, address, memory, 3 * PAGE, 1);
	/* The program changes it between calls. */
	memory[2 * PAGE] = 0x77;
	assert_int_equal(mapping_read(box, address + 2 * PAGE), 0x77);
	unmap(box, address);
	/* It is the program's again, and has not changed. */
	assert_int_equal(memory[2 * PAGE], 0x77);
	munmap(memory, 3 * PAGE);
	mapping_expect_fault(box, "Read", address, MOTE_FAULT_READ);
}

/* Gone while it is mapped: the guest's fault, not the program's. */
static void test_memory_gone(void **state)
{
	uint8_t *memory = new_memory(PAGE);
	uint64_t address = map_memory(box, memory, PAGE);
	const mote_value args[] = { MOTE_U64(address) };
	mote_value result;

	(void)state;
	assert_int_equal(mapping_read(box, address), 0);
	assert_int_equal(mprotect(memory, PAGE, PROT_NONE), 0);
	vm_expect(mote_call(box, "Read", args, 1, &result, &vm.err),
		  MOTE_E_GUEST_FAULT, &vm.err);
	/* Also of a sandbox that is poisoned. */
	unmap(box, address);
	munmap(memory, PAGE);
}

/* -------------------------------------------------------------- addresses */

/* The same address for something else, at once and after a restore. */
static void test_again(void **state)
{
	mote_snapshot *before = take(box);
	uint8_t *memory = new_memory(PAGE);
	uint64_t address;
	int i;

	(void)state;
	memset(memory, 0x42, PAGE);
	for (i = 0; i < 4; i++) {
		address = map_file(box, i % 2 ? MOTE_MAP_PRIVATE : 0);
		assert_int_equal(address, MOTE_MAP_ADDRESS_FIRST);
		assert_int_equal(mapping_read(box, address), bytes[0]);
		if (i < 2)
			unmap(box, address);
		else
			restore(box, before);
		assert_int_equal(map_memory(box, memory, PAGE), address);
		assert_int_equal(mapping_read(box, address), 0x42);
		unmap(box, address);
	}
	mapping_expect_fault(box, "Read", address, MOTE_FAULT_READ);
	munmap(memory, PAGE);
	mote_snapshot_unref(before);
}

static void test_many(void **state)
{
	uint64_t addresses[100];
	mote_snapshot *with;
	mote_sandbox *other;
	size_t i;

	(void)state;
	for (i = 0; i < 100; i++)
		addresses[i] = map_file_at(box, file, i % FILE_PAGES * PAGE, 1,
					   i % 3 ? 0 : MOTE_MAP_PRIVATE, 0);
	for (i = 0; i < 100; i++)
		mapping_expect(box, addresses[i],
			       bytes + i % FILE_PAGES * PAGE, PAGE, 97);
	with = take(box);
	other = from_snapshot(with);
	for (i = 0; i < 100; i += 2)
		unmap(box, addresses[i]);
	for (i = 0; i < 100; i++) {
		mapping_expect(other, addresses[i],
			       bytes + i % FILE_PAGES * PAGE, PAGE, 97);
		if (i % 2)
			mapping_expect(box, addresses[i],
				       bytes + i % FILE_PAGES * PAGE, PAGE,
				       97);
	}
	mapping_expect_fault(box, "Read", addresses[50], MOTE_FAULT_READ);
	mote_sandbox_free(other);
	mote_snapshot_unref(with);
}

/* ---------------------------------------------------------------- errors */

static void refuse(mote_status expected, const char *text, int fd,
		   uint64_t offset, uint64_t size, uint64_t address)
{
	const uint64_t before = address;

	vm_expect(mote_map_file(box, fd, offset, size, 0, &address, &vm.err),
		  expected, &vm.err);
	vm_expect_text(&vm.err, text);
	assert_int_equal(address, before);
}

static void test_refused(void **state)
{
	uint64_t address;
	uint64_t there = map_file_at(box, file, 0, 3 * PAGE, 0,
				     MOTE_MAP_ADDRESS_FIRST + 8 * PAGE);

	(void)state;
	refuse(MOTE_E_INVALID, "offset 0x1 is not a multiple", file, 1, 1, 0);
	refuse(MOTE_E_INVALID, "offset 0x5000 is not within the file", file,
	       5 * PAGE, 1, 0);
	refuse(MOTE_E_INVALID, "offset 0x5000 is not within the file", file,
	       5 * PAGE, 0, 0);
	refuse(MOTE_E_INVALID, "which has 0x4f9c bytes", file, 4 * PAGE, PAGE,
	       0);
	refuse(MOTE_E_INVALID, "which has 0x4f9c bytes", file, 4 * PAGE,
	       UINT64_MAX, 0);
	refuse(MOTE_E_INVALID, "offset 0xfffffffffffff000", file,
	       -PAGE, PAGE, 0);
	refuse(MOTE_E_INVALID, "address 0x720000000001 is not", file, 0, 0,
	       MOTE_MAP_ADDRESS_FIRST + 1);
	refuse(MOTE_E_INVALID,
	       "0x5000 bytes at 0x400000 are not within the window from "
	       "0x720000000000 to 0x730000000000",
	       file, 0, 0, 0x400000);
	refuse(MOTE_E_INVALID, "window", file, 0, 0,
	       MOTE_MAP_ADDRESS_LIMIT - PAGE);
	refuse(MOTE_E_INVALID, "window", file, 0, 0, -PAGE);
	refuse(MOTE_E_INVALID,
	       "0x720000006000 to 0x72000000b000 overlaps the mapping from "
	       "0x720000008000 to 0x72000000b000",
	       file, 0, 0, MOTE_MAP_ADDRESS_FIRST + 6 * PAGE);
	address = 0;
	vm_expect(mote_map_file(box, file, 0, 0, 2, &address, &vm.err),
		  MOTE_E_VERSION, &vm.err);
	vm_expect(mote_map_file(box, file, 0, 0, 0, NULL, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect(mote_map_file(NULL, file, 0, 0, 0, &address, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect(mote_unmap(box, there + PAGE, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect_text(&vm.err, "no mapping starts at 0x720000009000");
	vm_expect(mote_unmap(NULL, there, &vm.err), MOTE_E_INVALID, &vm.err);
	/* None of it has changed anything. */
	mapping_expect(box, there, bytes, 3 * PAGE, 1);
	unmap(box, there);
	vm_expect(mote_unmap(box, there, &vm.err), MOTE_E_INVALID, &vm.err);
}

static void test_not_a_file(void **state)
{
	int pipes[2];
	int fds[5];
	size_t i;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	fds[0] = pipes[0];
	fds[1] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	fds[2] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[3] = socket(AF_UNIX, SOCK_STREAM, 0);
	fds[4] = pipes[1];
	for (i = 0; i < 5; i++) {
		assert_true(fds[i] >= 0);
		refuse(MOTE_E_INVALID, "is not of a regular file", fds[i], 0,
		       PAGE, 0);
		close(fds[i]);
	}
	refuse(MOTE_E_OS, "descriptor -1", -1, 0, PAGE, 0);
	assert_int_equal(vm.err.os_errno, EBADF);
	/* An empty file has nothing to map. */
	i = 0;
	fds[0] = mapping_file(0, false);
	refuse(MOTE_E_INVALID, "offset 0x0 is not within the file, which has "
			       "0x0 bytes",
	       fds[0], 0, 0, 0);
	close(fds[0]);
}

static void test_cannot_be_read(void **state)
{
	char path[] = "/tmp/mote-mapping-XXXXXX";
	int fd = mkstemp(path);
	int writable;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	writable = open(path, O_WRONLY | O_CLOEXEC);
	unlink(path);
	refuse(MOTE_E_OS, "mmap of 0x1000 bytes", writable, 0, 0, 0);
	assert_int_equal(vm.err.os_errno, EACCES);
	close(writable);
	close(fd);
}

static void test_refused_memory(void **state)
{
	uint8_t *memory = new_memory(2 * PAGE);
	uint64_t address = 0;

	(void)state;
	vm_expect(mote_map_memory(box, memory + 8, PAGE, &address, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "multiples of a page");
	vm_expect(mote_map_memory(box, memory, 100, &address, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "0x64 bytes");
	vm_expect(mote_map_memory(box, memory, 0, &address, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect(mote_map_memory(box, memory, -PAGE, &address, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect(mote_map_memory(box, NULL, PAGE, &address, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "memory is NULL");
	vm_expect(mote_map_memory(box, memory, PAGE, NULL, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	munmap(memory, 2 * PAGE);
}

/* In a call of it: nothing can be mapped, and nothing taken away. */
static uint32_t map_meanwhile(void *argument, uint64_t address)
{
	mote_error err = MOTE_ERROR_INIT;
	uint64_t none = 0;

	(void)argument;
	return mote_map_file(box, file, 0, 0, 0, &none, &err) == MOTE_E_STATE &&
	       mote_map_memory(box, &none - (uintptr_t)&none % PAGE / 8, PAGE,
			       &none, &err) == MOTE_E_STATE &&
	       mote_unmap(box, address, &err) == MOTE_E_STATE;
}

static void test_states(void **state)
{
	uint64_t address = map_file(box, 0);
	const mote_value args[] = { MOTE_U64(address) };
	mote_snapshot *before = take(box);
	uint64_t none = 0;
	mote_value result;

	(void)state;
	host.meanwhile = map_meanwhile;
	vm_expect(mote_call(box, "Call", args, 1, &result, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(result.as.u32, 1);
	assert_int_equal(mapping_read(box, address), bytes[0]);
	mapping_expect_fault(box, "Write", address, MOTE_FAULT_WRITE);
	refuse(MOTE_E_POISONED, "restore or free", file, 0, 0, 0);
	vm_expect(mote_map_memory(box, (void *)PAGE, PAGE, &none, &vm.err),
		  MOTE_E_POISONED, &vm.err);
	restore(box, before);
	mote_snapshot_unref(before);
}

/* ------------------------------------------------------------- snapshots */

static void test_restore_unmaps(void **state)
{
	mote_snapshot *before = take(box);
	struct vm_resources resources = vm_resources_now();
	uint8_t *memory = new_memory(PAGE);
	uint64_t address;
	uint64_t other;

	(void)state;
	address = map_file(box, 0);
	other = map_memory(box, memory, PAGE);
	mapping_expect(box, address, bytes, FILE_PAGES * PAGE, 1);
	assert_int_equal(mapping_read(box, other), 0);
	restore(box, before);
	munmap(memory, PAGE);
	vm_expect(mote_unmap(box, address, &vm.err), MOTE_E_INVALID, &vm.err);
	mapping_expect_fault(box, "Read", address, MOTE_FAULT_READ);
	restore(box, before);
	mapping_expect_fault(box, "Read", other, MOTE_FAULT_READ);
	assert_int_equal(vm_resources_now().descriptors,
			 resources.descriptors);
	mote_snapshot_unref(before);
}

/* Without a mapping, with it, and back and forth between the two. */
static void test_before_and_after(void **state)
{
	mote_snapshot *without = take(box);
	uint64_t address = map_file(box, 0);
	uint64_t own = map_file(box, MOTE_MAP_PRIVATE);
	mote_snapshot *with;
	int i;

	(void)state;
	mapping_keep(box, 7);
	mapping_write(box, own, 0xaa);
	bytes[0] = 0xaa;
	with = take(box);
	/* The file is no longer needed, nor is what it becomes. */
	assert_int_equal(ftruncate(file, 0), 0);
	for (i = 0; i < 3; i++) {
		restore(box, without);
		assert_int_equal(mapping_kept(box), 0);
		mapping_expect_fault(box, "Read", address, MOTE_FAULT_READ);
		restore(box, with);
		assert_int_equal(mapping_kept(box), 7);
		mapping_expect(box, own, bytes, FILE_PAGES * PAGE, 1);
		mapping_expect(box, address + 1, bytes + 1,
			       FILE_PAGES * PAGE - 1, 1);
		mapping_write(box, own + PAGE, 0xbb);
		restore(box, with);
		mapping_expect(box, own, bytes, FILE_PAGES * PAGE, 1);
		/* Read-only as before, and its own memory. */
		mapping_expect_fault(box, "Write", address, MOTE_FAULT_WRITE);
		restore(box, with);
		mapping_expect_fault(box, "Jump", own, MOTE_FAULT_EXECUTE);
	}
	mote_snapshot_unref(with);
	mote_snapshot_unref(without);
}

/* What a snapshot has in the window is no mapping, but in the way of one. */
static void test_from_snapshot(void **state)
{
	uint64_t address = map_file(box, MOTE_MAP_PRIVATE);
	mote_snapshot *with = take(box);
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;
	mote_snapshot_extent extent;
	mote_snapshot *more;
	mote_sandbox *other;
	uint64_t next;
	size_t found = 0;
	size_t i;

	(void)state;
	unmap(box, address);
	other = from_snapshot(with);
	mapping_expect(other, address, bytes, FILE_PAGES * PAGE, 1);
	vm_expect(mote_unmap(other, address, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect(mote_map_file(other, file, 0, 0, 0, &address, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "part of the snapshot from 0x720000000000");
	next = map_file(other, 0);
	assert_true(next >= address + FILE_PAGES * PAGE);
	mapping_expect(other, next, bytes, FILE_PAGES * PAGE, 1);
	mapping_write(other, address, 0x11);
	/* A snapshot of that has both. */
	more = take(other);
	restore(other, with);
	assert_int_equal(mapping_read(other, address), bytes[0]);
	restore(box, more);
	assert_int_equal(mapping_read(box, address), 0x11);
	mapping_expect(box, next, bytes, FILE_PAGES * PAGE, 1);
	vm_expect(mote_snapshot_describe(more, &info, &vm.err), MOTE_OK,
		  &vm.err);
	for (i = 0; i < mote_snapshot_extent_count(more); i++) {
		vm_expect(mote_snapshot_get_extent(more, i, &extent, &vm.err),
			  MOTE_OK, &vm.err);
		assert_true(extent.gpa + extent.bytes <= info.memory_size);
		if (strcmp(extent.area, "mapped") == 0)
			found += extent.bytes;
	}
	assert_int_equal(found, 2 * FILE_PAGES * PAGE);
	mapping_expect_fault(box, "Write", next, MOTE_FAULT_WRITE);
	mote_sandbox_free(other);
	mote_snapshot_unref(more);
	mote_snapshot_unref(with);
}

/* Pages of zeros cost nothing; the rest is where it belongs. */
static void test_sparse_snapshot(void **state)
{
	const uint64_t size = 64 * LARGE;
	uint8_t *memory = new_memory(size);
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;
	mote_snapshot *with;
	uint64_t address;
	uint64_t i;

	(void)state;
	for (i = 0; i < 64; i++)
		memory[i * LARGE + i * PAGE] = (uint8_t)(i + 1);
	address = map_memory(box, memory, size);
	with = take(box);
	memset(memory, 0, size);
	vm_expect(mote_snapshot_describe(with, &info, &vm.err), MOTE_OK,
		  &vm.err);
	assert_true(info.memory_size >= size);
	restore(box, with);
	for (i = 0; i < 64; i++) {
		uint64_t at = address + i * LARGE + i * PAGE;

		assert_int_equal(mapping_read(box, at), i + 1);
		assert_int_equal(mapping_read(box, at + 1), 0);
		assert_int_equal(mapping_read(box, at + PAGE), 0);
	}
	mote_snapshot_unref(with);
	munmap(memory, size);
}

/* --------------------------------------------------------------- threads */

struct worker {
	pthread_t thread;
	mote_status status;
	mote_error err;
	uint32_t value;
};

static void *map_and_read(void *argument)
{
	struct worker *self = argument;
	mote_sandbox *own = NULL;
	int i;

	self->status = mote_sandbox_new(vm.image, &options, &own, &self->err);
	for (i = 0; i < 20 && self->status == MOTE_OK; i++) {
		mote_value args[1];
		mote_value result;
		uint64_t address = 0;

		self->status = mote_map_file(own, file, 0, 0, 0, &address,
					     &self->err);
		args[0] = MOTE_U64(address + 2 * PAGE);
		if (self->status == MOTE_OK)
			self->status = mote_call(own, "Read", args, 1, &result,
						 &self->err);
		if (self->status == MOTE_OK) {
			self->value = result.as.u32;
			self->status = mote_unmap(own, address, &self->err);
		}
	}
	mote_sandbox_free(own);
	return NULL;
}

static void test_threads(void **state)
{
	struct worker workers[4];
	size_t i;

	(void)state;
	memset(workers, 0, sizeof(workers));
	for (i = 0; i < 4; i++) {
		workers[i].err.struct_size = sizeof(workers[i].err);
		assert_int_equal(pthread_create(&workers[i].thread, NULL,
						map_and_read, &workers[i]),
				 0);
	}
	for (i = 0; i < 4; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < 4; i++) {
		vm_expect(workers[i].status, MOTE_OK, &workers[i].err);
		assert_int_equal(workers[i].value, bytes[2 * PAGE]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_file),
		TEST(test_part_of_file),
		TEST(test_page_cache),
		TEST(test_private),
		TEST(test_read_only),
		TEST(test_large),
		TEST(test_sparse),
		TEST(test_cut_short),
		TEST(test_memory),
		TEST(test_memory_gone),
		TEST(test_again),
		TEST(test_many),
		TEST(test_refused),
		TEST(test_not_a_file),
		TEST(test_cannot_be_read),
		TEST(test_refused_memory),
		TEST(test_states),
		TEST(test_restore_unmaps),
		TEST(test_before_and_after),
		TEST(test_from_snapshot),
		TEST(test_sparse_snapshot),
		TEST(test_threads),
#undef TEST
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
