#include <mote/mote.h>

#include "sandbox/sandbox.h"

mote_status mote_host_call_fail(mote_host_call *call, int32_t code,
				const char *text)
{
	if (!call)
		return MOTE_E_INVALID;
	mti_host_fail(call, code, text ? text : "");
	return MOTE_E_GUEST_ERROR;
}

void *mote_host_call_alloc(mote_host_call *call, size_t size)
{
	return call ? mti_host_alloc(call, size) : NULL;
}
