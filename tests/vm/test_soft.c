/*
 * The backend "soft" by itself: what it refuses, what the host does behind
 * its back, and that the library never chooses it. The other programs of this
 * folder run with it too.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi/bare.h"
#include "abi/trap.h"
#include "arch/amd64/trap.h"
#include "harness/machine.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "hv/soft/load.h"
#include "vm/guests/machine.h"

#define PAGE MOTE_PAGE_SIZE

static struct machine machine;

static void open_machine(void)
{
	machine_open(&machine, machine_code,
		     (size_t)(machine_code_end - machine_code), 64 * PAGE);
}

/* Where a row of the library's table says that a plug-in is to be loaded. */
static void test_row(void **state)
{
	const struct mti_hv_ops *ops = NULL;
	mote_error err = MOTE_ERROR_INIT;

	(void)state;
	assert_true(mti_hv_soft_ops.by_name);
	vm_expect(mti_hv_soft_ops.load(&ops, &err), MOTE_OK, &err);
	assert_string_equal(ops->name, "soft");
	assert_false(ops->by_name);
	assert_non_null(ops->run);
}

static size_t index_of(const char *name)
{
	mote_backend_info info = MOTE_BACKEND_INFO_INIT;
	mote_error err = MOTE_ERROR_INIT;
	size_t i;

	for (i = 0; i < mote_backend_count(); i++) {
		vm_expect(mote_backend_probe(i, &info, &err), MOTE_OK, &err);
		if (strcmp(info.name, name) == 0)
			return i;
	}
	fail_msg("no backend %s", name);
	return 0;
}

static void test_limits(void **state)
{
	size_t soft = index_of("soft");
	size_t i;

	(void)state;
	assert_non_null(strstr(mote_backend_limit(soft, 0), "not isolation"));
	for (i = 0; mote_backend_limit(soft, i); i++)
		assert_in_range(strlen(mote_backend_limit(soft, i)), 1, 100);
	assert_in_range(i, 2, 31);
	assert_null(mote_backend_limit(soft, i + 1));
	assert_null(mote_backend_limit(index_of("kvm"), 0));
	assert_null(mote_backend_limit(mote_backend_count(), 0));
}

static void test_names(void **state)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;

	(void)state;
	options.backend = "qemu";
	vm_expect(mote_engine_new(&options, &engine, &err),
		  MOTE_E_NO_HYPERVISOR, &err);
	vm_expect_text(&err, "there is no backend \"qemu\" in this library");
	vm_expect_text(&err, "\"kvm\" is ");
	vm_expect_text(&err, "\"soft\" is ready");
	options.backend = "soft";
	vm_expect(mote_engine_new(&options, &engine, &err), MOTE_OK, &err);
	assert_string_equal(mote_engine_backend(engine), "soft");
	mote_engine_unref(engine);
}

static void test_kinds(void **state)
{
	struct mti_vm_config config = { .arch = &mti_arch_aarch64,
					.bare = true };
	struct mti_vm *vm = NULL;
	mote_error err = MOTE_ERROR_INIT;
	struct mti_arch other = mti_arch_amd64;

	(void)state;
	machine_open_hv(&machine);
	vm_expect(machine.ops->vm_new(machine.hv, &config, &vm, &err),
		  MOTE_E_UNSUPPORTED, &err);
	vm_expect_text(&err, "not bare guests of aarch64");
	other.machine = 0;
	other.name = "vax";
	config.arch = &other;
	config.bare = false;
	vm_expect(machine.ops->vm_new(machine.hv, &config, &vm, &err),
		  MOTE_E_UNSUPPORTED, &err);
	vm_expect_text(&err, "not user-mode guests of vax");
	machine.ops->close(machine.hv);
	memset(&machine, 0, sizeof(machine));
}

/* What is not for bare guests is refused, not called nor taken for done. */
static void test_bare_lacks(void **state)
{
	struct mti_vm_config config = { .arch = &mti_arch_amd64,
					.bare = true };
	struct mti_vm_mapping mapping = { .size = PAGE, .writable = true };
	struct mti_entry entry = { .pc = 0 };
	struct mti_cpu_state cpu = { .fs_base = 0 };
	static struct mti_machine registers;
	struct mti_vm *vm = NULL;
	mote_error err = MOTE_ERROR_INIT;
	const struct mti_hv_ops *ops;
	mote_fault fault = { 0 };
	uint64_t address;

	(void)state;
	machine_open_hv(&machine);
	ops = machine.ops;
	vm_expect(ops->vm_new(machine.hv, &config, &vm, &err), MOTE_OK, &err);
	mapping.memory = mmap(NULL, PAGE, PROT_READ,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(mapping.memory, MAP_FAILED);
	vm_expect(ops->map(vm, 1, &mapping, &err), MOTE_E_UNSUPPORTED, &err);
	vm_expect_text(&err, "bare guests of x86");
	ops->set_entry(vm, &entry);
	vm_expect(ops->registers(vm, &fault, &address, &err),
		  MOTE_E_UNSUPPORTED, &err);
	vm_expect(ops->set_fs_base(vm, 0, &err), MOTE_E_UNSUPPORTED, &err);
	vm_expect(ops->state_get(vm, &cpu, &err), MOTE_E_UNSUPPORTED, &err);
	vm_expect(ops->state_set(vm, &cpu, true, &err), MOTE_E_UNSUPPORTED,
		  &err);
	vm_expect(ops->machine_get(vm, &registers, &err), MOTE_E_UNSUPPORTED,
		  &err);
	vm_expect(ops->machine_set(vm, &registers, &err), MOTE_E_UNSUPPORTED,
		  &err);
	ops->vm_free(vm);
	munmap(mapping.memory, PAGE);
	machine.ops->close(machine.hv);
	memset(&machine, 0, sizeof(machine));
}

/* Room for some more memory, but not for a gigabyte. */
static bool limit_addresses(void)
{
	struct rlimit limit = { .rlim_cur = 0 };
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");

	if (!statm)
		return false;
	if (fscanf(statm, "%lu", &pages) == 1)
		limit.rlim_cur = pages * PAGE + (UINT64_C(700) << 20);
	fclose(statm);
	limit.rlim_max = limit.rlim_cur;
	return limit.rlim_cur > 0 && setrlimit(RLIMIT_AS, &limit) == 0;
}

static mote_status start_user(const struct mti_arch *arch, mote_error *err)
{
	struct mti_vm_config config = { .arch = arch };
	struct mti_vm *vm = NULL;

	return machine.ops->vm_new(machine.hv, &config, &vm, err);
}

/* Its emulators are made when they are needed. */
static mote_status start_bare(mote_error *err)
{
	const struct mti_bare_start start = { .mode = MOTE_BARE_PROTECTED };
	struct mti_vm_config config = { .arch = &mti_arch_i686, .bare = true };
	struct mti_bare_state state = { .cr0 = 0 };
	struct mti_exit exit = { .kind = MTI_EXIT_PORT };
	struct mti_vm *vm = NULL;
	mote_status status =
		machine.ops->vm_new(machine.hv, &config, &vm, err);

	mti_bare_start(&start, &state);
	if (status == MOTE_OK)
		status = machine.ops->bare_set(vm, &state, err);
	if (status == MOTE_OK)
		status = machine.ops->run(vm, &exit, err);
	return status;
}

static bool has_no_room(mote_status status, const mote_error *err)
{
	if (status == MOTE_E_NO_MEMORY && strstr(err->text, "1 GiB"))
		return true;
	fprintf(stderr, "%s: %s\n", mote_status_name(status), err->text);
	return false;
}

/* The emulator would end the process. */
static void test_no_room(void **state)
{
	mote_error err = MOTE_ERROR_INIT;
	bool good;
	pid_t child;
	int end;

	(void)state;
	if (VM_SANITIZED) {
		print_message("sanitizers need more addresses than that\n");
		return;
	}
	machine_open_hv(&machine);
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0) {
		good = limit_addresses() &&
		       has_no_room(start_user(&mti_arch_amd64, &err), &err) &&
		       has_no_room(start_user(&mti_arch_aarch64, &err),
				   &err) &&
		       has_no_room(start_bare(&err), &err);
		_exit(good ? 42 : 1);
	}
	assert_int_equal(waitpid(child, &end, 0), child);
	assert_true(WIFEXITED(end));
	assert_int_equal(WEXITSTATUS(end), 42);
	machine.ops->close(machine.hv);
	memset(&machine, 0, sizeof(machine));
}

/* A kick that came before the entry, and its being taken back. */
static void test_early_kick(void **state)
{
	(void)state;
	open_machine();
	machine.ops->kick(machine.vm, true);
	machine_enter(&machine, m_nothing, 0, 0);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	machine.ops->kick(machine.vm, false);
	machine_go(&machine, MTI_EXIT_PORT);
	assert_int_equal(machine.exit.number, MOTE_PORT_RETURN);
	machine_close(&machine);
}

static void on_alarm(int number)
{
	(void)number;
	machine.ops->kick(machine.vm, true);
}

/* At any moment of an entry. */
static void test_kicks(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerspec when = { 0 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGUSR1 };
	timer_t timer;
	long delay;

	(void)state;
	open_machine();
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	for (delay = 1; delay < 40000; delay += 97) {
		machine_enter(&machine, m_spin, 0, 0);
		when.it_value.tv_nsec = delay;
		assert_int_equal(timer_settime(timer, 0, &when, NULL), 0);
		machine_go(&machine, MTI_EXIT_INTERRUPTED);
		machine.ops->kick(machine.vm, false);
	}
	timer_delete(timer);
	machine_close(&machine);
}

/* The host writes to code that was translated; no one says it was changed. */
static void test_changed_code(void **state)
{
	uint8_t *code;
	uint8_t kept;

	(void)state;
	open_machine();
	code = machine_at(&machine, MACHINE_CODE + (uint64_t)(m_nothing -
							      machine_code));
	machine_call(&machine, m_nothing, 0, 0);
	kept = *code;
	*code = 0xcc;
	machine.ops->changed(machine.vm);
	machine_enter(&machine, m_nothing, 0, 0);
	machine_go(&machine, MTI_EXIT_FAULT);
	assert_int_equal(machine.exit.number, 3);
	*code = kept;
	machine.ops->changed(machine.vm);
	machine_restore(&machine, &machine_new_state, false);
	machine_call(&machine, m_nothing, 0, 0);
	machine_close(&machine);
}

/* A slot that goes away is not there any more, and its memory is not used. */
static void test_slot_goes(void **state)
{
	struct mti_vm_mapping mapping = { .gpa = MACHINE_GAP_GPA,
					  .size = PAGE,
					  .writable = true };
	void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	open_machine();
	mapping.memory = memory;
	vm_expect(machine.ops->map(machine.vm, 1, &mapping, &machine.err),
		  MOTE_OK, &machine.err);
	machine_call(&machine, m_touch, MOTE_GVA_MAP, 1);
	assert_int_equal(*(uint8_t *)memory, 1);
	vm_expect(machine.ops->unmap(machine.vm, 1, &machine.err), MOTE_OK,
		  &machine.err);
	munmap(memory, PAGE);
	machine_enter(&machine, m_touch, MOTE_GVA_MAP, 1);
	machine_go(&machine, MTI_EXIT_MACHINE);
	assert_non_null(strstr(machine.exit.text, "outside memory"));
	machine_close(&machine);
}

/* Between two runs a mapped file becomes shorter. */
static void test_short_file(void **state)
{
	struct mti_vm_mapping mapping = { .gpa = MACHINE_GAP_GPA,
					  .size = 2 * PAGE };
	int fd = memfd_create("soft", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
	mapping.memory = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(mapping.memory, MAP_FAILED);
	open_machine();
	vm_expect(machine.ops->map(machine.vm, 1, &mapping, &machine.err),
		  MOTE_OK, &machine.err);
	machine_call(&machine, m_sweep, MOTE_GVA_MAP, 2);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	machine_call(&machine, m_sweep, MOTE_GVA_MAP, 1);
	machine_enter(&machine, m_sweep, MOTE_GVA_MAP, 2);
	machine_go(&machine, MTI_EXIT_MACHINE);
	assert_non_null(strstr(machine.exit.text, "took away"));
	/* What may only be read is no memory to write to. */
	machine_restore(&machine, &machine_new_state, false);
	machine_enter(&machine, m_write, MOTE_GVA_MAP, 1);
	machine_go(&machine, MTI_EXIT_MACHINE);
	assert_non_null(strstr(machine.exit.text, "outside memory"));
	machine_close(&machine);
	munmap(mapping.memory, 2 * PAGE);
	close(fd);
}

/* Registers are the guest's after a fault, twice in a row. */
static void test_faults(void **state)
{
	mote_fault fault = { 0 };
	uint64_t address;
	int i;

	(void)state;
	open_machine();
	for (i = 0; i < 3; i++) {
		machine_enter(&machine, m_read, 0x1234, 7);
		machine_go(&machine, MTI_EXIT_FAULT);
		assert_int_equal(machine.exit.number, 14);
		vm_expect(machine.ops->registers(machine.vm, &fault, &address,
						 &machine.err),
			  MOTE_OK, &machine.err);
		assert_int_equal(address, 0x1234);
		assert_int_equal(fault.registers[MTI_RDI], 0x1234);
		assert_int_equal(fault.registers[MTI_RSI], 7);
	}
	/* Without a restore, too. */
	machine_call(&machine, m_nothing, 0, 0);
	machine_close(&machine);
}

/* Each step is one instruction of the guest, and none of the entry code. */
static void test_steps(void **state)
{
	struct mti_machine registers;
	uint64_t start = MACHINE_CODE + (uint64_t)(m_nothing - machine_code);
	uint64_t last = start;
	int i;

	(void)state;
	open_machine();
	machine_enter(&machine, m_break, 0, 0);
	machine_go(&machine, MTI_EXIT_FAULT);
	vm_expect(machine.ops->machine_get(machine.vm, &registers,
					   &machine.err),
		  MOTE_OK, &machine.err);
	registers.general[MTI_RSP] = MOTE_GVA_STACK_TOP;
	registers.general[MTI_RIP] = start;
	for (i = 0; i < 2; i++) {
		mote_fault fault = { 0 };
		uint64_t address;

		registers.general[MTI_RFLAGS] |= 0x100;
		vm_expect(machine.ops->machine_set(machine.vm, &registers,
						   &machine.err),
			  MOTE_OK, &machine.err);
		machine_go(&machine, i == 0 ? MTI_EXIT_FAULT : MTI_EXIT_PORT);
		if (i > 0)
			break;
		assert_int_equal(machine.exit.number, 1);
		vm_expect(machine.ops->registers(machine.vm, &fault, &address,
						 &machine.err),
			  MOTE_OK, &machine.err);
		/* mov $port, %edx */
		last = *(uint64_t *)(void *)((uint8_t *)machine_at(
			&machine, MOTE_GVA_INTERRUPT_STACK) + PAGE - 40);
		assert_int_equal(last, start + 5);
		assert_int_equal(fault.registers[MTI_RDX], MOTE_PORT_RETURN);
		registers.general[MTI_RIP] = last;
		registers.general[MTI_RDX] = MOTE_PORT_RETURN;
	}
	assert_int_equal(machine.exit.number, MOTE_PORT_RETURN);
	machine_close(&machine);
}

/* The guest's registers at a step, the CPU standing in the stub. */
static void read_step(struct mti_machine *registers)
{
	const uint8_t *end = (uint8_t *)machine_at(&machine,
						   MOTE_GVA_INTERRUPT_STACK) +
			     PAGE;

	vm_expect(machine.ops->machine_get(machine.vm, registers,
					   &machine.err),
		  MOTE_OK, &machine.err);
	memcpy(&registers->general[MTI_RIP], end - 40, 8);
	memcpy(&registers->general[MTI_RFLAGS], end - 24, 8);
	memcpy(&registers->general[MTI_RSP], end - 16, 8);
}

/* As many steps as it takes; what they come to. */
static uint64_t step_all(struct mti_machine *registers)
{
	uint64_t last = MACHINE_CODE + (uint64_t)(m_steps_end - machine_code);
	uint64_t sum = 0;
	int steps = 0;
	int i;

	while (registers->general[MTI_RIP] != last && steps++ < 100) {
		registers->general[MTI_RFLAGS] |= 0x100;
		vm_expect(machine.ops->machine_set(machine.vm, registers,
						   &machine.err),
			  MOTE_OK, &machine.err);
		do {
			machine.ops->kick(machine.vm, false);
			memset(&machine.exit, 0, sizeof(machine.exit));
			vm_expect(machine.ops->run(machine.vm, &machine.exit,
						   &machine.err),
				  MOTE_OK, &machine.err);
		} while (machine.exit.kind == MTI_EXIT_INTERRUPTED);
		assert_int_equal(machine.exit.kind, MTI_EXIT_FAULT);
		assert_int_equal(machine.exit.number, 1);
		read_step(registers);
		for (i = 0; i <= MTI_RIP; i++)
			sum = sum * 31 + registers->general[i];
	}
	return sum + (uint64_t)steps;
}

/* No instruction is lost or comes twice, wherever a kick comes. */
static void test_kicked_code(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerspec when = { .it_interval.tv_nsec = 15000,
				   .it_value.tv_nsec = 1 };
	const struct itimerspec never = { 0 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGUSR1 };
	size_t kicks = 0;
	timer_t timer;
	int i;

	(void)state;
	open_machine();
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	assert_int_equal(timer_settime(timer, 0, &when, NULL), 0);
	for (i = 0; i < 3000; i++) {
		machine_enter(&machine, m_touch, MOTE_GVA_HEAP, 64);
		do {
			machine.ops->kick(machine.vm, false);
			memset(&machine.exit, 0, sizeof(machine.exit));
			vm_expect(machine.ops->run(machine.vm, &machine.exit,
						   &machine.err),
				  MOTE_OK, &machine.err);
			kicks += machine.exit.kind == MTI_EXIT_INTERRUPTED;
		} while (machine.exit.kind == MTI_EXIT_INTERRUPTED);
		assert_int_equal(machine.exit.kind, MTI_EXIT_PORT);
	}
	assert_int_equal(timer_settime(timer, 0, &never, NULL), 0);
	timer_delete(timer);
	for (i = 0; i < 64; i++)
		assert_int_equal(*(uint8_t *)machine_at(&machine,
							MOTE_GVA_HEAP +
								(uint64_t)i *
									PAGE),
				 3000 & 0xff);
	print_message("%zu kicks\n", kicks);
	machine_close(&machine);
}

/* Kicks come at any moment of a step. */
static void test_kicked_steps(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerspec when = { .it_interval.tv_nsec = 15000,
				   .it_value.tv_nsec = 1 };
	const struct itimerspec never = { 0 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGUSR1 };
	struct mti_machine first;
	struct mti_machine registers;
	uint64_t expected;
	timer_t timer;
	int i;

	(void)state;
	open_machine();
	machine_enter(&machine, m_break, MOTE_GVA_HEAP, 0);
	machine_go(&machine, MTI_EXIT_FAULT);
	read_step(&first);
	first.general[MTI_RIP] = MACHINE_CODE +
				 (uint64_t)(m_steps - machine_code);
	registers = first;
	expected = step_all(&registers);
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	assert_int_equal(timer_settime(timer, 0, &when, NULL), 0);
	for (i = 0; i < 500; i++) {
		registers = first;
		assert_int_equal(step_all(&registers), expected);
	}
	assert_int_equal(timer_settime(timer, 0, &never, NULL), 0);
	timer_delete(timer);
	machine_close(&machine);
}

/* All that a guest can see of the CPU is as new after a restore. */
static void test_new_state(void **state)
{
	struct mti_machine first;
	struct mti_machine other;
	struct mti_machine again;
	int i;

	(void)state;
	open_machine();
	machine_restore(&machine, &machine_new_state, false);
	vm_expect(machine.ops->machine_get(machine.vm, &first, &machine.err),
		  MOTE_OK, &machine.err);
	other = first;
	memset(other.general, 0x41, sizeof(other.general));
	other.general[MTI_RIP] = MACHINE_CODE;
	other.fs_base = 0x1234;
	other.gs_base = 0x5678;
	/* Eight registers of 80 bits, sixteen of 128. */
	for (i = 0; i < 8; i++)
		memset(other.vector + 32 + 16 * i, 0x42, 10);
	memset(other.vector + 160, 0x43, 256);
	other.vector[4] = 0xff;
	vm_expect(machine.ops->machine_set(machine.vm, &other, &machine.err),
		  MOTE_OK, &machine.err);
	vm_expect(machine.ops->machine_get(machine.vm, &again, &machine.err),
		  MOTE_OK, &machine.err);
	assert_memory_equal(again.vector, other.vector, sizeof(again.vector));
	assert_int_equal(again.fs_base, 0x1234);
	machine_restore(&machine, &machine_new_state, false);
	vm_expect(machine.ops->machine_get(machine.vm, &again, &machine.err),
		  MOTE_OK, &machine.err);
	assert_memory_equal(&again, &first, sizeof(again));
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_bare_lacks),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_early_kick),
		cmocka_unit_test(test_kicks),
		cmocka_unit_test(test_changed_code),
		cmocka_unit_test(test_slot_goes),
		cmocka_unit_test(test_short_file),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_kicked_code),
		cmocka_unit_test(test_kicked_steps),
		cmocka_unit_test(test_new_state),
	};

	int skip;

	setenv("MOTE_TEST_BACKEND", "soft", 1);
	skip = vm_require();
	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests_name("soft", tests, NULL, NULL);
}
