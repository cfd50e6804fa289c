/*
 * Nothing of a guest is left after a restore: a secret is put into every
 * place that there is, and looked for in memory and registers, in the
 * sandbox itself, in clones, and in the next user of the same VM.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/call.h"
#include "harness/unit.h"
#include "sandbox/types.h"
#include "vm/state_host.h"

#define SECRET "7391-a-SECRET-31" /* 16 bytes, the first are a number */
#define SECRET_SIZE 16

static struct state_host host;
static mote_error *const err = &host.vm.err;

static void open_host(void)
{
	state_open(&host, GUEST_vm_state);
}

/* As in guests/state.h, struct dump. */
struct registers {
	unsigned char area[8192];
	uint64_t fs_base;
	uint64_t gs_base;
	uint32_t mxcsr;
	uint16_t x87_control;
	uint16_t x87_status;
};

static struct registers registers_of(mote_sandbox *box)
{
	struct registers registers;
	mote_value result;

	vm_expect(mote_call(box, "Registers", NULL, 0, &result, err), MOTE_OK,
		  err);
	assert_true(result.as.bytes.size >= sizeof(registers));
	memcpy(&registers, result.as.bytes.data, sizeof(registers));
	return registers;
}

static void call_with_secret(mote_sandbox *box, const char *function,
			     const uint32_t *end, mote_status expected)
{
	const mote_value arguments[] = { MOTE_STRING(SECRET),
					 MOTE_U32(end ? *end : 0) };

	vm_expect(mote_call(box, function, arguments, end ? 2 : 1, NULL, err),
		  expected, err);
}

/*
 * It has no trace of the secret: first memory, which the host sees, then
 * what only an instruction sees. reference: of one that never had it.
 */
static void expect_none(mote_sandbox *box, const struct registers *reference)
{
	struct registers now;
	uint64_t base;

	assert_false(state_holds(box, SECRET, SECRET_SIZE));
	now = registers_of(box);
	assert_null(memmem(&now, sizeof(now), SECRET, SECRET_SIZE));
	/* 8 bytes fit an x87 register. */
	assert_null(memmem(&now, sizeof(now), SECRET, 8));
	memcpy(&base, SECRET, 4);
	assert_int_not_equal((uint32_t)now.gs_base, (uint32_t)base);
	assert_int_equal(now.gs_base, reference->gs_base);
	assert_int_equal(now.fs_base, reference->fs_base);
	assert_int_equal(now.mxcsr, reference->mxcsr);
	assert_int_equal(now.x87_control, reference->x87_control);
	assert_int_equal(now.x87_status, reference->x87_status);
	/* x87; the runtime itself uses vector registers. */
	assert_memory_equal(now.area, reference->area, 160);
}

static void expect_there(mote_sandbox *box)
{
	assert_true(state_holds(box, SECRET, SECRET_SIZE));
}

/* The ways in which a call with the secret in the registers ends. */
static const struct end {
	uint32_t end;
	mote_status status;
} ends[] = {
	{ 0, MOTE_OK },
	{ 1, MOTE_E_GUEST_FAULT },
	{ 2, MOTE_E_DEADLINE },
	{ 3, MOTE_E_GUEST_FAULT },
};

static void fill(mote_sandbox *box, const struct end *end)
{
	uint64_t deadline = end->end == 2 ? 2000000 : 0;

	call_with_secret(box, "Hide", NULL, MOTE_OK);
	expect_there(box);
	vm_expect(mote_sandbox_set_deadline(box, deadline, err), MOTE_OK, err);
	call_with_secret(box, "HideInRegisters", &end->end, end->status);
	vm_expect(mote_sandbox_set_deadline(box, 20000000000u, err), MOTE_OK,
		  err);
}

static bool has_fsgsbase(mote_sandbox *box)
{
	mote_value result;

	vm_expect(mote_call(box, "HasFsgsbase", NULL, 0, &result, err), MOTE_OK,
		  err);
	if (!result.as.boolean)
		print_message("no FSGSBASE here: GS base cannot be set\n");
	return result.as.boolean;
}

/* The number of the last call, as its guest sees it. */
static uint64_t call_number(const mote_sandbox *box)
{
	uint64_t number;

	memcpy(&number, box->call + offsetof(struct mote_abi_message, id),
	       sizeof(number));
	return number;
}

/* How often others have called is not to be seen either. */
static void test_calls_before(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	mote_sandbox *clone;
	int i;

	(void)state;
	open_host();
	box = state_new(&host);
	snapshot = state_take(box);
	for (i = 0; i < 5; i++)
		(void)has_fsgsbase(box);
	state_restore(box, snapshot);
	(void)has_fsgsbase(box);
	clone = state_clone(&host, snapshot);
	(void)has_fsgsbase(clone);
	assert_int_equal(call_number(box), call_number(clone));
	mote_sandbox_free(clone);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* In the sandbox that was restored. */
static void test_restore(void **state)
{
	struct registers reference;
	mote_snapshot *snapshot;
	mote_sandbox *box;
	size_t i;
	int round;

	(void)state;
	open_host();
	box = state_new(&host);
	if (!has_fsgsbase(box))
		goto out;
	snapshot = state_take(box);
	state_restore(box, snapshot);
	reference = registers_of(box);
	state_restore(box, snapshot);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		for (round = 0; round < 3; round++) {
			fill(box, &ends[i]);
			state_restore(box, snapshot);
			expect_none(box, &reference);
			state_restore(box, snapshot);
		}
	}
	mote_snapshot_unref(snapshot);
out:
	mote_sandbox_free(box);
	state_close(&host);
}

/* In pages of the call area that only the host has ever touched. */
static void test_unread(void **state)
{
	static char large[100000];
	const mote_value argument = MOTE_BYTES(large, sizeof(large));
	mote_snapshot *snapshot;
	mote_sandbox *box;

	(void)state;
	open_host();
	box = state_new(&host);
	snapshot = state_take(box);
	memcpy(large + sizeof(large) - SECRET_SIZE, SECRET, SECRET_SIZE);
	vm_expect(mote_call(box, "Ignore", &argument, 1, NULL, err), MOTE_OK,
		  err);
	expect_there(box);
	state_restore(box, snapshot);
	assert_false(state_holds(box, SECRET, SECRET_SIZE));
	vm_expect(mote_call(box, "Ignore", &argument, 1, NULL, err), MOTE_OK,
		  err);
	mote_sandbox_free(box);
	box = state_new(&host);
	assert_false(state_holds(box, SECRET, SECRET_SIZE));
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	state_close(&host);
}

/* In a sister, and in the next one that gets the VM. */
static void test_clones(void **state)
{
	struct registers reference;
	mote_snapshot *snapshot;
	mote_sandbox *sister;
	mote_sandbox *box;
	size_t i;

	(void)state;
	open_host();
	box = state_new(&host);
	if (!has_fsgsbase(box))
		goto out;
	snapshot = state_take(box);
	mote_sandbox_free(box);
	box = state_clone(&host, snapshot);
	reference = registers_of(box);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		fill(box, &ends[i]);
		sister = state_clone(&host, snapshot);
		expect_none(sister, &reference);
		mote_sandbox_free(sister);
		/* Its VM is in the cache now. */
		mote_sandbox_free(box);
		box = state_clone(&host, snapshot);
		expect_none(box, &reference);
	}
	/* One that starts from the beginning. */
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		fill(box, &ends[i]);
		mote_sandbox_free(box);
		box = state_new(&host);
		expect_none(box, &reference);
		assert_int_equal(state_i32(box, "Started"), 1);
	}
	mote_snapshot_unref(snapshot);
out:
	mote_sandbox_free(box);
	state_close(&host);
}

/* Other paths: to another snapshot, and to one of another image object. */
static void test_other_snapshot(void **state)
{
	struct registers reference;
	mote_snapshot *first;
	mote_snapshot *later;
	mote_snapshot *other;
	mote_image *image = NULL;
	mote_image *kept;
	mote_sandbox *box;

	(void)state;
	open_host();
	box = state_new(&host);
	if (!has_fsgsbase(box))
		goto out;
	reference = registers_of(box);
	first = state_take(box);
	state_set_text(box, "harmless");
	later = state_take(box);
	fill(box, &ends[0]);
	state_restore(box, first);
	expect_none(box, &reference);
	fill(box, &ends[1]);
	state_restore(box, later);
	expect_none(box, &reference);
	vm_expect(mote_image_open(host.vm.engine, GUEST_vm_state, &image, err),
		  MOTE_OK, err);
	kept = host.vm.image;
	host.vm.image = image;
	{
		mote_sandbox *stranger = state_new(&host);

		other = state_take(stranger);
		mote_sandbox_free(stranger);
	}
	host.vm.image = kept;
	mote_image_unref(image);
	fill(box, &ends[3]);
	state_restore(box, other);
	expect_none(box, &reference);
	mote_snapshot_unref(first);
	mote_snapshot_unref(later);
	mote_snapshot_unref(other);
out:
	mote_sandbox_free(box);
	state_close(&host);
}

static void expect_empty(const uint8_t *area, size_t size)
{
	while (size-- > 0)
		assert_int_equal(area[size], 0);
}

/* Messages are no part of a snapshot that is taken while they are there. */
static void test_messages(void **state)
{
	const mote_value argument = MOTE_STRING(SECRET);
	mote_snapshot *snapshot;
	mote_sandbox *clone;
	mote_sandbox *box;
	mote_value result;

	(void)state;
	open_host();
	box = state_new(&host);
	vm_expect(mote_call(box, "Echo", &argument, 1, &result, err), MOTE_OK,
		  err);
	snapshot = state_take(box);
	/* It is still there for who has asked. */
	assert_string_equal(result.as.string.data, SECRET);
	clone = state_clone(&host, snapshot);
	expect_empty(clone->call, clone->io_size);
	expect_empty(clone->reply, clone->io_size);
	expect_empty(clone->out, clone->io_size);
	expect_empty(clone->post, MTI_POST_BYTES);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(clone);
	mote_sandbox_free(box);
	state_close(&host);
}

#if defined(__aarch64__) /* FPCR, FPSR */
#define KEPT_MXCSR 0x02c00000
#define KEPT_X87 0x1f
#define KEPT_GS_BASE 0
#define NEW_MXCSR 0
#define NEW_X87 0
#else
#define KEPT_MXCSR (0x1f80 | 0x8040)
#define KEPT_X87 0x0f7f
#define KEPT_GS_BASE UINT64_C(0x123456789000)
#define NEW_MXCSR 0x1f80
#define NEW_X87 0x37f
#endif

/* What belongs to the snapshot comes back: control words and bases. */
static void test_kept(void **state)
{
	const mote_value arguments[] = { MOTE_U32(KEPT_MXCSR),
					 MOTE_U32(KEPT_X87),
					 MOTE_U64(KEPT_GS_BASE) };
	const mote_value others[] = { MOTE_U32(NEW_MXCSR), MOTE_U32(NEW_X87),
				      MOTE_U64(0) };
	struct registers registers;
	mote_snapshot *snapshot;
	mote_sandbox *clone;
	mote_sandbox *box;
	int i;

	(void)state;
	open_host();
	box = state_new(&host);
	if (!has_fsgsbase(box))
		goto out;
	vm_expect(mote_call(box, "SetControl", arguments, 3, NULL, err),
		  MOTE_OK, err);
	snapshot = state_take(box);
	clone = state_clone(&host, snapshot);
	for (i = 0; i < 4; i++) {
		registers = registers_of(i % 2 ? clone : box);
		assert_int_equal(registers.gs_base, KEPT_GS_BASE);
		assert_int_equal(registers.mxcsr, KEPT_MXCSR);
		assert_int_equal(registers.x87_control, KEPT_X87);
		vm_expect(mote_call(box, "SetControl", others, 3, NULL, err),
			  MOTE_OK, err);
		registers = registers_of(box);
		assert_int_equal(registers.mxcsr, NEW_MXCSR);
		assert_int_equal(registers.gs_base, 0);
		if (i == 1)
			state_fail(box, "Crash", MOTE_E_GUEST_FAULT);
		state_restore(box, snapshot);
	}
	mote_sandbox_free(clone);
	mote_snapshot_unref(snapshot);
out:
	mote_sandbox_free(box);
	state_close(&host);
}

/* What libc and compiler make random is different in every restored guest. */
static void add_run(void *user, uint64_t start, uint64_t end)
{
	*(size_t *)user += (end - start) / MOTE_PAGE_SIZE;
}

/* Pages that a guest could find out by time to have been written. */
static size_t kept_pages(const mote_sandbox *box)
{
	size_t pages = 0;

	assert_int_equal(mti_memory_private(box->memory.base, box->memory.size,
					    add_run, &pages),
			 0);
	if (box->memory.cow)
		pages += mti_cow_copies(box->memory.cow, 0, UINT64_MAX);
	return pages;
}

/* Not even which pages were written, for who asks for it. */
static void test_fresh_pages(void **state)
{
	mote_sandbox_options options;
	mote_snapshot *snapshot;
	mote_sandbox *box;
	size_t usual;
	int fresh;

	(void)state;
	for (fresh = 0; fresh < 2; fresh++) {
		open_host();
		options = state_options(&host);
		if (fresh > 0)
			options.flags |= MOTE_SANDBOX_FRESH_PAGES;
		box = vm_sandbox(&host.vm, &options);
		snapshot = state_take(box);
		state_restore(box, snapshot);
		usual = kept_pages(box);
		state_touch(box, 300, 1, 1);
		assert_true(kept_pages(box) >= usual + 300);
		state_restore(box, snapshot);
		if (fresh)
			assert_in_range(kept_pages(box), 0, usual + 8);
		else
			assert_true(kept_pages(box) >= 300);
		state_touch(box, 300, 1, 1);
		mote_sandbox_free(box);
		/* Whoever had its VM, and whatever that asked for. */
		options.flags |= MOTE_SANDBOX_FRESH_PAGES;
		vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box,
						     err),
			  MOTE_OK, err);
		assert_in_range(kept_pages(box), 0, usual + 8);
		mote_sandbox_free(box);
		mote_snapshot_unref(snapshot);
		state_close(&host);
	}
}

/* What a call wrote that failed is not the next one's, nor another's. */
static void test_fresh_growth(void **state)
{
	mote_sandbox_options options;
	mote_snapshot *snapshot;
	mote_sandbox *box;
	int round;

	(void)state;
	open_host();
	options = state_options(&host);
	options.flags |= MOTE_SANDBOX_FRESH_PAGES;
	box = vm_sandbox(&host.vm, &options);
	snapshot = state_take(box);
	options.max_growth_bytes = (uint64_t)100 * MOTE_PAGE_SIZE;
	for (round = 0; round < 3; round++) {
		state_touch(box, 300, 1, 1);
		state_fail(box, "Crash", MOTE_E_GUEST_FAULT);
		/* The next one has its VM. */
		mote_sandbox_free(box);
		vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box,
						     err),
			  MOTE_OK, err);
		state_touch(box, 10, 1, 1);
		mote_sandbox_free(box);
		options.max_growth_bytes = 0;
		vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box,
						     err),
			  MOTE_OK, err);
		options.max_growth_bytes = (uint64_t)100 * MOTE_PAGE_SIZE;
	}
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

static void test_random(void **state)
{
	mote_sandbox_options options;
	mote_snapshot *snapshot;
	mote_sandbox *boxes[3];
	int64_t values[6][4];
	size_t i;
	size_t j;

	(void)state;
	open_host();
	boxes[0] = state_new(&host);
	(void)state_i32(boxes[0], "Rand");
	snapshot = state_take(boxes[0]);
	boxes[1] = state_clone(&host, snapshot);
	boxes[2] = state_clone(&host, snapshot);
	for (i = 0; i < 6; i++) {
		mote_sandbox *box = boxes[i % 3];

		if (i % 3 == 0)
			state_restore(box, snapshot);
		values[i][0] = state_i32(box, "Rand");
		values[i][1] = state_i64(box, "Random");
		values[i][2] = state_i64(box, "Lrand48");
		values[i][3] = (int64_t)state_u64(box, "Canary");
		/* It is the canary from then on, until the next restore. */
		assert_int_equal(state_u64(box, "Canary"), values[i][3]);
		if (i >= 3)
			continue;
		state_restore(box, snapshot);
	}
	for (i = 0; i < 6; i++)
		for (j = 0; j < i * 4; j++)
			assert_int_not_equal(values[i][j % 4],
					     values[j / 4][j % 4]);
	mote_sandbox_free(boxes[1]);
	/* Asked for: all of it repeats. */
	options = state_options(&host);
	options.flags = MOTE_SANDBOX_REPRODUCIBLE;
	for (i = 0; i < 3; i++) {
		vm_expect(mote_sandbox_from_snapshot(snapshot, &options,
						     &boxes[1], err),
			  MOTE_OK, err);
		for (j = 0; j < 2; j++) {
			int64_t *now = values[i * 2 + j];

			now[0] = state_i32(boxes[1], "Rand");
			now[1] = state_i64(boxes[1], "Random");
			now[2] = state_i64(boxes[1], "Lrand48");
			now[3] = (int64_t)state_u64(boxes[1], "Canary");
			assert_memory_equal(now, values[0], sizeof(values[0]));
			state_restore(boxes[1], snapshot);
		}
		mote_sandbox_free(boxes[1]);
	}
	mote_sandbox_free(boxes[0]);
	mote_sandbox_free(boxes[2]);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* ------------------------------------------- random numbers that repeat */

static void get_entropy(mote_sandbox *box, uint32_t size, uint8_t *bytes)
{
	const mote_value argument = MOTE_U32(size);
	mote_value result;

	vm_expect(mote_call(box, "Entropy", &argument, 1, &result, err),
		  MOTE_OK, err);
	assert_int_equal(result.as.bytes.size, size);
	memcpy(bytes, result.as.bytes.data, size);
}

/* What a guest asks the host for repeats as what it computes does. */
static void test_entropy(void **state)
{
	mote_sandbox_options options;
	mote_snapshot *snapshot;
	mote_snapshot *later;
	mote_sandbox *box;
	uint8_t first[599];
	uint8_t more[599];
	uint8_t bytes[599];
	size_t i;

	(void)state;
	open_host();
	box = state_new(&host);
	snapshot = state_take(box);
	mote_sandbox_free(box);
	options = state_options(&host);
	options.flags = MOTE_SANDBOX_REPRODUCIBLE;
	vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box, err),
		  MOTE_OK, err);
	get_entropy(box, sizeof(first), first);
	later = state_take(box);
	get_entropy(box, sizeof(more), more);
	assert_memory_not_equal(more, first, sizeof(first));
	for (i = 0; i < 3; i++) {
		state_restore(box, snapshot);
		get_entropy(box, sizeof(bytes), bytes);
		assert_memory_equal(bytes, first, sizeof(bytes));
		/* Of a snapshot on the way, they go on. */
		state_restore(box, later);
		get_entropy(box, sizeof(bytes), bytes);
		assert_memory_equal(bytes, more, sizeof(bytes));
	}
	mote_sandbox_free(box);
	/* Not asked for: they are the system's. */
	box = state_clone(&host, later);
	get_entropy(box, sizeof(bytes), bytes);
	assert_memory_not_equal(bytes, more, sizeof(bytes));
	mote_sandbox_free(box);
	mote_snapshot_unref(later);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_calls_before),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_clones),
		cmocka_unit_test(test_other_snapshot),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_fresh_pages),
		cmocka_unit_test(test_fresh_growth),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_entropy),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
