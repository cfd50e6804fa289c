#include <mote/error.h>

#include "sandbox/sandbox.h"

const char *mote_fault_register_name(const mote_fault *fault, uint32_t index)
{
	return fault ? mti_fault_register_name(fault, index) : NULL;
}
