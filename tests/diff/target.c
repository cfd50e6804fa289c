#include "target.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "arch/amd64/boot.h"
#include "arch/amd64/trap.h"
#include "base/alloc.h"
#include "harness/unit.h"
#include "harness/vm.h"

#define TICK_US 20000
#define XSAVE_XSTATE_BV 512
#define XSTATE_X87_SSE 3u

/*
 * What the clock's handler looks at. Written by the thread that runs, which
 * is the one that the signal interrupts.
 */
static struct {
	const struct mti_hv_ops *ops;
	struct mti_vm *volatile vm;
	volatile sig_atomic_t left;
	volatile sig_atomic_t rang;
} clock_state;

static void tick(int signal_number)
{
	struct mti_vm *vm = clock_state.vm;

	(void)signal_number;
	if (!vm)
		return;
	if (clock_state.left > 0) {
		clock_state.left--;
		return;
	}
	clock_state.rang = 1;
	clock_state.ops->kick(vm, true);
}

void diff_clock_start(void)
{
	const struct itimerval every = { { 0, TICK_US }, { 0, TICK_US } };
	struct sigaction action = { 0 };

	action.sa_handler = tick;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
}

/* Programs are taken away behind them: a new VM has none of earlier ones. */
static bool wipe;

static const struct mti_hv_ops *find(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < mti_hv_backend_count; i++)
		if (strlen(mti_hv_backends[i]->name) == length &&
		    strncmp(mti_hv_backends[i]->name, name, length) == 0)
			return mti_hv_backends[i];
	return NULL;
}

const struct mti_hv_ops *diff_backend(const char *name,
				      enum diff_origin *origin)
{
	size_t length = strcspn(name, "+");
	const char *rest = name + length;
	const struct mti_hv_ops *ops = find(name, length);
	mote_error err = MOTE_ERROR_INIT;

	if (strcmp(rest, "+fresh") == 0)
		*origin = DIFF_FRESH;
	else if (strcmp(rest, "+restored") == 0)
		*origin = DIFF_RESTORED;
	else if (*rest == '\0')
		*origin = DIFF_USED;
	else
		return NULL;
	/* Where it cannot be loaded its probe says why. */
	if (ops && ops->load)
		(void)!ops->load(&ops, &err);
	return ops;
}

static void open_machine(struct diff_target *target)
{
	static const uint8_t zeros[DIFF_DATA_BYTES];
	static uint8_t code[DIFF_CODE_BYTES];
	static const struct machine_part parts[] = {
		{ { DIFF_CODE, DIFF_CODE_BYTES, DIFF_CODE_BYTES,
		    MTI_PT_USER | MTI_PT_EXECUTE },
		  code },
		{ { DIFF_DATA, DIFF_DATA_BYTES, DIFF_DATA_BYTES,
		    MTI_PT_USER | MTI_PT_WRITE },
		  zeros },
		{ { DIFF_CONST, DIFF_CONST_BYTES, DIFF_CONST_BYTES,
		    MTI_PT_USER },
		  zeros },
	};
	static const struct mti_layout_sizes sizes = {
		.heap = MOTE_PAGE_SIZE,
		.stack = DIFF_STACK_BYTES,
		.io = MOTE_PAGE_SIZE,
	};
	struct machine *machine = &target->machine;

	diff_no_code(code);
	memset(machine, 0, sizeof(*machine));
	machine->err.struct_size = sizeof(machine->err);
	machine->ops = target->ops;
	vm_expect(target->ops->open(&mti_allocator_libc, &machine->hv,
				    &machine->err),
		  MOTE_OK, &machine->err);
	machine_open_parts(machine, parts, sizeof(parts) / sizeof(parts[0]),
			   &sizes);
	vm_expect(target->ops->machine_get(machine->vm, &target->initial,
					   &machine->err),
		  MOTE_OK, &machine->err);
}

void diff_target_open(struct diff_target *target, const char *name)
{
	memset(target, 0, sizeof(*target));
	snprintf(target->name, sizeof(target->name), "%s", name);
	target->ops = diff_backend(name, &target->origin);
	assert_non_null(target->ops);
	wipe = wipe || target->origin == DIFF_FRESH;
	open_machine(target);
}

void diff_target_close(struct diff_target *target)
{
	machine_close(&target->machine);
}

/* Guests may write there, and something may be there. */
static bool is_memory(const struct mti_region *region)
{
	return region->flags & MTI_PT_USER && region->flags & MTI_PT_WRITE &&
	       region->gpa < MACHINE_GAP_GPA;
}

static void clear(struct machine *machine)
{
	const struct mti_layout *layout = &machine->layout;
	size_t i;

	for (i = 0; i < layout->region_count; i++)
		if (is_memory(&layout->regions[i]))
			memset(machine->memory + layout->regions[i].gpa, 0,
			       layout->regions[i].size);
}

void diff_target_reset(struct diff_target *target, const struct diff_case *test)
{
	struct machine *machine = &target->machine;
	struct mote_abi_control *control;

	if (target->origin == DIFF_FRESH) {
		machine_close(machine);
		memset(target->used, 0, sizeof(target->used));
		open_machine(target);
	}
	clear(machine);
	if (wipe && target->base)
		memset(machine_at(machine, target->base), DIFF_NO_CODE,
		       DIFF_SLOT_BYTES);
	diff_fill(test, machine_at(machine, DIFF_DATA),
		  machine_at(machine, DIFF_CONST));
	memcpy(machine_at(machine, test->base), test->code, DIFF_SLOT_BYTES);
	control = machine_at(machine, MOTE_GVA_CONTROL);
	control->syscall_handler = DIFF_CODE;
	/* As machine_restore leaves them. */
	control->mxcsr = machine_new_state.mxcsr;
	control->fpsr = machine_new_state.x87_control;
	if (target->origin == DIFF_RESTORED) {
		machine_restore(machine, &machine_new_state, false);
		vm_expect(target->ops->machine_get(machine->vm,
						   &target->initial,
						   &machine->err),
			  MOTE_OK, &machine->err);
	}
	if (target->ops->changed && target->used[test->slot]) {
		memset(target->used, 0, sizeof(target->used));
		target->ops->changed(machine->vm);
	}
	target->used[test->slot] = true;
	target->base = test->base;
}

static void enter(struct diff_target *target, const struct diff_case *test)
{
	struct mti_machine *registers = &target->initial;
	uint64_t components = XSTATE_X87_SSE;

	memcpy(registers->general, test->general, sizeof(test->general));
	registers->general[MTI_RIP] = test->start;
	registers->fs_base = 0;
	registers->gs_base = 0;
	/* Of the rest of the area only the header counts. */
	memset(registers->vector, 0, sizeof(registers->vector));
	memcpy(registers->vector, test->fxsave, DIFF_FXSAVE_BYTES);
	memcpy(registers->vector + XSAVE_XSTATE_BV, &components,
	       sizeof(components));
	vm_expect(target->ops->machine_set(target->machine.vm, registers,
					   &target->machine.err),
		  MOTE_OK, &target->machine.err);
}

/* As sandbox/run.c has it. */
static void fault(struct machine *machine, struct mti_machine *registers,
		  struct diff_result *result)
{
	mote_fault fault = { 0 };
	struct mti_trap trap = {
		.vector = machine->exit.number,
		.stack_end =
			(uint8_t *)machine_at(machine,
					      MOTE_GVA_INTERRUPT_STACK) +
			MOTE_PAGE_SIZE,
		.guard = MOTE_GVA_STACK_TOP - DIFF_STACK_BYTES -
			 MTI_STACK_GUARD_BYTES,
		.stack = MOTE_GVA_STACK_TOP - DIFF_STACK_BYTES,
	};

	vm_expect(machine->ops->registers(machine->vm, &fault, &trap.address,
					  &machine->err),
		  MOTE_OK, &machine->err);
	mti_arch_amd64.fault(&trap, &fault);
	result->fault = fault.kind;
	result->error_code = fault.error_code;
	result->address = fault.address;
	memcpy(registers->general, fault.registers, sizeof(result->general));
}

static void collect(struct machine *machine, struct diff_result *result)
{
	struct mti_machine registers;

	result->kind = machine->exit.kind;
	result->number = machine->exit.number;
	result->value = machine->exit.value;
	result->detail = machine->exit.detail;
	if (machine->exit.text)
		snprintf(result->text, sizeof(result->text), "%s",
			 machine->exit.text);
	result->has_registers = result->kind == MTI_EXIT_PORT ||
				result->kind == MTI_EXIT_FAULT;
	vm_expect(machine->ops->machine_get(machine->vm, &registers,
					    &machine->err),
		  MOTE_OK, &machine->err);
	if (result->kind == MTI_EXIT_FAULT)
		fault(machine, &registers, result);
	memcpy(result->general, registers.general, sizeof(result->general));
	memcpy(result->fxsave, registers.vector, DIFF_FXSAVE_BYTES);
}

void diff_target_run(struct diff_target *target, const struct diff_case *test,
		     unsigned int patience, struct diff_result *result)
{
	struct machine *machine = &target->machine;

	memset(result, 0, sizeof(*result));
	enter(target, test);
	clock_state.ops = target->ops;
	clock_state.rang = 0;
	clock_state.left = (sig_atomic_t)patience;
	clock_state.vm = machine->vm;
	do {
		memset(&machine->exit, 0, sizeof(machine->exit));
		vm_expect(target->ops->run(machine->vm, &machine->exit,
					   &machine->err),
			  MOTE_OK, &machine->err);
	} while (machine->exit.kind == MTI_EXIT_INTERRUPTED &&
		 !clock_state.rang);
	clock_state.vm = NULL;
	/* It may have rung after the end. */
	if (clock_state.rang)
		target->ops->kick(machine->vm, false);
	result->endless = machine->exit.kind == MTI_EXIT_INTERRUPTED;
	if (!result->endless)
		collect(machine, result);
}

bool diff_target_compare(const struct diff_target *a,
			 const struct diff_target *b,
			 struct diff_memory *memory)
{
	const struct mti_layout *layout = &a->machine.layout;
	size_t i;
	size_t at;

	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *region = &layout->regions[i];
		const uint8_t *one = a->machine.memory + region->gpa;
		const uint8_t *two = b->machine.memory + region->gpa;

		if (!is_memory(region) || memcmp(one, two, region->size) == 0)
			continue;
		for (at = 0; one[at] == two[at]; at++)
			;
		at &= ~(size_t)7;
		memory->gva = region->gva + at;
		memcpy(memory->bytes[0], one + at, 8);
		memcpy(memory->bytes[1], two + at, 8);
		return false;
	}
	return true;
}
