/*
 * Operations of a hypervisor that fail and leave the VM of no use: the error
 * is the real one, nobody else gets the VM, and a restore replaces it. And
 * what KVM will not take: a guest is to blame, not the host.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include <mote/snapshot.h>

#include "abi/layout.h"
#include "arch/arch.h"
#include "arch/amd64/trap.h"
#include "harness/elf_builder.h"
#include "harness/unit.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"
#include "sandbox/sandbox.h"
#include "vm/bare_host.h"
#include "vm/villain_host.h"

static struct vm vm;
static struct bare_output output;
static mote_image *image;

/* This request fails so, while error is not 0. */
static unsigned long request;
static int error;

int __real_mti_os_ioctl(int fd, unsigned long number, void *argument);
int __wrap_mti_os_ioctl(int fd, unsigned long number, void *argument);

int __wrap_mti_os_ioctl(int fd, unsigned long number, void *argument)
{
	if (error && number == request)
		return -error;
	return __real_mti_os_ioctl(fd, number, argument);
}

static void refuse(unsigned long number, int with)
{
	request = number;
	error = with;
}

/* ------------------------------------------------------------------- bare */

static mote_sandbox *open_bare(mote_snapshot **snapshot)
{
	mote_sandbox_options options = bare_options(&output);
	mote_sandbox *box;

	vm_open(&vm, NULL);
	image = bare_case_image(&vm, GUEST_bare_cases64, CASE_SNAPSHOT);
	vm_expect(mote_sandbox_new(image, &options, &box, &vm.err), MOTE_OK,
		  &vm.err);
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	if (snapshot)
		vm_expect(mote_snapshot_take(box, snapshot, &vm.err), MOTE_OK,
			  &vm.err);
	return box;
}

static void close_bare(mote_sandbox *box)
{
	mote_sandbox_free(box);
	mote_image_unref(image);
	vm_close(&vm);
}

static void fail_restore(mote_sandbox *box, mote_snapshot *snapshot,
			 unsigned long number, mote_status status,
			 const char *text)
{
	int with = status == MOTE_E_INVALID ? EINVAL : ENOMEM;

	refuse(number, with);
	vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), status,
		  &vm.err);
	refuse(0, 0);
	vm_expect_text(&vm.err, text);
	if (status != MOTE_E_INVALID)
		assert_int_equal(vm.err.os_errno, with);
	assert_true(mti_sandbox_lost(box));
}

static void test_bare_set(void **state)
{
	static const struct {
		unsigned long number;
		mote_status status;
		const char *text;
	} rows[] = {
		{ KVM_SET_DEBUGREGS, MOTE_E_HYPERVISOR, "debug registers" },
		{ KVM_SET_MSRS, MOTE_E_HYPERVISOR, "MSRs" },
		{ KVM_SET_SREGS, MOTE_E_INVALID, "segment registers" },
		{ KVM_GET_SREGS, MOTE_E_HYPERVISOR, "KVM_GET_SREGS" },
	};
	mote_snapshot *snapshot;
	mote_sandbox *box;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		box = open_bare(&snapshot);
		fail_restore(box, snapshot, rows[i].number, rows[i].status,
			     rows[i].text);
		/* With another VM. */
		vm_expect(mote_sandbox_restore(box, snapshot, &vm.err),
			  MOTE_OK, &vm.err);
		assert_false(mti_sandbox_lost(box));
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		assert_int_equal(vm.engine->cache.count, 0);
		fail_restore(box, snapshot, rows[i].number, rows[i].status,
			     rows[i].text);
		mote_snapshot_unref(snapshot);
		mote_sandbox_free(box);
		assert_int_equal(vm.engine->cache.count, 0);
		close_bare(NULL);
	}
}

/* Not "input/output error", whatever the reason was. */
static void test_bare_tables(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box = open_bare(&snapshot);

	(void)state;
	if (!vm.engine->hv->nested_paging)
		fail_restore(box, snapshot, KVM_SET_USER_MEMORY_REGION,
			     MOTE_E_HYPERVISOR, "to forget page tables");
	else
		print_message("KVM keeps no copies of page tables here\n");
	mote_snapshot_unref(snapshot);
	close_bare(box);
}

/* Better no snapshot than one that nobody can use. */
static void test_take(void **state)
{
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box = open_bare(NULL);

	(void)state;
	refuse(KVM_SET_SREGS, EINVAL);
	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err),
		  MOTE_E_GUEST_FAULT, &vm.err);
	vm_expect_text(&vm.err, "that KVM would not take again: cr0 0x");
	assert_null(snapshot);
	refuse(KVM_SET_SREGS, ENOMEM);
	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err),
		  MOTE_E_HYPERVISOR, &vm.err);
	refuse(0, 0);
	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	assert_false(mti_sandbox_lost(box));
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	mote_snapshot_unref(snapshot);
	close_bare(box);
}

/* ------------------------------------------------------------- user mode */

static mote_sandbox *open_paging(mote_snapshot **snapshot)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_sandbox_options box_options =
		villain_host_options(vm_patience_ns());
	mote_sandbox *box;

	vm_open(&vm, NULL);
	mote_engine_unref(vm.engine);
	options.allocator = vm.allocator.public;
	options.memory = "paging";
	vm_expect(mote_engine_new(&options, &vm.engine, &vm.err), MOTE_OK,
		  &vm.err);
	vm_open_image(&vm, GUEST_bare_villain);
	vm_expect(mote_sandbox_new(vm.image, &box_options, &box, &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_snapshot_take(box, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	return box;
}

/* Writes to heap pages from this one on: copies them, the first time. */
static mote_status fill(mote_sandbox *box, uint64_t page)
{
	const mote_value arguments[] = { MOTE_U64(MOTE_GVA_HEAP +
						  page * MOTE_PAGE_SIZE),
					 MOTE_U64(4 * MOTE_PAGE_SIZE),
					 MOTE_U32(7) };

	return mote_call(box, "Fill", arguments, 3, NULL, &vm.err);
}

static void expect_good(mote_sandbox *box, mote_snapshot *snapshot)
{
	vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(fill(box, 0), MOTE_OK, &vm.err);
	assert_false(mti_sandbox_lost(box));
}

static void test_resume(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box = open_paging(&snapshot);
	size_t before = vm.engine->cache.count;

	(void)state;
	refuse(KVM_SET_SREGS, ENOMEM);
	vm_expect(fill(box, 0), MOTE_E_HYPERVISOR, &vm.err);
	refuse(0, 0);
	vm_expect_text(&vm.err, "KVM_SET_SREGS");
	assert_true(mti_sandbox_lost(box));
	expect_good(box, snapshot);
	assert_int_equal(vm.engine->cache.count, before);
	refuse(KVM_SET_SREGS, ENOMEM);
	vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(fill(box, 100), MOTE_E_HYPERVISOR, &vm.err);
	refuse(0, 0);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	assert_int_equal(vm.engine->cache.count, before);
	vm_close(&vm);
}

static const struct mti_hv_ops *real;

/* As if the frame that the exception left had been forged. */
static mote_status forge(struct mti_vm *machine, const uint64_t *general,
			 mote_error *err)
{
	uint64_t forged[MOTE_FAULT_REGISTERS_MAX];

	memcpy(forged, general, sizeof(forged));
	forged[MTI_RIP] = mti_arch_amd64.user_limit;
	return real->resume(machine, forged, err);
}

/* The caller of the function has done nothing wrong. */
static void test_forged_frame(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box = open_paging(&snapshot);
	struct mti_hv_ops ops = *vm.engine->ops;

	(void)state;
	real = vm.engine->ops;
	ops.resume = forge;
	vm.engine->ops = &ops;
	vm_expect(fill(box, 0), MOTE_E_GUEST_FAULT, &vm.err);
	vm.engine->ops = real;
	vm_expect_text(&vm.err, "at which no guest can go on");
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_MACHINE);
	assert_false(mti_sandbox_lost(box));
	expect_good(box, snapshot);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* Nobody sets it who does not reach CPL 0; but a hostile snapshot may. */
static void test_cr8(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box = open_paging(&snapshot);
	struct kvm_sregs sregs;

	(void)state;
	box->vm->run->cr8 = 7;
	vm_expect(fill(box, 0), MOTE_OK, &vm.err);
	assert_int_equal(box->vm->run->cr8, 7);
	expect_good(box, snapshot);
	assert_int_equal(box->vm->run->cr8, 0);
	/* As after a call that did not end. */
	box->vm->run->cr8 = 7;
	box->clean = false;
	expect_good(box, snapshot);
	assert_int_equal(mti_os_ioctl(box->vm->vcpu_fd, KVM_GET_SREGS, &sregs),
			 0);
	assert_int_equal(sregs.cr8, 0);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* ------------------------------------------------------- another machine */

static mote_status never(void *user, mote_host_call *call,
			 const mote_value *args, size_t count,
			 mote_value *result)
{
	(void)user;
	(void)call;
	(void)args;
	(void)count;
	(void)result;
	return MOTE_E_STATE;
}

/* It is read, and that it does not run here is said when it should. */
static void test_other_image(void **state)
{
	struct elf_image bytes = elf_image_new(false, 0);
	static const mote_host_function imports[] = {
		{ "log", "v(s)", never, NULL },
		{ "Now", "U()", never, NULL },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_sandbox *box = NULL;

	(void)state;
	options.host_functions = imports;
	options.host_function_count = 2;
	vm_open(&vm, NULL);
	bytes.header->e_machine = EM_AARCH64;
	vm_expect(mote_image_from_memory(vm.engine, bytes.bytes, bytes.size,
					 &image, &vm.err),
		  MOTE_OK, &vm.err);
	elf_image_free(&bytes);
	vm_expect(mote_sandbox_new(image, &options, &box, &vm.err),
		  MOTE_E_UNSUPPORTED, &vm.err);
	vm_expect_text(&vm.err, "KVM does not run user-mode guests of aarch64");
	assert_null(box);
	mote_image_unref(image);
	vm_close(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bare_set),
		cmocka_unit_test(test_bare_tables),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_forged_frame),
		cmocka_unit_test(test_cr8),
		cmocka_unit_test(test_other_image),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(60);
	return cmocka_run_group_tests_name("lost", tests, NULL, NULL);
}
