/*
 * What the ports of abi/trap.h mean, the same for every backend: an I/O exit
 * as a hypervisor reports it becomes a struct mti_exit. Pure.
 */
#ifndef MTI_HV_PORT_H
#define MTI_HV_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/hv.h"

struct mti_port_access {
	uint32_t port;
	uint32_t size;	    /* bytes: 1, 2 or 4 */
	bool out;	    /* else `in` */
	bool repeated;	    /* one of several, of a string instruction */
	uint32_t value;	    /* written, zero-extended */
	uint64_t argument0; /* the guest's argument registers */
	uint64_t argument1;
};

/* MTI_EXIT_PORT, MTI_EXIT_FAULT or MTI_EXIT_BAD_IO; the guest may have lied. */
void mti_port_exit(const struct mti_port_access *access, struct mti_exit *exit);

/* A load or store of AArch64 where there is no memory. */
struct mti_doorbell_access {
	uint64_t gpa;
	uint32_t size; /* bytes */
	bool write;
	uint32_t value; /* written, zero-extended */
};

/*
 * The same for these; arguments are left to the caller. false: it is not in
 * a doorbell page.
 */
bool mti_doorbell_exit(const struct mti_doorbell_access *access,
		       struct mti_exit *exit);
/* Whether the registers beside the value mean anything. */
bool mti_port_has_arguments(uint32_t port);

#endif
