/*
 * Looking into a bare guest. All of it is the guest's word, page tables and
 * the registers that name them included.
 */
#include <string.h>

#include "arch/bare.h"
#include "base/error.h"
#include "debug/unwind.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"

/* Index of mti_bare_state.general. */
#define RBP 6
#define RIP 16
/* Where the CPU of a VM that was reset stands. */
#define RESET_IP 0xfff0u
#define RESET_CS UINT64_C(0xffff0000)

static bool read_cpu(mote_sandbox *box, struct mti_bare_state *state)
{
	mote_status status = mti_ops_of(box)->bare_get(box->vm, state, NULL);

	return status == MOTE_OK || status == MOTE_E_GUEST_FAULT;
}

/* Some hypervisors reset the CPU at a triple fault. */
static bool is_lost(const struct mti_bare_state *state)
{
	return state->general[RIP] == RESET_IP &&
	       state->segments[MTI_BARE_CS].base == RESET_CS;
}

bool mti_bare_fault(mote_sandbox *box, mote_fault *fault)
{
	const struct mti_arch *arch = box->image->arch;
	struct mti_bare_state state;

	fault->machine = arch->machine;
	if (!read_cpu(box, &state) || is_lost(&state))
		return false;
	fault->register_count = arch->register_count;
	arch->bare_registers(&state, fault->registers);
	fault->pc = mti_bare_pc(&state);
	return true;
}

struct mti_virtual mti_bare_space(mote_sandbox *box)
{
	struct mti_bare_state state = { .cr0 = 0 };
	struct mti_virtual space = {
		.memory = &box->memory,
		.window = &box->window,
	};

	if (read_cpu(box, &state))
		space.pt = mti_bare_paging(&state, &space.root);
	return space;
}

mote_status mti_bare_registers(mote_sandbox *box, uint64_t *general,
			       mote_error *err)
{
	const mote_error *last = &box->last.error;
	mote_fault fault = { 0 };

	if (last->code == MOTE_E_GUEST_FAULT)
		fault = last->fault;
	else
		(void)mti_bare_fault(box, &fault);
	if (fault.register_count == 0)
		return mti_error_set(err, MOTE_E_STATE, "read registers",
				     "the hypervisor has reset the CPU");
	memcpy(general, fault.registers, sizeof(fault.registers));
	return MOTE_OK;
}

/* Two words: the caller's frame pointer and where it goes on. */
static bool read_frame(const struct mti_virtual *space, bool wide, uint64_t at,
		       uint64_t words[2])
{
	uint32_t narrow[2];

	if (wide)
		return mti_virtual_read(space, at, words, 16) == 16;
	if (mti_virtual_read(space, at, narrow, 8) != 8)
		return false;
	words[0] = narrow[0];
	words[1] = narrow[1];
	return true;
}

mote_status mti_bare_unwind(mote_sandbox *box, struct mti_unwind_frame *frames,
			    size_t max, size_t *count, mote_error *err)
{
	bool wide = box->image->elf.bare_mode == MOTE_BARE_LONG;
	struct mti_virtual space = mti_bare_space(box);
	struct mti_bare_state state;
	uint64_t words[2];
	uint64_t at;

	if (!read_cpu(box, &state) || is_lost(&state))
		return mti_error_set(err, MOTE_E_STATE, "backtrace",
				     "the hypervisor has reset the CPU");
	at = state.general[RBP];
	frames[0].pc = mti_bare_pc(&state);
	frames[0].returns = false;
	*count = 1;
	while (*count < max && read_frame(&space, wide, at, words) &&
	       words[1] != 0) {
		frames[*count].pc = words[1];
		frames[*count].returns = true;
		++*count;
		/* Frames lie behind each other. */
		if (words[0] <= at)
			break;
		at = words[0];
	}
	return MOTE_OK;
}
