#include "hv/port.h"

#include "abi/layout.h"
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

/* In the page of the exception vectors; a hostile EL1 may do anything. */
static void fault_bell(const struct mti_doorbell_access *access,
		       uint32_t offset, struct mti_exit *exit)
{
	if (!access->write || access->size != 4 || offset % 4 != 0 ||
	    offset / 4 >= MOTE_DOORBELL_VECTORS) {
		bad_io(exit, "the guest misused the doorbell of faults at",
		       offset);
		return;
	}
	exit->kind = MTI_EXIT_FAULT;
	exit->number = offset / 4;
}

bool mti_doorbell_exit(const struct mti_doorbell_access *access,
		       struct mti_exit *exit)
{
	uint64_t page = access->gpa & ~(uint64_t)(MOTE_PAGE_SIZE - 1);
	uint32_t offset = (uint32_t)(access->gpa & (MOTE_PAGE_SIZE - 1));
	struct mti_port_access port = {
		.port = offset,
		.size = access->size,
		.out = access->write,
		.value = access->value,
	};

	if (page == MOTE_GPA_DOORBELL_FAULT)
		fault_bell(access, offset, exit);
	else if (page != MOTE_GPA_DOORBELL)
		return false;
	else if (access->write && offset < MOTE_PORT_FIRST)
		/* Ports of faults are not for user mode. */
		bad_io(exit, "the guest wrote to port", offset);
	else
		mti_port_exit(&port, exit);
	return true;
}

bool mti_port_has_arguments(uint32_t port)
{
	return port == MOTE_PORT_READY || port == MOTE_PORT_ABORT ||
	       port == MOTE_PORT_SERVICE;
}
