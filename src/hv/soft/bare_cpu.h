/*
 * The bare CPU, for the files bare*.c only.
 *
 * Unicorn delivers no exception through the guest's IDT, before 2.1 uses
 * memory at the virtual address whatever the page tables say, knows no NX,
 * and has no hook for most instructions of a supervisor. So it is used as an
 * arithmetic unit only: it runs flat, without paging and at CPL 0, and all
 * that it fetches, reads and writes goes through callbacks, because its
 * memory is mapped with no rights at all:
 *
 *	a fetch is given the bytes that the MMU here (bare_mmu.c) finds, and
 *	they are remembered; before each instruction what it was translated
 *	from is compared with what is there now, so that no code is ever
 *	stale, whichever way it was written to or mapped;
 *
 *	a read puts what the guest's memory has where Unicorn then reads; a
 *	write goes to the guest's memory and is lost in Unicorn's;
 *
 *	what is sensitive, and some that no CPU takes but that end Unicorn's
 *	process, Unicorn sees as UD2;
 *
 *	before each instruction comes the hook that also looks for a kick, and
 *	stops at every instruction that is sensitive (bare_decode.c): loads of
 *	segments, far transfers, flags, I/O, control registers. These are
 *	emulated here (bare_system.c, bare_segment.c, bare_far.c), and
 *	exceptions delivered (bare_trap.c).
 *
 * Thus changes of CR3, CPL or mode cost nothing in Unicorn. An instruction
 * that faults is undone with the registers as they were at its access that
 * failed: QEMU's translation changes none before its last access.
 *
 * What is not as on a real CPU: limits of segments count for tables, TSS and
 * IDT only; debug registers are kept, but break nothing; no alignment checks;
 * far calls through gates, task switches and virtual-8086 mode end the run
 * with MTI_EXIT_MACHINE.
 */
#ifndef MTI_HV_SOFT_BARE_CPU_H
#define MTI_HV_SOFT_BARE_CPU_H

#include <stdatomic.h>
#include <unicorn/unicorn.h>

#include "hv/soft/bare.h"

#define PAGE_BYTES 4096u
#define PAGE_MASK (PAGE_BYTES - 1)
#define PHYSICAL_BITS 48u /* of addresses, as CPUID says */

#define CR0_PE UINT64_C(0x1)
#define CR0_MP UINT64_C(0x2)
#define CR0_EM UINT64_C(0x4)
#define CR0_TS UINT64_C(0x8)
#define CR0_ET UINT64_C(0x10)
#define CR0_NE UINT64_C(0x20)
#define CR0_WP UINT64_C(0x10000)
#define CR0_AM UINT64_C(0x40000)
#define CR0_NW UINT64_C(0x20000000)
#define CR0_CD UINT64_C(0x40000000)
#define CR0_PG UINT64_C(0x80000000)
#define CR0_ALL                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP |        \
	 CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR4_PSE UINT64_C(0x10)
#define CR4_PAE UINT64_C(0x20)
#define CR4_PGE UINT64_C(0x80)
#define CR4_OSFXSR UINT64_C(0x200)
#define CR4_OSXMMEXCPT UINT64_C(0x400)
/* VME, PVI, DE, MCE, PCE: allowed, as they change nothing that is here. */
#define CR4_ALL                                                                \
	(UINT64_C(0x14b) | CR4_PSE | CR4_PAE | CR4_PGE | CR4_OSFXSR |          \
	 CR4_OSXMMEXCPT)
#define EFER_SCE UINT64_C(0x1)
#define EFER_LME UINT64_C(0x100)
#define EFER_LMA UINT64_C(0x400)
#define EFER_NXE UINT64_C(0x800)
#define EFER_ALL (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

#define FLAG_ONE UINT64_C(0x2)
#define FLAGS_PLAIN UINT64_C(0xcd5) /* that any instruction may change */
#define FLAG_ZF UINT64_C(0x40)
#define FLAG_TF UINT64_C(0x100)
#define FLAG_IF UINT64_C(0x200)
#define FLAG_DF UINT64_C(0x400)
#define FLAG_OF UINT64_C(0x800)
#define FLAG_IOPL UINT64_C(0x3000)
#define FLAG_NT UINT64_C(0x4000)
#define FLAG_RF UINT64_C(0x10000)
#define FLAG_VM UINT64_C(0x20000)
#define FLAG_AC UINT64_C(0x40000)
#define FLAG_ID UINT64_C(0x200000)
#define FLAGS_ALL                                                              \
	(FLAGS_PLAIN | FLAG_ONE | FLAG_TF | FLAG_IF | FLAG_IOPL | FLAG_NT |    \
	 FLAG_RF | FLAG_AC | FLAG_ID)

/* struct mti_bare_segment.attributes */
#define SEG_TYPE 0xfu
#define SEG_ACCESSED 0x1u
#define SEG_WRITABLE 0x2u /* of data; of code: readable */
#define SEG_CONFORMING 0x4u
#define SEG_CODE 0x8u
#define SEG_S 0x10u
#define SEG_DPL_SHIFT 5
#define SEG_PRESENT 0x80u
#define SEG_LONG 0x2000u
#define SEG_BIG 0x4000u
#define SEG_GRANULAR 0x8000u
#define SEG_ALL 0xf0ffu

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, REGISTERS = 16 };

enum {
	DE = 0,
	DB = 1,
	BP = 3,
	OF = 4,
	UD = 6,
	NM = 7,
	DF = 8,
	TS = 10,
	NP = 11,
	SS = 12,
	GP = 13,
	PF = 14
};

/* What an instruction, or a part of it, ends in instead of being done. */
struct trap {
	int vector; /* -1: text says why the machine cannot go on */
	uint32_t error;
	uint64_t cr2; /* of a page fault */
	const char *text;
	uint64_t detail;
};

/* Why Unicorn stopped. */
enum stop {
	STOP_NONE,
	STOP_KICK,
	STOP_EMULATE,	/* before a sensitive instruction */
	STOP_EXCEPTION, /* cpu->vector, by Unicorn */
	STOP_TRAP,	/* cpu->trap, by an access */
	STOP_STALE,	/* code was not what it was translated from */
	STOP_ROOM,	/* no place for more of the address space */
	STOP_STEP,	/* one instruction was done */
	STOP_FULL,	/* the engine has taken as much memory as it may */
};

/* The page tables' answer for one page; those of an older turn are void. */
struct tlb_entry {
	uint64_t page; /* its linear address */
	uint64_t turn;
	uint8_t *host;
	bool writable;
	bool executable;
};

#define TLB_ENTRIES 256

/* What Unicorn has translated code from, in one page. */
struct code_page {
	uint64_t page;
	bool used;
	uint8_t bytes[PAGE_BYTES];
	uint8_t known[PAGE_BYTES]; /* for each byte: it was fetched */
};

#define CODE_SETS 16
#define CODE_WAYS 4

/*
 * Unicorn's memory: pieces of the linear address space, of which it has the
 * last `slots` that were used. Host memory is only touched where it reads.
 */
#define SLOT_BYTES (UINT64_C(4) << 20)
#define SLOTS 64
#define SLOT_PAGES (SLOTS * (uint32_t)(SLOT_BYTES / PAGE_BYTES))

struct engine {
	uc_engine *unicorn; /* NULL: was not needed */
	uc_context *context;
	uint8_t *memory; /* SLOTS * SLOT_BYTES */
	uint64_t slots[SLOTS];
	uint32_t slot_count;
	/* Pages of memory that were written since it was given back. */
	uint32_t touched;
	uint8_t touched_map[SLOT_PAGES / 8];
	uint32_t translated; /* bytes */
	/* The last instruction that was stale; nothing has run since. */
	bool stalled;
	uint64_t stalled_at;
	struct code_page *code;
	const struct code_page *last; /* that was looked at */
	uint32_t victim[CODE_SETS];
	bool is_long;
	/* What it has loaded. */
	bool loaded;
	uint64_t bases[6];
	bool big[2]; /* code and stack */
	uint64_t cr0;
	uint64_t cr4;
};

/* The legacy region of an XSAVE area (SDM 1, 10.5.1). */
#define FX_BYTES 512

struct mti_soft_bare {
	const struct mti_allocator *allocator;
	struct mti_vm_range ranges[MTI_VM_RANGES_MAX];
	uint32_t range_count;
	atomic_bool kicked;
	bool is_set;

	/* While Unicorn runs, the general registers and flags are its. */
	uint64_t regs[REGISTERS];
	uint64_t rip;
	uint64_t rflags;
	struct mti_bare_segment segments[MTI_BARE_SEGMENTS];
	struct mti_bare_segment gdt;
	struct mti_bare_segment idt;
	uint64_t cr0;
	uint64_t cr2;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
	uint64_t dr[4];
	uint64_t dr6;
	uint64_t dr7;
	uint64_t msrs[MTI_BARE_MSRS];
	uint8_t fx[FX_BYTES]; /* unless an engine has it: */
	struct engine *fx_owner;

	struct trap trap;
	struct tlb_entry tlb[2][TLB_ENTRIES]; /* supervisor, user */
	uint64_t turn;

	struct engine engines[2]; /* 16 and 32 bits; 64 bits */
	struct engine *engine;	  /* that runs, or ran last */
	enum stop stop;
	int vector;
	uint64_t linear; /* of the instruction that runs */
	/* The instruction that is being translated; none: it starts anew. */
	bool translating;
	bool hidden;	    /* from Unicorn */
	uint64_t insn;	    /* where it starts */
	uint64_t insn_next; /* and ends */
	uint64_t fetched;   /* up to here */
	/* Where the last one was fetched, while Unicorn runs. */
	const uint8_t *code_host;
	uint64_t code_page;
	bool aborted; /* it is being given up; context is saved */
	bool stale;   /* a translation has seen other bytes than before */
	uint64_t stale_page;
	bool stale_more; /* and in other pages, too */
	bool stepped;
	bool loading; /* Unicorn reads the descriptor that comes next */
	uint32_t descriptor[2];

	/* An IN that the next entry completes. */
	bool in_pending;
	bool in_string;
	uint8_t in_size;
	uint8_t in_address; /* bytes of an address */
	bool in_repeated;
	uint32_t in_count;
	uint32_t in_length; /* of the instruction */
	uint8_t io[PAGE_BYTES];
};

/* ------------------------------------------------------------ bare_mmu.c */

enum access {
	ACCESS_READ = 0,
	ACCESS_WRITE = 1,
	ACCESS_FETCH = 2,
	ACCESS_SYSTEM = 4, /* by the CPU: as a supervisor, whatever the CPL */
};

/* All below that are bool: false, and bare->trap says why. */
bool mti_bare_read(struct mti_soft_bare *bare, uint64_t linear, void *bytes,
		   size_t size, unsigned int access);
/* All or nothing; size is at most a page. */
bool mti_bare_write(struct mti_soft_bare *bare, uint64_t linear,
		    const void *bytes, size_t size, unsigned int access);
/* Whether all of it could be written; at most a page. */
bool mti_bare_probe(struct mti_soft_bare *bare, uint64_t linear, size_t size,
		    unsigned int access);
/* The host memory of a byte and what follows in its page. */
uint8_t *mti_bare_host(struct mti_soft_bare *bare, uint64_t linear,
		       unsigned int access);
/* What CRs, EFER or tables say has changed. */
void mti_bare_forget(struct mti_soft_bare *bare);

/* ----------------------------------------------------------- bare_code.c */

/* How many of the bytes there, at most 15, can be fetched. */
size_t mti_bare_fetch(struct mti_soft_bare *bare, uint64_t linear,
		      uint8_t *bytes);
/* What a translation gets, and is remembered. */
void mti_bare_translate(struct mti_soft_bare *bare, struct engine *engine,
			uint64_t linear, uint8_t *bytes, size_t size);
/* Whether an instruction is still what it was translated from. */
bool mti_bare_is_fresh(struct engine *engine, uint64_t linear,
		       const uint8_t *bytes, size_t size);
void mti_bare_forget_code(struct engine *engine, uint64_t page);

/* --------------------------------------------------------- bare_engine.c */

/* Runs plain instructions; bare->stop says why no more. */
mote_status mti_bare_execute(struct mti_soft_bare *bare, mote_error *err);
void mti_bare_close(struct mti_soft_bare *bare);
/* bare->fx becomes what the CPU has. */
void mti_bare_take_fx(struct mti_soft_bare *bare);

/* --------------------------------------------------------- bare_decode.c */

struct insn {
	uint8_t length;
	uint8_t operand; /* bytes: 2, 4, 8 */
	uint8_t address;
	uint8_t rex;
	uint8_t repeat;	 /* 0, 0xf2, 0xf3 */
	int8_t override; /* a segment, or -1 */
	bool lock;
	uint16_t opcode; /* 0x0f00 for those of two bytes */
	uint8_t mod;
	uint8_t reg; /* with REX */
	uint8_t rm;  /* with REX; of a register */
	int segment; /* of the memory operand */
	uint64_t offset;
	uint64_t immediate;
	uint16_t selector; /* of a far pointer in the code */
};

/* Whether Unicorn must not run it; bytes may end in the middle. */
bool mti_bare_is_sensitive(const uint8_t *bytes, size_t size, bool is_long,
			   bool big);
bool mti_bare_is_prefix(uint8_t byte, bool is_long);
/* Its length; bad: #UD, or #GP for its length. big: 32 bits by default. */
size_t mti_bare_measure(const uint8_t *bytes, size_t size, bool is_long,
			bool big, bool *bad);
/* The instruction at rip. */
bool mti_bare_decode(struct mti_soft_bare *bare, struct insn *insn);
uint64_t mti_bare_operand_linear(struct mti_soft_bare *bare,
				 const struct insn *insn, uint64_t more);
/* Register or memory, of that many bytes. */
bool mti_bare_get_operand(struct mti_soft_bare *bare, const struct insn *insn,
			  unsigned int size, uint64_t *value);
bool mti_bare_put_operand(struct mti_soft_bare *bare, const struct insn *insn,
			  unsigned int size, uint64_t value);
void mti_bare_put_register(struct mti_soft_bare *bare, unsigned int index,
			   unsigned int size, uint64_t value);

/* ----------------------------------------------------------- the emulator */

/*
 * One sensitive instruction; *left: the CPU leaves the guest, with this exit.
 */
bool mti_bare_emulate(struct mti_soft_bare *bare, struct mti_exit *exit,
		      bool *left);
bool mti_bare_control(struct mti_soft_bare *bare, const struct insn *insn);
bool mti_bare_msr(struct mti_soft_bare *bare, const struct insn *insn);
bool mti_bare_tables(struct mti_soft_bare *bare, const struct insn *insn);
bool mti_bare_cpuid(struct mti_soft_bare *bare);
bool mti_bare_complete_in(struct mti_soft_bare *bare);
bool mti_bare_move_segment(struct mti_soft_bare *bare, const struct insn *insn);
bool mti_bare_far(struct mti_soft_bare *bare, const struct insn *insn);
bool mti_bare_iret(struct mti_soft_bare *bare, const struct insn *insn);
bool mti_bare_fast_call(struct mti_soft_bare *bare, const struct insn *insn);

/* Checks that the control registers go together. */
bool mti_bare_crs_valid(uint64_t cr0, uint64_t cr4, uint64_t efer);

/* -------------------------------------------------------- bare_segment.c */

struct descriptor {
	struct mti_bare_segment segment; /* its selector as it was given */
	uint64_t linear;		 /* where it lies */
	uint32_t low;
	uint32_t high;
};

bool mti_bare_descriptor(struct mti_soft_bare *bare, uint16_t selector,
			 uint32_t ext, struct descriptor *out);
bool mti_bare_mark_accessed(struct mti_soft_bare *bare,
			    struct descriptor *descriptor);
bool mti_bare_load_segment(struct mti_soft_bare *bare, int which,
			   uint16_t selector);
/* SS for this CPL; errors are of that vector. */
bool mti_bare_stack_segment(struct mti_soft_bare *bare, uint16_t selector,
			    unsigned int cpl, int vector, uint32_t ext,
			    struct mti_bare_segment *out);
bool mti_bare_load_system(struct mti_soft_bare *bare, uint16_t selector,
			  bool task);
/* Data segments that the CPL no longer allows become null. */
void mti_bare_drop_segments(struct mti_soft_bare *bare);

/* ----------------------------------------------------------- bare_trap.c */

/* Delivers; false: bare->trap is MTI_EXIT_MACHINE's. */
bool mti_bare_raise(struct mti_soft_bare *bare, const struct trap *trap);
bool mti_bare_software_interrupt(struct mti_soft_bare *bare, int vector);

/* ---------------------------------------------------------------- small */

static inline bool mti_bare_trap(struct mti_soft_bare *bare, int vector,
				 uint32_t error)
{
	bare->trap = (struct trap){ .vector = vector, .error = error };
	return false;
}

static inline bool mti_bare_stuck(struct mti_soft_bare *bare, const char *text,
				  uint64_t detail)
{
	bare->trap =
		(struct trap){ .vector = -1, .text = text, .detail = detail };
	return false;
}

static inline bool mti_bare_is_protected(const struct mti_soft_bare *bare)
{
	return bare->cr0 & CR0_PE;
}

/* IA-32e mode, whatever the code segment. */
static inline bool mti_bare_is_ia32e(const struct mti_soft_bare *bare)
{
	return bare->efer & EFER_LMA;
}

static inline bool mti_bare_is_long(const struct mti_soft_bare *bare)
{
	return mti_bare_is_ia32e(bare) &&
	       (bare->segments[MTI_BARE_CS].attributes & SEG_LONG);
}

static inline unsigned int mti_bare_dpl(const struct mti_bare_segment *segment)
{
	return (segment->attributes >> SEG_DPL_SHIFT) & 3u;
}

/* That of SS, as in a VMCS (SDM 3C, 25.4.1). */
static inline unsigned int mti_bare_cpl(const struct mti_soft_bare *bare)
{
	if (!mti_bare_is_protected(bare))
		return 0;
	return mti_bare_dpl(&bare->segments[MTI_BARE_SS]);
}

static inline uint64_t mti_bare_mask(unsigned int size)
{
	return size == 8 ? UINT64_MAX : (UINT64_C(1) << (size * 8)) - 1;
}

/* Bytes of the stack pointer. */
static inline unsigned int mti_bare_stack_size(const struct mti_soft_bare *bare)
{
	if (mti_bare_is_long(bare))
		return 8;
	return bare->segments[MTI_BARE_SS].attributes & SEG_BIG ? 4 : 2;
}

static inline bool mti_bare_is_canonical(uint64_t linear)
{
	return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

#endif
