/*
 * What the caller is told of a guest that crashed.
 */
#include "base/error.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"

static mote_status read_registers(mote_sandbox *box, mote_fault *fault,
				  uint64_t *fault_address, mote_error *err)
{
	mote_status status;

	fault->machine = box->image->arch->machine;
	*fault_address = 0;
	/* A fault without registers is still worth reporting. */
	if (mti_is_bare(box->image)) {
		(void)mti_bare_fault(box, fault);
		return MOTE_OK;
	}
	status = mti_ops_of(box)->registers(box->vm, fault, fault_address, err);
	if (status != MOTE_OK)
		fault->register_count = 0;
	return status;
}

static bool has_address(const mote_fault *fault)
{
	switch (fault->kind) {
	case MOTE_FAULT_READ:
	case MOTE_FAULT_WRITE:
	case MOTE_FAULT_EXECUTE:
	case MOTE_FAULT_NULL_POINTER:
	case MOTE_FAULT_STACK_OVERFLOW:
		return true;
	default:
		return false;
	}
}

mote_status mti_fault_take(mote_sandbox *box, uint32_t vector,
			   mote_fault *fault, mote_error *err)
{
	const struct mti_region *regions = box->template->layout.regions;
	const struct mti_region *stack = &regions[MTI_AREA_STACK];
	const struct mti_region *frame = &regions[MTI_AREA_INTERRUPT_STACK];
	struct mti_trap trap = {
		.vector = vector,
		.stack_end = (const uint8_t *)mti_memory_region(&box->memory,
								frame) +
			     frame->size,
		.guard = stack->gva - MTI_STACK_GUARD_BYTES,
		.stack = stack->gva,
	};
	mote_status status;

	status = read_registers(box, fault, &trap.address, err);
	box->image->arch->fault(&trap, fault);
	return status;
}

void mti_fault_read(mote_sandbox *box, uint32_t vector, mote_fault *fault)
{
	/* A fault without registers is still worth reporting. */
	(void)mti_fault_take(box, vector, fault, NULL);
}

mote_status mti_fault_report(mote_sandbox *box, uint32_t vector,
			     mote_error *err)
{
	mote_fault fault = { 0 };
	const char *text;

	mti_fault_read(box, vector, &fault);
	text = mote_fault_text((mote_fault_kind)fault.kind);
	if (has_address(&fault))
		mti_error_set(err, MOTE_E_GUEST_FAULT, "run guest",
			      "%s, address 0x%llx, at 0x%llx", text,
			      (unsigned long long)fault.address,
			      (unsigned long long)fault.pc);
	else
		mti_error_set(err, MOTE_E_GUEST_FAULT, "run guest",
			      "%s, at 0x%llx", text,
			      (unsigned long long)fault.pc);
	mti_error_put_fault(err, &fault);
	mti_observe_fault(box, &fault);
	return MOTE_E_GUEST_FAULT;
}

mote_status mti_fault_other(mote_sandbox *box, mote_fault_kind kind,
			    const char *text, uint64_t detail,
			    const uint64_t *pc, mote_error *err)
{
	mote_fault fault = { 0 };
	uint64_t unused;

	(void)read_registers(box, &fault, &unused, NULL);
	fault.kind = kind;
	fault.vector = UINT32_MAX;
	if (!mti_is_bare(box->image))
		fault.pc = pc ? *pc :
				fault.registers[box->image->arch->pc_register];
	mti_error_set(err, MOTE_E_GUEST_FAULT, "run guest",
		      "%s: %s 0x%llx, at 0x%llx", mote_fault_text(kind), text,
		      (unsigned long long)detail,
		      (unsigned long long)fault.pc);
	mti_error_put_fault(err, &fault);
	mti_observe_fault(box, &fault);
	return MOTE_E_GUEST_FAULT;
}

const char *mti_fault_register_name(const mote_fault *fault, uint32_t index)
{
	const struct mti_arch *arch = mti_arch_find(fault->machine);

	if (!arch)
		arch = mti_arch_find_bare(fault->machine);
	if (!arch || index >= arch->register_count ||
	    index >= fault->register_count)
		return NULL;
	return arch->register_names[index];
}
