/*
 * What the caller is told of a guest that crashed.
 */
#include "base/error.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"

static void read_registers(mote_sandbox *box, mote_fault *fault,
			   uint64_t *fault_address)
{
	fault->machine = box->image->arch->machine;
	if (mti_is_bare(box->image)) {
		(void)mti_bare_fault(box, fault);
		return;
	}
	/* A fault without registers is still worth reporting. */
	*fault_address = 0;
	if (box->image->engine->ops->registers(box->vm, fault, fault_address,
					       NULL) != MOTE_OK)
		fault->register_count = 0;
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

void mti_fault_read(mote_sandbox *box, uint32_t vector, mote_fault *fault)
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

	read_registers(box, fault, &trap.address);
	box->image->arch->fault(&trap, fault);
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

	read_registers(box, &fault, &unused);
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
	const struct mti_arch *arch = &mti_arch_amd64;

	if (fault->machine == mti_arch_i686.machine)
		arch = &mti_arch_i686;
	if (fault->machine != arch->machine || index >= arch->register_count ||
	    index >= fault->register_count)
		return NULL;
	return arch->register_names[index];
}
