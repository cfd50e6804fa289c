/*
 * gdb's x86-64 register file over the general registers and the XSAVE area.
 *
 * The features are those of GDB manual, "i386 Features"; the names, sizes
 * and order in each are what gdb 13 prints for a native x86-64 process.
 */
#include <elf.h>
#include <string.h>

#include "abi/layout.h"
#include "arch/amd64/boot.h"
#include "arch/amd64/trap.h"
#include "debug/gdb/layout.h"

/* FXSAVE format (SDM 1, table 10-2), and the XSAVE header behind it. */
#define FX_CONTROL 0
#define FX_STATUS 2
#define FX_TAG 4
#define FX_OPCODE 6
#define FX_INSTRUCTION 8
#define FX_OPERAND 16
#define FX_MXCSR 24
#define FX_MXCSR_MASK 28
#define FX_STACK 32
#define FX_XMM 160
#define XSTATE_BV 512
#define LEGACY_BYTES 576

#define COMPONENT_X87 0
#define COMPONENT_SSE 1
#define COMPONENT_AVX 2
#define COMPONENT_OPMASK 5
#define COMPONENT_ZMM_HIGH 6  /* upper halves of ZMM0-15 */
#define COMPONENT_ZMM_LATER 7 /* ZMM16-31 */

#define USER_LIMIT (UINT64_C(1) << 47)
/* CF PF AF ZF SF DF OF AC ID; TF is the stub's. */
#define FLAGS_WRITABLE 0x240cd5u

enum place {
	GENERAL, /* at: index of the first */
	FLAGS,
	SEGMENT,  /* at: what it always is */
	CONSTANT, /* all ones, at is ignored */
	X87_CONTROL, /* at: a number below */
	STATE, /* at: offset in the component */
};

enum { CONTROL, STATUS, TAG, CODE_SEGMENT, CODE, DATA_SEGMENT, DATA, OPCODE };

#define CORE "org.gnu.gdb.i386.core"
#define SSE "org.gnu.gdb.i386.sse"
#define LINUX "org.gnu.gdb.i386.linux"
#define SEGMENTS "org.gnu.gdb.i386.segments"
#define AVX "org.gnu.gdb.i386.avx"
#define AVX512 "org.gnu.gdb.i386.avx512"

#define ONE MTI_GDB_ONE

/* In gdb's order; the features at the end may be absent. */
static const struct mti_gdb_run runs[] = {
	ONE(CORE, "rax", "int64", 8, GENERAL, MTI_RAX),
	ONE(CORE, "rbx", "int64", 8, GENERAL, MTI_RBX),
	ONE(CORE, "rcx", "int64", 8, GENERAL, MTI_RCX),
	ONE(CORE, "rdx", "int64", 8, GENERAL, MTI_RDX),
	ONE(CORE, "rsi", "int64", 8, GENERAL, MTI_RSI),
	ONE(CORE, "rdi", "int64", 8, GENERAL, MTI_RDI),
	ONE(CORE, "rbp", "data_ptr", 8, GENERAL, MTI_RBP),
	ONE(CORE, "rsp", "data_ptr", 8, GENERAL, MTI_RSP),
	{ CORE, "r", "", "int64", 8, 8, 8, GENERAL, MTI_R8, 0, 0 },
	ONE(CORE, "rip", "code_ptr", 8, GENERAL, MTI_RIP),
	ONE(CORE, "eflags", "i386_eflags", 4, FLAGS, 0),
	ONE(CORE, "cs", "int32", 4, SEGMENT, MTI_SELECTOR_USER_CODE),
	ONE(CORE, "ss", "int32", 4, SEGMENT, MTI_SELECTOR_USER_DATA),
	ONE(CORE, "ds", "int32", 4, SEGMENT, MTI_SELECTOR_USER_DATA),
	ONE(CORE, "es", "int32", 4, SEGMENT, MTI_SELECTOR_USER_DATA),
	ONE(CORE, "fs", "int32", 4, SEGMENT, MTI_SELECTOR_USER_DATA),
	ONE(CORE, "gs", "int32", 4, SEGMENT, MTI_SELECTOR_USER_DATA),
	{ CORE, "st", "", "i387_ext", 0, 8, 10, STATE, FX_STACK,
	  COMPONENT_X87, 16 },
	ONE(CORE, "fctrl", "int", 4, X87_CONTROL, CONTROL),
	ONE(CORE, "fstat", "int", 4, X87_CONTROL, STATUS),
	ONE(CORE, "ftag", "int", 4, X87_CONTROL, TAG),
	ONE(CORE, "fiseg", "int", 4, X87_CONTROL, CODE_SEGMENT),
	ONE(CORE, "fioff", "int", 4, X87_CONTROL, CODE),
	ONE(CORE, "foseg", "int", 4, X87_CONTROL, DATA_SEGMENT),
	ONE(CORE, "fooff", "int", 4, X87_CONTROL, DATA),
	ONE(CORE, "fop", "int", 4, X87_CONTROL, OPCODE),
	{ SSE, "xmm", "", "vec128", 0, 16, 16, STATE, FX_XMM, COMPONENT_SSE,
	  16 },
	{ SSE, "mxcsr", "", "i386_mxcsr", 0, 1, 4, STATE, FX_MXCSR,
	  COMPONENT_SSE, 0 },
	/* gdb takes a target for Linux, and so for PIE, only with this. */
	ONE(LINUX, "orig_rax", "int", 8, CONSTANT, 0),
	ONE(SEGMENTS, "fs_base", "int", 8, GENERAL, MTI_FS_BASE),
	ONE(SEGMENTS, "gs_base", "int", 8, GENERAL, MTI_GS_BASE),
	{ AVX, "ymm", "h", "uint128", 0, 16, 16, STATE, 0, COMPONENT_AVX, 16 },
	{ AVX512, "xmm", "", "vec128", 16, 16, 16, STATE, 0,
	  COMPONENT_ZMM_LATER, 64 },
	{ AVX512, "ymm", "h", "uint128", 16, 16, 16, STATE, 16,
	  COMPONENT_ZMM_LATER, 64 },
	{ AVX512, "k", "", "uint64", 0, 8, 8, STATE, 0, COMPONENT_OPMASK, 8 },
	{ AVX512, "zmm", "h", "v2ui128", 0, 16, 32, STATE, 0,
	  COMPONENT_ZMM_HIGH, 32 },
	{ AVX512, "zmm", "h", "v2ui128", 16, 16, 32, STATE, 32,
	  COMPONENT_ZMM_LATER, 64 },
};

static bool has_component(const struct mti_gdb_registers *registers,
			  uint32_t component, uint32_t bytes)
{
	uint32_t at = registers->component[component];

	return at >= LEGACY_BYTES && at <= registers->vector_size &&
	       bytes <= registers->vector_size - at;
}

static bool has(const struct mti_gdb_registers *registers,
		const struct mti_gdb_run *run)
{
	if (strcmp(run->feature, AVX) == 0)
		return has_component(registers, COMPONENT_AVX, 256);
	if (strcmp(run->feature, AVX512) == 0)
		return has_component(registers, COMPONENT_AVX, 256) &&
		       has_component(registers, COMPONENT_OPMASK, 64) &&
		       has_component(registers, COMPONENT_ZMM_HIGH, 512) &&
		       has_component(registers, COMPONENT_ZMM_LATER, 1024);
	return true;
}

static uint64_t load(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

/* The x87 tag of a register that is not empty (SDM 1, 8.1.7). */
static uint32_t tag_of(const uint8_t *number)
{
	uint64_t mantissa = load(number, 8);
	uint64_t exponent = load(number + 8, 2) & 0x7fff;

	if (exponent == 0)
		return mantissa == 0 ? 1 : 2;
	if (exponent == 0x7fff || !(mantissa >> 63))
		return 2;
	return 0;
}

/* FXSAVE keeps one bit for each: whether it is in use. */
static uint32_t full_tag(const uint8_t *vector)
{
	uint32_t used = vector[FX_TAG];
	uint32_t top = (uint32_t)load(vector + FX_STATUS, 2) >> 11 & 7;
	uint32_t tags = 0;
	uint32_t i;

	for (i = 0; i < 8; i++) {
		uint32_t tag = 3;

		if (used & 1u << i)
			tag = tag_of(vector + FX_STACK + (i - top) % 8 * 16);
		tags |= tag << (2 * i);
	}
	return tags;
}

static uint8_t short_tag(uint32_t tags)
{
	uint8_t used = 0;
	int i;

	for (i = 0; i < 8; i++)
		if ((tags >> (2 * i) & 3) != 3)
			used |= (uint8_t)(1u << i);
	return used;
}

static uint32_t control_get(const uint8_t *vector, uint32_t which)
{
	switch (which) {
	case CONTROL:
		return (uint32_t)load(vector + FX_CONTROL, 2);
	case STATUS:
		return (uint32_t)load(vector + FX_STATUS, 2);
	case TAG:
		return full_tag(vector);
	case CODE_SEGMENT:
		return (uint32_t)load(vector + FX_INSTRUCTION + 4, 2);
	case CODE:
		return (uint32_t)load(vector + FX_INSTRUCTION, 4);
	case DATA_SEGMENT:
		return (uint32_t)load(vector + FX_OPERAND + 4, 2);
	case DATA:
		return (uint32_t)load(vector + FX_OPERAND, 4);
	default:
		return (uint32_t)load(vector + FX_OPCODE, 2) & 0x7ff;
	}
}

static void control_set(uint8_t *vector, uint32_t which, uint32_t value)
{
	switch (which) {
	case CONTROL:
		memcpy(vector + FX_CONTROL, &value, 2);
		break;
	case STATUS:
		memcpy(vector + FX_STATUS, &value, 2);
		break;
	case TAG:
		vector[FX_TAG] = short_tag(value);
		break;
	case CODE_SEGMENT:
		memcpy(vector + FX_INSTRUCTION + 4, &value, 2);
		break;
	case CODE:
		memcpy(vector + FX_INSTRUCTION, &value, 4);
		break;
	case DATA_SEGMENT:
		memcpy(vector + FX_OPERAND + 4, &value, 2);
		break;
	case DATA:
		memcpy(vector + FX_OPERAND, &value, 4);
		break;
	default:
		value &= 0x7ff;
		memcpy(vector + FX_OPCODE, &value, 2);
		break;
	}
}

/* The two that lie in the legacy part have their offset in `at`. */
static uint32_t state_offset(const struct mti_gdb_registers *registers,
			     const struct mti_gdb_run *run, uint32_t index)
{
	uint32_t base = run->component < COMPONENT_AVX
				? 0
				: registers->component[run->component];

	return base + run->at + index * run->stride;
}

static void get(const struct mti_gdb_registers *registers,
		const struct mti_gdb_run *run, uint32_t index, uint8_t *value)
{
	uint32_t word;

	switch (run->place) {
	case GENERAL:
		memcpy(value, &registers->general[run->at + index], 8);
		break;
	case FLAGS:
		memcpy(value, &registers->general[MTI_RFLAGS], 4);
		break;
	case SEGMENT:
		word = run->at;
		memcpy(value, &word, 4);
		break;
	case X87_CONTROL:
		word = control_get(registers->vector, run->at);
		memcpy(value, &word, 4);
		break;
	case STATE:
		memcpy(value,
		       registers->vector + state_offset(registers, run, index),
		       run->bytes);
		break;
	case CONSTANT:
	default:
		memset(value, 0xff, run->bytes);
		break;
	}
}

/* Addresses that user mode cannot have make the CPU refuse to enter. */
static bool general_set(struct mti_gdb_registers *registers, uint32_t index,
			uint64_t value)
{
	if ((index == MTI_RIP || index == MTI_FS_BASE ||
	     index == MTI_GS_BASE) &&
	    value >= USER_LIMIT)
		return false;
	registers->general[index] = value;
	return true;
}

static void mark(struct mti_gdb_registers *registers, uint32_t component)
{
	uint64_t in_use = load(registers->vector + XSTATE_BV, 8);

	in_use |= UINT64_C(1) << component;
	memcpy(registers->vector + XSTATE_BV, &in_use, 8);
}

static bool state_set(struct mti_gdb_registers *registers,
		      const struct mti_gdb_run *run, uint32_t index,
		      const uint8_t *value)
{
	uint32_t at = state_offset(registers, run, index);

	if (at == FX_MXCSR) {
		uint32_t mask = (uint32_t)load(
			registers->vector + FX_MXCSR_MASK, 4);

		/* A reserved bit is #GP in whoever loads it. */
		if (load(value, 4) & ~(uint64_t)(mask ? mask : 0xffbf))
			return false;
	}
	memcpy(registers->vector + at, value, run->bytes);
	mark(registers, run->component);
	return true;
}

static bool set(struct mti_gdb_registers *registers,
		const struct mti_gdb_run *run, uint32_t index,
		const uint8_t *value)
{
	uint64_t *flags = &registers->general[MTI_RFLAGS];

	switch (run->place) {
	case GENERAL:
		return general_set(registers, run->at + index, load(value, 8));
	case FLAGS:
		*flags = (*flags & ~(uint64_t)FLAGS_WRITABLE) |
			 (load(value, 4) & FLAGS_WRITABLE);
		return true;
	case X87_CONTROL:
		control_set(registers->vector, run->at,
			    (uint32_t)load(value, 4));
		mark(registers, COMPONENT_X87);
		return true;
	case STATE:
		return state_set(registers, run, index, value);
	case SEGMENT:
	case CONSTANT:
	default:
		return true;
	}
}

static void put_vector_types(struct mti_gdb_window *window)
{
	mti_gdb_put(window,
	    "<vector id=\"v8bf16\" type=\"bfloat16\" count=\"8\"/>"
	    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
	    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	    "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
	    "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	    "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
	    "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	    "<union id=\"vec128\">"
	    "<field name=\"v8_bfloat16\" type=\"v8bf16\"/>"
	    "<field name=\"v4_float\" type=\"v4f\"/>"
	    "<field name=\"v2_double\" type=\"v2d\"/>"
	    "<field name=\"v16_int8\" type=\"v16i8\"/>"
	    "<field name=\"v8_int16\" type=\"v8i16\"/>"
	    "<field name=\"v4_int32\" type=\"v4i32\"/>"
	    "<field name=\"v2_int64\" type=\"v2i64\"/>"
	    "<field name=\"uint128\" type=\"uint128\"/>"
	    "</union>\n"
	    "<vector id=\"v2ui128\" type=\"uint128\" count=\"2\"/>\n");
}

static void put_types(struct mti_gdb_window *window, const char *feature)
{
	static const struct mti_gdb_field flags[] = {
		{ "CF", 0, 0 },	  { "PF", 2, 2 },   { "AF", 4, 4 },
		{ "ZF", 6, 6 },	  { "SF", 7, 7 },   { "TF", 8, 8 },
		{ "IF", 9, 9 },	  { "DF", 10, 10 }, { "OF", 11, 11 },
		{ "AC", 18, 18 }, { "ID", 21, 21 }, { 0 },
	};
	static const struct mti_gdb_field mxcsr[] = {
		{ "IE", 0, 0 },	  { "DE", 1, 1 },   { "ZE", 2, 2 },
		{ "OE", 3, 3 },	  { "UE", 4, 4 },   { "PE", 5, 5 },
		{ "DAZ", 6, 6 },  { "IM", 7, 7 },   { "DM", 8, 8 },
		{ "ZM", 9, 9 },	  { "OM", 10, 10 }, { "UM", 11, 11 },
		{ "PM", 12, 12 }, { "FZ", 15, 15 }, { 0 },
	};

	if (strcmp(feature, CORE) == 0)
		mti_gdb_put_flags(window, "i386_eflags", flags);
	if (strcmp(feature, SSE) == 0 || strcmp(feature, AVX512) == 0)
		put_vector_types(window);
	if (strcmp(feature, SSE) == 0)
		mti_gdb_put_flags(window, "i386_mxcsr", mxcsr);
}

const struct mti_gdb_layout mti_gdb_amd64 = {
	.machine = EM_X86_64,
	.name = "i386:x86-64",
	.runs = runs,
	.run_count = sizeof(runs) / sizeof(runs[0]),
	.has = has,
	.get = get,
	.set = set,
	.put_types = put_types,
	/* rbp, rsp, rip */
	.stop = { 6, 7, 16 },
	.bases = { MTI_FS_BASE, MTI_GS_BASE },
};
