/* What tests/vm/test_bare.c makes bare-cases and bare-cases64 do. */
#ifndef BARE_CASES_H
#define BARE_CASES_H

/* Lies in the image before the number, for the test to find and change. */
#define CASE_MARK "case of the test"

enum bare_case {
	CASE_EXIT,	  /* with 42 */
	CASE_HALT,
	CASE_SPIN,	  /* for ever, interrupts off */
	CASE_TRIPLE,	  /* an exception without a descriptor table */
	CASE_LOOP,	  /* an exception whose handler returns to it */
	CASE_CR3,	  /* page tables outside memory */
	CASE_MSR_DENIED,  /* reads one: exits with the vector */
	CASE_MSR_WRITE,	  /* writes one that is denied: the vector */
	CASE_MSR_KEPT,	  /* prints STAR and KERNEL_GS_BASE, sets them */
	CASE_APIC,	  /* writes over the end of scratch */
	CASE_HOLE,	  /* writes behind the image */
	CASE_STORM,	  /* prints for ever */
	CASE_POLL,	  /* reads a port for ever */
	CASE_PORT,	  /* writes to one that is not there */
	CASE_PORT_SIZE,	  /* exits with a byte */
	CASE_STRING,	  /* string instructions on ports */
	CASE_CPUID,	  /* exits with how much it finds that is not for it */
	CASE_SELF,	  /* changes its own code and prints what it was */
	CASE_SNAPSHOT,	  /* see the test */
	CASE_SCRATCH,	  /* prints and checks the structure of memory */
	CASE_SERIAL,	  /* what drivers do to find out that it works */
	CASE_STDERR,
	CASE_VECTOR,	  /* snapshots, with state in xmm0, dr0 and MSRs */
	CASE_FRAMES,	  /* crashes some calls deep */
	CASE_GROW,	  /* writes all of its free memory */
	CASE_WRITES,	  /* writes one page more often than a ring holds */
	CASE_IRET,	  /* an IRET without a change of rights: 43 */
	CASE_MOVD,	  /* a register to xmm0 and back: 44 */
	CASE_GROW_ON,	  /* the same slowly, and again, for ever */
	CASE_CR8,	  /* 64 bits: CR8 at first, and 7 << 8 if it stays */
	CASE_CODE_L,	  /* 32 bits: a snapshot in a segment of 64-bit code */
	CASE_REMAP,	  /* 64 bits: prints what is mapped, before and after */
	CASE_VMCALL,	  /* a hypercall of Intel's: the vector, or 7 */
	CASE_VMMCALL,	  /* and of AMD's */
	CASE_LEAVES,	  /* a sum of CPUID; prints what it must not say */
};

#endif
