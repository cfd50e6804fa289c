#include "rt/rt.h"

#include <signal.h>

#include "abi/trap.h"
#include "port.h"

void mote_rt_exit(uint32_t port, uint32_t value, uint64_t argument)
{
	mote_rt_clock_leave();
	port_out(port, value, argument);
	mote_rt_clock_enter();
}

void mote_rt_leave(uint32_t port, uint32_t value, uint64_t argument)
{
	mote_rt_clock_leave();
	port_out(port, value, argument);
	/* The host does not come back here. */
	__builtin_trap();
}

/*
 * The address of the call, so that the host names the caller even where the
 * call is the last instruction of a function.
 */
void mote_rt_abort(const void *return_address)
{
	mote_rt_die(SIGABRT, cpu_call_before(return_address));
}

void mote_rt_die(int signal, const void *pc)
{
	mote_rt_leave(MOTE_PORT_ABORT, (uint32_t)signal, (uintptr_t)pc);
}
