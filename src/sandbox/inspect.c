/*
 * Looking into a guest that does not run: its memory, its registers, its call
 * stack. All of it is the guest's word.
 */
#include <string.h>

#include "abi/layout.h"
#include "base/error.h"
#include "elf/parse.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"

mote_status mti_inspect_allowed(const mote_sandbox *box, mote_error *err)
{
	static const char *const operation = "inspect sandbox";

	if (box->flags & MOTE_SANDBOX_NO_DUMP)
		return mti_error_set(err, MOTE_E_STATE, operation,
				     "the sandbox was made with "
				     "MOTE_SANDBOX_NO_DUMP");
	if (!box->vm)
		return mti_error_set(err, MOTE_E_STATE, operation,
				     "a restore that failed has left nothing "
				     "of the guest");
	return MOTE_OK;
}

struct mti_virtual mti_inspect_space(mote_sandbox *box)
{
	const struct mti_cow *cow = box->memory.cow;

	if (mti_is_bare(box->image))
		return mti_bare_space(box);
	return (struct mti_virtual){
		.pt = box->image->arch->pt,
		.memory = &box->memory,
		.window = &box->window,
		.root = cow ? mti_cow_root(cow) :
			      box->template->layout.page_table_gpa,
	};
}

size_t mti_inspect_read(mote_sandbox *box, uint64_t address, void *buffer,
			size_t size)
{
	const struct mti_virtual space = mti_inspect_space(box);

	return mti_virtual_read(&space, address, buffer, size);
}

/* Stopped between an exception and the exit of its stub: see fault.c. */
static void leave_stub(const mote_sandbox *box, mote_fault *fault)
{
	const struct mti_arch *arch = box->image->arch;
	const struct mti_region *frame =
		&box->template->layout.regions[MTI_AREA_INTERRUPT_STACK];
	const struct mti_trap trap = {
		.stack_end = (const uint8_t *)mti_memory_region(&box->memory,
								frame) +
			     frame->size,
	};
	uint64_t pc = fault->registers[arch->pc_register];

	if (pc >= MOTE_GVA_SUPERVISOR &&
	    pc - MOTE_GVA_SUPERVISOR < MOTE_PAGE_SIZE)
		arch->fault(&trap, fault);
}

/* What of the CPU a debugger sees, or the general registers only. */
static mote_status current_registers(mote_sandbox *box, mote_fault *fault,
				     mote_error *err)
{
	struct mti_machine machine;
	mote_status status = mti_ops_of(box)->machine_get(box->vm, &machine,
							  err);

	if (status != MOTE_OK)
		return status;
	memcpy(fault->registers, machine.general, sizeof(fault->registers));
	return MOTE_OK;
}

mote_status mti_inspect_registers(mote_sandbox *box, uint64_t *general,
				  mote_error *err)
{
	const mote_error *last = &box->last.error;
	mote_fault fault = { 0 };
	mote_status status = MOTE_OK;

	if (mti_is_bare(box->image))
		return mti_bare_registers(box, general, err);
	if (last->code == MOTE_E_GUEST_FAULT &&
	    last->fault.register_count > 0) {
		fault = last->fault;
	} else {
		status = current_registers(box, &fault, err);
		if (status == MOTE_OK)
			leave_stub(box, &fault);
	}
	memcpy(general, fault.registers, sizeof(fault.registers));
	return status;
}

struct walk {
	const mote_sandbox *box;
	struct mti_virtual space;
};

static bool is_code(void *context, uint64_t address)
{
	const struct walk *walk = context;

	return mti_elf_executable(&walk->box->image->elf, address) ||
	       (address >= MOTE_GVA_SYSCALL &&
		address - MOTE_GVA_SYSCALL < MOTE_PAGE_SIZE);
}

static bool read_memory(void *context, uint64_t address, void *buffer,
			size_t size)
{
	const struct walk *walk = context;

	return mti_virtual_read(&walk->space, address, buffer, size) == size;
}

mote_status mti_inspect_running(mote_sandbox *box, uint64_t *general,
				mote_error *err)
{
	mote_fault fault = { 0 };
	uint64_t unused;
	mote_status status;

	status = mti_ops_of(box)->registers(box->vm, &fault, &unused, err);
	if (status != MOTE_OK)
		return status;
	leave_stub(box, &fault);
	memcpy(general, fault.registers, sizeof(fault.registers));
	return MOTE_OK;
}

mote_status mti_inspect_unwind_from(mote_sandbox *box, const uint64_t *general,
				    struct mti_unwind_frame *frames, size_t max,
				    size_t *count, mote_error *err)
{
	struct walk walk = {
		.box = box,
		.space = mti_inspect_space(box),
	};
	struct mti_unwind_guest guest = {
		.arch = box->image->arch,
		.context = &walk,
		.read = read_memory,
		.code = is_code,
	};
	mote_status status = mti_image_debug(box->image, &guest.info, err);

	if (status == MOTE_OK)
		*count = mti_unwind(&guest, general, frames, max);
	return status;
}

mote_status mti_inspect_unwind(mote_sandbox *box,
			       struct mti_unwind_frame *frames, size_t max,
			       size_t *count, mote_error *err)
{
	const mote_error *last = &box->last.error;
	uint64_t general[MOTE_FAULT_REGISTERS_MAX];
	mote_status status;

	if (mti_is_bare(box->image))
		return mti_bare_unwind(box, frames, max, count, err);
	status = mti_inspect_registers(box, general, err);
	if (status == MOTE_OK)
		status = mti_inspect_unwind_from(box, general, frames, max,
						 count, err);
	if (status == MOTE_OK && last->code == MOTE_E_GUEST_FAULT &&
	    last->fault.kind == MOTE_FAULT_ABORT)
		*count = mti_unwind_from(frames, *count, last->fault.pc);
	return status;
}
