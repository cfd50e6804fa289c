#include "hv/port.h"

#include "abi/trap.h"

static void bad_io(struct mti_exit *exit, const char *text, uint64_t detail)
{
	exit->kind = MTI_EXIT_BAD_IO;
	exit->text = text;
	exit->detail = detail;
}

void mti_port_exit(const struct mti_port_access *access, struct mti_exit *exit)
{
	uint32_t port = access->port;

	if (!access->out) {
		bad_io(exit, "the guest read from port", port);
	} else if (access->repeated) {
		bad_io(exit, "the guest used a string instruction on port",
		       port);
	} else if (port >= MOTE_PORT_FAULT &&
		   port < MOTE_PORT_FAULT + MOTE_FAULT_VECTORS &&
		   access->size == 1) {
		exit->kind = MTI_EXIT_FAULT;
		exit->number = port - MOTE_PORT_FAULT;
	} else if (port < MOTE_PORT_FIRST || port > MOTE_PORT_SERVICE ||
		   port % 4 != 0) {
		bad_io(exit, "the guest wrote to port", port);
	} else if (access->size != 4) {
		bad_io(exit, "the guest wrote other than 4 bytes to port",
		       port);
	} else {
		exit->kind = MTI_EXIT_PORT;
		exit->number = port;
		exit->value = access->value;
		exit->argument0 = access->argument0;
		exit->argument1 = access->argument1;
	}
}
