/*
 * Unicorn as the arithmetic unit of a bare CPU (bare_cpu.h says how): one for
 * 16- and 32-bit code, one for 64-bit code, made when first needed.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "hv/soft/bare_cpu.h"
#include "hv/soft/soft.h"
#include "os/os.h"

/* Pages of memory for Unicorn to read, 4 MiB: then they are given back. */
#define TOUCHED_MAX 1024u
/* Bytes of code that were translated: each takes some 100 of host memory. */
#define TRANSLATED_MAX (1u << 18)
/* Where descriptors are read from; any address. */
#define TABLE UINT64_C(0)
#define SELECTOR 8
#define INSN_MAX 15
/* No code is ever there. */
#define NOWHERE UINT64_C(0x8000000000000000)

static const int names[] = {
	UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
	UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
	UC_X86_REG_R8,	UC_X86_REG_R9,	UC_X86_REG_R10, UC_X86_REG_R11,
	UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15,
};

static const int short_names[] = {
	UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
	UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI,
};

/* In the order of enum mti_bare_register. */
static const int segment_names[] = {
	UC_X86_REG_CS, UC_X86_REG_SS, UC_X86_REG_DS,
	UC_X86_REG_ES, UC_X86_REG_FS, UC_X86_REG_GS,
};

/* ---------------------------------------------------------------- memory */

static bool add_slot(struct engine *engine, uint64_t linear)
{
	uint64_t base = linear & ~(SLOT_BYTES - 1);
	uint32_t slot = engine->slot_count;

	if (slot == SLOTS)
		return false;
	if (uc_mem_map_ptr(engine->unicorn, base, SLOT_BYTES, UC_PROT_NONE,
			   engine->memory + slot * SLOT_BYTES) != UC_ERR_OK)
		return false;
	/* Only this makes it drop writes, instead of looking for code. */
	(void)uc_mem_protect(engine->unicorn, base, SLOT_BYTES, UC_PROT_NONE);
	engine->slots[slot] = base;
	engine->slot_count++;
	return true;
}

/* Where Unicorn reads what is at that address; NULL: nowhere. */
static uint8_t *place(const struct engine *engine, uint64_t linear)
{
	uint64_t base = linear & ~(SLOT_BYTES - 1);
	uint32_t i;

	for (i = engine->slot_count; i > 0; i--)
		if (engine->slots[i - 1] == base)
			return engine->memory + (i - 1) * SLOT_BYTES +
			       (linear - base);
	return NULL;
}

/* Bytes, all in one page, for Unicorn to read; nowhere: not yet. */
static void fill(struct engine *engine, uint64_t linear, const void *bytes,
		 size_t size)
{
	uint8_t *to = place(engine, linear);
	size_t page;
	uint8_t bit;

	if (!to)
		return;
	page = (size_t)(to - engine->memory) / PAGE_BYTES;
	bit = (uint8_t)(1u << page % 8);
	if (!(engine->touched_map[page / 8] & bit)) {
		engine->touched_map[page / 8] |= bit;
		engine->touched++;
	}
	memcpy(to, bytes, size);
}

static bool is_full(const struct engine *engine)
{
	return engine->touched > TOUCHED_MAX ||
	       engine->translated > TRANSLATED_MAX;
}

/*
 * A page's translations go. To drop all at once would take Unicorn
 * milliseconds, and dropped ones still take memory: see TRANSLATED_MAX.
 */
static void drop_code(struct engine *engine, uint64_t linear)
{
	uint64_t page = linear & ~(uint64_t)PAGE_MASK;

	if (!place(engine, page))
		return;
	(void)uc_ctl(engine->unicorn, UC_CTL_WRITE(UC_CTL_TB_REMOVE_CACHE, 2),
		     page, page + PAGE_BYTES);
	mti_bare_forget_code(engine, page);
}

/* ------------------------------------------------------------- callbacks */

static void stop(struct mti_soft_bare *bare, uc_engine *unicorn, enum stop why)
{
	if (bare->stop == STOP_NONE)
		bare->stop = why;
	(void)uc_emu_stop(unicorn);
}

/*
 * Gives up the instruction that is being done. After a write Unicorn first
 * finishes it, so what it was like is kept.
 */
static bool give_up(struct mti_soft_bare *bare, enum stop why)
{
	struct engine *engine = bare->engine;

	if (!bare->aborted) {
		bare->aborted = true;
		(void)uc_context_save(engine->unicorn, engine->context);
	}
	stop(bare, engine->unicorn, why);
	return false;
}

static bool on_read(struct mti_soft_bare *bare, uint64_t linear, size_t size)
{
	struct engine *engine = bare->engine;
	size_t i;

	if (bare->loading) {
		fill(engine, linear, &bare->descriptor[(linear & 4) != 0], 4);
		return true;
	}
	/* What is in the next slot is asked for again when that is there. */
	for (i = 0; i < size;) {
		size_t part = PAGE_BYTES - (size_t)((linear + i) & PAGE_MASK);
		const uint8_t *host;

		if (part > size - i)
			part = size - i;
		host = mti_bare_host(bare, linear + i, ACCESS_READ);
		if (!host)
			return give_up(bare, STOP_TRAP);
		fill(engine, linear + i, host, part);
		i += part;
	}
	return true;
}

static bool on_access(uc_engine *unicorn, uc_mem_type type, uint64_t linear,
		      int size, int64_t value, void *user)
{
	struct mti_soft_bare *bare = user;

	(void)unicorn;
	if (bare->aborted)
		return false;
	if (size < 0 || size > 64)
		return give_up(bare, STOP_NONE);
	if (type == UC_MEM_READ_UNMAPPED || type == UC_MEM_WRITE_UNMAPPED ||
	    type == UC_MEM_FETCH_UNMAPPED) {
		if (!add_slot(bare->engine, linear))
			return give_up(bare, STOP_ROOM);
		return true;
	}
	switch (type) {
	case UC_MEM_FETCH_PROT: {
		uint8_t bytes[64];
		size_t i;

		mti_bare_translate(bare, bare->engine, linear, bytes,
				   (size_t)size);
		for (i = 0; i < (size_t)size; i++)
			fill(bare->engine, linear + i, &bytes[i], 1);
		return true;
	}
	case UC_MEM_WRITE_PROT:
		if (size > 8 ||
		    !mti_bare_write(bare, linear, &value, (size_t)size, 0))
			return give_up(bare, STOP_TRAP);
		return true;
	default:
		return on_read(bare, linear, (size_t)size);
	}
}

/* The slow way, which also finds out why it cannot be fetched. */
static const uint8_t *fetch(struct mti_soft_bare *bare, uint64_t linear,
			    uint32_t size, uint8_t *bytes, size_t *count)
{
	*count = mti_bare_fetch(bare, linear, bytes);
	if (*count == 0 ||
	    (size <= INSN_MAX && *count < size &&
	     !mti_bare_host(bare, linear + *count, ACCESS_FETCH)))
		return NULL;
	/* For the next one, which is likely to be near. */
	bare->code_page = linear & ~(uint64_t)PAGE_MASK;
	bare->code_host = mti_bare_host(bare, bare->code_page, ACCESS_FETCH);
	return bytes;
}

/* Looks at what comes next; whether it may run, or why not. */
static enum stop inspect(struct mti_soft_bare *bare, uint64_t linear,
			 uint32_t size)
{
	size_t offset = (size_t)(linear & PAGE_MASK);
	size_t count = INSN_MAX;
	const uint8_t *bytes;
	uint8_t copy[INSN_MAX];

	if (bare->code_host && linear - offset == bare->code_page &&
	    offset <= PAGE_BYTES - INSN_MAX)
		bytes = bare->code_host + offset;
	else
		bytes = fetch(bare, linear, size, copy, &count);
	if (!bytes)
		return STOP_TRAP;
	if (bare->stale || !mti_bare_is_fresh(bare->engine, linear, bytes,
					      size <= count ? size : 1))
		return STOP_STALE;
	if (mti_bare_is_sensitive(bytes, count, bare->engine->is_long,
				  bare->segments[MTI_BARE_CS].attributes &
					  SEG_BIG))
		return STOP_EMULATE;
	return STOP_NONE;
}

/* Before each instruction. */
static void on_code(uc_engine *unicorn, uint64_t linear, uint32_t size,
		    void *user)
{
	struct mti_soft_bare *bare = user;
	enum stop why;

	if (bare->stop != STOP_NONE || bare->aborted) {
		stop(bare, unicorn, bare->stop);
		return;
	}
	bare->linear = linear;
	bare->translating = false;
	if (atomic_load_explicit(&bare->kicked, memory_order_relaxed)) {
		stop(bare, unicorn, STOP_KICK);
		return;
	}
	if (bare->rflags & FLAG_TF) {
		if (bare->stepped) {
			stop(bare, unicorn, STOP_STEP);
			return;
		}
		bare->stepped = true;
	}
	if (is_full(bare->engine)) {
		stop(bare, unicorn, STOP_FULL);
		return;
	}
	why = inspect(bare, linear, size);
	if (why != STOP_STALE)
		bare->engine->stalled = false;
	if (why != STOP_NONE)
		stop(bare, unicorn, why);
}

static void on_exception(uc_engine *unicorn, uint32_t number, void *user)
{
	struct mti_soft_bare *bare = user;

	bare->vector = (int)number;
	stop(bare, unicorn, STOP_EXCEPTION);
}

/* Only because there is one does Unicorn ask for every access. */
static void on_nothing(uc_engine *unicorn, uc_mem_type type, uint64_t linear,
		       int size, int64_t value, void *user)
{
	(void)unicorn;
	(void)type;
	(void)linear;
	(void)size;
	(void)value;
	(void)user;
}

/* ------------------------------------------------------ making an engine */

typedef void (*callback)(void);

static uc_err hook(struct mti_soft_bare *bare, uc_engine *unicorn, int type,
		   callback function, uint64_t first, uint64_t last)
{
	uc_hook hook;
	void *pointer;

	/* The API wants a function in a void pointer. */
	memcpy(&pointer, &function, sizeof(pointer));
	return uc_hook_add(unicorn, &hook, type, pointer, bare, first, last);
}

static uc_err set_up(struct mti_soft_bare *bare, struct engine *engine)
{
	uc_x86_mmr gdt = { .base = TABLE, .limit = 0xffff };
	uc_engine *unicorn = engine->unicorn;
	uc_err error = uc_ctl_exits_enable(unicorn);

	if (error == UC_ERR_OK)
		error = uc_context_alloc(unicorn, &engine->context);
	if (error == UC_ERR_OK)
		error = hook(bare, unicorn, UC_HOOK_CODE, (callback)on_code, 1,
			     0);
	if (error == UC_ERR_OK)
		error = hook(bare, unicorn, UC_HOOK_INTR,
			     (callback)on_exception, 1, 0);
	if (error == UC_ERR_OK)
		error = hook(bare, unicorn, UC_HOOK_MEM_INVALID,
			     (callback)on_access, 1, 0);
	if (error == UC_ERR_OK)
		error = hook(bare, unicorn, UC_HOOK_MEM_READ,
			     (callback)on_nothing, NOWHERE, NOWHERE);
	if (error == UC_ERR_OK)
		error = uc_reg_write(unicorn, UC_X86_REG_GDTR, &gdt);
	return error;
}

static void close_engine(struct mti_soft_bare *bare, struct engine *engine)
{
	if (engine->context)
		(void)uc_context_free(engine->context);
	if (engine->unicorn)
		(void)uc_close(engine->unicorn);
	if (engine->memory)
		mti_os_unmap(engine->memory, SLOTS * SLOT_BYTES);
	mti_free(bare->allocator, engine->code);
	*engine = (struct engine){ .unicorn = NULL };
}

static mote_status open_engine(struct mti_soft_bare *bare,
			       struct engine *engine, bool is_long,
			       mote_error *err)
{
	void *memory = NULL;
	mote_status status;
	uc_err error;
	int failed;

	engine->is_long = is_long;
	engine->code = mti_alloc(bare->allocator, (size_t)CODE_SETS * CODE_WAYS,
				 sizeof(*engine->code));
	if (!engine->code)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "soft.bare",
				     "no memory for the software CPU's code");
	failed = mti_os_reserve(SLOTS * SLOT_BYTES, &memory);
	if (failed) {
		close_engine(bare, engine);
		return mti_error_os(err, MOTE_E_NO_MEMORY, "soft.bare", -failed,
				    "memory for the software CPU");
	}
	engine->memory = memory;
	status = mti_soft_open(UC_ARCH_X86, is_long ? UC_MODE_64 : UC_MODE_32,
			       &engine->unicorn, err);
	if (status != MOTE_OK) {
		close_engine(bare, engine);
		return status;
	}
	error = set_up(bare, engine);
	if (error != UC_ERR_OK) {
		close_engine(bare, engine);
		return mti_error_set(err, MOTE_E_NO_MEMORY, "soft.bare",
				     "a software CPU cannot be made: %s",
				     uc_strerror(error));
	}
	return MOTE_OK;
}

void mti_bare_close(struct mti_soft_bare *bare)
{
	close_engine(bare, &bare->engines[0]);
	close_engine(bare, &bare->engines[1]);
	bare->engine = NULL;
	bare->fx_owner = NULL;
}

/* ------------------------------------------------------------- registers */

/* Offsets in the legacy region (SDM 1, table 10-2). */
#define FX_CONTROL 0
#define FX_STATUS 2
#define FX_TAGS 4
#define FX_MXCSR 24
#define FX_ST 32
#define FX_XMM 160

void mti_bare_take_fx(struct mti_soft_bare *bare)
{
	struct engine *engine = bare->fx_owner;
	uint8_t *fx = bare->fx;
	uint16_t tags = 0;
	uint16_t status = 0;
	uint8_t full = 0;
	unsigned int i;

	if (!engine)
		return;
	bare->fx_owner = NULL;
	(void)uc_reg_read(engine->unicorn, UC_X86_REG_FPCW, fx + FX_CONTROL);
	(void)uc_reg_read(engine->unicorn, UC_X86_REG_FPSW, &status);
	memcpy(fx + FX_STATUS, &status, sizeof(status));
	(void)uc_reg_read(engine->unicorn, UC_X86_REG_FPTAG, &tags);
	for (i = 0; i < 8; i++)
		if (((tags >> (2 * i)) & 3) != 3)
			full |= (uint8_t)(1u << i);
	fx[FX_TAGS] = full;
	(void)uc_reg_read(engine->unicorn, UC_X86_REG_MXCSR, fx + FX_MXCSR);
	/* Registers by number; in the area they are by their place. */
	for (i = 0; i < 8; i++) {
		unsigned int at = (i - (status >> 11)) & 7;

		(void)uc_reg_read(engine->unicorn, UC_X86_REG_FP0 + (int)i,
				  fx + FX_ST + at * 16);
	}
	for (i = 0; i < (engine->is_long ? 16u : 8u); i++)
		(void)uc_reg_read(engine->unicorn, UC_X86_REG_XMM0 + (int)i,
				  fx + FX_XMM + i * 16);
}

static void give_fx(struct mti_soft_bare *bare, struct engine *engine)
{
	const uint8_t *fx = bare->fx;
	uint16_t tags = 0;
	uint16_t status;
	unsigned int i;

	if (bare->fx_owner == engine)
		return;
	mti_bare_take_fx(bare);
	bare->fx_owner = engine;
	memcpy(&status, fx + FX_STATUS, sizeof(status));
	for (i = 0; i < 8; i++)
		if (!(fx[FX_TAGS] & 1u << i))
			tags |= (uint16_t)(3u << (2 * i));
	(void)uc_reg_write(engine->unicorn, UC_X86_REG_FPCW, fx + FX_CONTROL);
	(void)uc_reg_write(engine->unicorn, UC_X86_REG_FPSW, &status);
	(void)uc_reg_write(engine->unicorn, UC_X86_REG_FPTAG, &tags);
	(void)uc_reg_write(engine->unicorn, UC_X86_REG_MXCSR, fx + FX_MXCSR);
	for (i = 0; i < 8; i++) {
		unsigned int at = (i - (status >> 11)) & 7;

		(void)uc_reg_write(engine->unicorn, UC_X86_REG_FP0 + (int)i,
				   fx + FX_ST + at * 16);
	}
	for (i = 0; i < (engine->is_long ? 16u : 8u); i++)
		(void)uc_reg_write(engine->unicorn, UC_X86_REG_XMM0 + (int)i,
				   fx + FX_XMM + i * 16);
}

/* A flat descriptor of ring 0 with that base. */
static void make_descriptor(uint32_t *descriptor, uint64_t base, bool code,
			    bool big)
{
	descriptor[0] = 0xffff | (uint32_t)base << 16;
	descriptor[1] = (uint32_t)(base >> 16 & 0xff) |
			(uint32_t)(base & 0xff000000) |
			(code ? 0x8f9b00 : 0x8f9300) | (big ? 0x400000 : 0);
}

static bool load_segment(struct mti_soft_bare *bare, struct engine *engine,
			 int which, bool big)
{
	uint16_t selector = SELECTOR;
	uc_err error;

	make_descriptor(bare->descriptor, bare->segments[which].base,
			which == MTI_BARE_CS, big);
	bare->loading = true;
	error = uc_reg_write(engine->unicorn, segment_names[which], &selector);
	bare->loading = false;
	return error == UC_ERR_OK;
}

static bool load_segments(struct mti_soft_bare *bare, struct engine *engine)
{
	int i;

	/* Should a read in there fail, Unicorn would jump to nowhere. */
	if (!place(engine, TABLE) && !add_slot(engine, TABLE))
		return false;
	for (i = MTI_BARE_CS; i <= MTI_BARE_GS; i++) {
		const struct mti_bare_segment *segment = &bare->segments[i];
		bool sized = i == MTI_BARE_CS || i == MTI_BARE_SS;
		bool big = sized && (segment->attributes & SEG_BIG);

		if (engine->loaded && engine->bases[i] == segment->base &&
		    (!sized || engine->big[i] == big))
			continue;
		if (!load_segment(bare, engine, i, big))
			return false;
		engine->bases[i] = segment->base;
		if (sized)
			engine->big[i] = big;
	}
	return true;
}

/* The parts of control registers that plain instructions depend on. */
static void load_controls(const struct mti_soft_bare *bare,
			  struct engine *engine)
{
	uint64_t cr0 = CR0_PE | CR0_ET |
		       (bare->cr0 & (CR0_MP | CR0_EM | CR0_TS | CR0_NE));
	uint64_t cr4 = bare->cr4 & (CR4_OSFXSR | CR4_OSXMMEXCPT);

	if (!engine->loaded || engine->cr0 != cr0)
		(void)uc_reg_write(engine->unicorn, UC_X86_REG_CR0, &cr0);
	if (!engine->loaded || engine->cr4 != cr4)
		(void)uc_reg_write(engine->unicorn, UC_X86_REG_CR4, &cr4);
	engine->cr0 = cr0;
	engine->cr4 = cr4;
}

static bool load(struct mti_soft_bare *bare, struct engine *engine)
{
	uint64_t flags = (bare->rflags & FLAGS_PLAIN) | FLAG_ONE;
	unsigned int i;

	load_controls(bare, engine);
	if (engine->is_long) {
		(void)uc_reg_write(engine->unicorn, UC_X86_REG_FS_BASE,
				   &bare->segments[MTI_BARE_FS].base);
		(void)uc_reg_write(engine->unicorn, UC_X86_REG_GS_BASE,
				   &bare->segments[MTI_BARE_GS].base);
		for (i = 0; i < REGISTERS; i++)
			(void)uc_reg_write(engine->unicorn, names[i],
					   &bare->regs[i]);
	} else {
		if (!load_segments(bare, engine))
			return false;
		for (i = 0; i < 8; i++)
			(void)uc_reg_write(engine->unicorn, short_names[i],
					   &bare->regs[i]);
	}
	(void)uc_reg_write(engine->unicorn, UC_X86_REG_EFLAGS, &flags);
	give_fx(bare, engine);
	engine->loaded = true;
	return true;
}

static void store(struct mti_soft_bare *bare, struct engine *engine)
{
	uint64_t flags = 0;
	unsigned int i;

	if (bare->aborted)
		(void)uc_context_restore(engine->unicorn, engine->context);
	if (engine->is_long) {
		for (i = 0; i < REGISTERS; i++)
			(void)uc_reg_read(engine->unicorn, names[i],
					  &bare->regs[i]);
		bare->rip = bare->linear;
	} else {
		/* The upper halves are not seen, nor kept, by this code. */
		for (i = 0; i < 8; i++) {
			bare->regs[i] = 0;
			(void)uc_reg_read(engine->unicorn, short_names[i],
					  &bare->regs[i]);
		}
		bare->rip = (uint32_t)(bare->linear -
				       bare->segments[MTI_BARE_CS].base);
	}
	(void)uc_reg_read(engine->unicorn, UC_X86_REG_EFLAGS, &flags);
	bare->rflags = (bare->rflags & ~FLAGS_PLAIN) | (flags & FLAGS_PLAIN);
}

/* --------------------------------------------------------------- running */

/* What stopped Unicorn without one of the callbacks. */
static void explain(struct mti_soft_bare *bare, uc_err error)
{
	if (bare->stop != STOP_NONE)
		return;
	if (error == UC_ERR_INSN_INVALID) {
		bare->vector = UD;
		bare->stop = STOP_EXCEPTION;
		return;
	}
	(void)mti_bare_stuck(bare, "the software CPU stopped, error",
			     (uint64_t)error);
	bare->stop = STOP_TRAP;
}

/*
 * Whether the instruction was stale before, and is still: Unicorn drops no
 * translation whose page it has not in its TLB, and does not say so.
 */
static bool is_stalled(const struct mti_soft_bare *bare, struct engine *engine)
{
	bool again = engine->stalled && engine->stalled_at == bare->linear;

	if (bare->stop != STOP_STALE)
		return false;
	engine->stalled = true;
	engine->stalled_at = bare->linear;
	return again;
}

static void tidy(struct mti_soft_bare *bare, struct engine *engine)
{
	bool room = bare->stop == STOP_ROOM;
	bool anew;

	anew = room || bare->stale_more || is_stalled(bare, engine) ||
	       engine->translated > TRANSLATED_MAX;
	/* Why it is not valid may change with the next bytes. */
	if (bare->stop == STOP_STALE ||
	    (bare->stop == STOP_EXCEPTION && bare->vector == UD)) {
		drop_code(engine, bare->linear);
		drop_code(engine, bare->linear + INSN_MAX - 1);
	}
	if (bare->stale)
		drop_code(engine, bare->stale_page);
	bare->stale = false;
	bare->stale_more = false;
	if (anew) {
		/* As new. */
		mti_bare_take_fx(bare);
		close_engine(bare, engine);
		if (room)
			bare->stop = STOP_STALE;
		return;
	}
	if (engine->touched > TOUCHED_MAX) {
		engine->touched = 0;
		memset(engine->touched_map, 0, sizeof(engine->touched_map));
		(void)mti_os_discard(engine->memory, SLOTS * SLOT_BYTES);
	}
}

mote_status mti_bare_execute(struct mti_soft_bare *bare, mote_error *err)
{
	bool is_long = mti_bare_is_long(bare);
	struct engine *engine = &bare->engines[is_long];
	mote_status status;
	uc_err error;

	bare->stop = STOP_NONE;
	bare->aborted = false;
	bare->stepped = false;
	bare->code_host = NULL;
	bare->translating = false;
	if (!engine->unicorn) {
		status = open_engine(bare, engine, is_long, err);
		if (status != MOTE_OK)
			return status;
	}
	bare->engine = engine;
	if (!load(bare, engine))
		return mti_error_set(err, MOTE_E_NO_MEMORY, "soft.bare",
				     "the software CPU takes no segments");
	bare->linear = is_long ? bare->rip
			       : (uint32_t)(bare->rip +
					    bare->segments[MTI_BARE_CS].base);
	error = uc_emu_start(engine->unicorn, bare->rip, NOWHERE, 0, 0);
	store(bare, engine);
	explain(bare, error);
	tidy(bare, engine);
	return MOTE_OK;
}
