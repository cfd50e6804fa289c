/*
 * A virtual machine that runs cases, and what came out of one.
 */
#ifndef DIFF_TARGET_H
#define DIFF_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "case.h"
#include "harness/machine.h"

struct diff_result {
	bool endless; /* it was stopped: nothing else is filled */
	enum mti_exit_kind kind;
	uint32_t number;
	uint32_t value;
	char text[80];
	uint64_t detail;
	/* MTI_EXIT_FAULT */
	mote_fault_kind fault;
	uint64_t error_code;
	uint64_t address; /* CR2 */
	/* MTI_EXIT_PORT and MTI_EXIT_FAULT, as the guest had them. */
	bool has_registers;
	uint64_t general[20];
	uint8_t fxsave[DIFF_FXSAVE_BYTES];
};

enum diff_origin {
	DIFF_USED,     /* one VM runs all cases */
	DIFF_FRESH,    /* a new one for each */
	DIFF_RESTORED, /* as a sandbox restores it in between */
};

struct diff_target {
	char name[32];
	enum diff_origin origin;
	const struct mti_hv_ops *ops;
	struct machine machine;
	struct mti_machine initial;
	/* There may be translated code of an earlier case. */
	bool used[DIFF_SLOTS];
	uint64_t base; /* of the last case's code */
};

/* name: of a backend, then nothing, "+fresh" or "+restored". */
const struct mti_hv_ops *diff_backend(const char *name,
				      enum diff_origin *origin);

void diff_target_open(struct diff_target *target, const char *name);
void diff_target_close(struct diff_target *target);

/* All memory that a guest may write, and the code, as the case begins. */
void diff_target_reset(struct diff_target *target,
		       const struct diff_case *test);
void diff_target_run(struct diff_target *target, const struct diff_case *test,
		     unsigned int patience, struct diff_result *result);

/* The first difference in what a guest may write. */
struct diff_memory {
	uint64_t gva;
	uint8_t bytes[2][8]; /* of each target, around it */
};
/* Whether there is none. */
bool diff_target_compare(const struct diff_target *a,
			 const struct diff_target *b,
			 struct diff_memory *memory);

/* Kicks a run that takes more than patience ticks of 20 ms. */
void diff_clock_start(void);

#endif
