/*
 * gdb's AArch64 register file over the general registers and the vector
 * registers as Linux notes them in core files.
 *
 * The features are those of GDB manual, "AArch64 Features"; the names, types
 * and order in each are what gdb 13 has for itself.
 */
#include <elf.h>
#include <string.h>

#include "arch/aarch64/boot.h"
#include "arch/aarch64/core.h"
#include "arch/aarch64/trap.h"
#include "debug/gdb/layout.h"

/* N Z C V: the rest of PSTATE is not user mode's, SS is the stub's. */
#define FLAGS_WRITABLE UINT64_C(0xf0000000)
#define VECTOR_BYTES 16

enum place {
	GENERAL, /* at: index of the first */
	ADDRESS, /* the same, but one of user mode's addresses */
	FLAGS,
	VECTOR,  /* at: offset in mti_gdb_registers.vector */
	CONTROL, /* the same; the bits that there are depend on it */
};

#define CORE "org.gnu.gdb.aarch64.core"
#define FPU "org.gnu.gdb.aarch64.fpu"
#define TLS "org.gnu.gdb.aarch64.tls"

#define ONE MTI_GDB_ONE

static const struct mti_gdb_run runs[] = {
	{ CORE, "x", "", "int", 0, 31, 8, GENERAL, MTI_AARCH64_X0, 0, 0 },
	ONE(CORE, "sp", "data_ptr", 8, ADDRESS, MTI_AARCH64_SP),
	ONE(CORE, "pc", "code_ptr", 8, ADDRESS, MTI_AARCH64_PC),
	ONE(CORE, "cpsr", "cpsr_flags", 4, FLAGS, MTI_AARCH64_PSTATE),
	{ FPU, "v", "", "aarch64v", 0, 32, VECTOR_BYTES, VECTOR, 0, 0,
	  VECTOR_BYTES },
	ONE(FPU, "fpsr", "fpsr_flags", 4, CONTROL, MTI_AARCH64_FPSIMD_FPSR),
	ONE(FPU, "fpcr", "fpcr_flags", 4, CONTROL, MTI_AARCH64_FPSIMD_FPCR),
	ONE(TLS, "tpidr", "data_ptr", 8, GENERAL, MTI_AARCH64_TPIDR),
};

static bool has(const struct mti_gdb_registers *registers,
		const struct mti_gdb_run *run)
{
	return strcmp(run->feature, FPU) != 0 ||
	       registers->vector_size >= MTI_AARCH64_FPSIMD_BYTES;
}

static uint32_t offset_of(const struct mti_gdb_run *run, uint32_t index)
{
	return run->at + index * run->stride;
}

static void get(const struct mti_gdb_registers *registers,
		const struct mti_gdb_run *run, uint32_t index, uint8_t *value)
{
	const void *from;

	if (run->place == VECTOR || run->place == CONTROL)
		from = registers->vector + offset_of(run, index);
	else
		from = &registers->general[run->at + index];
	memcpy(value, from, run->bytes);
}

/* A bit that there is not is no value of it, see arch/aarch64/state.c. */
static bool control_set(struct mti_gdb_registers *registers, uint32_t at,
			uint32_t value)
{
	uint64_t bits = at == MTI_AARCH64_FPSIMD_FPCR ? MTI_AARCH64_FPCR_BITS
						      : MTI_AARCH64_FPSR_BITS;

	if (value & ~bits)
		return false;
	memcpy(registers->vector + at, &value, sizeof(value));
	return true;
}

static bool set(struct mti_gdb_registers *registers,
		const struct mti_gdb_run *run, uint32_t index,
		const uint8_t *value)
{
	uint64_t *general;
	uint64_t word = 0;

	if (run->place == VECTOR) {
		memcpy(registers->vector + offset_of(run, index), value,
		       run->bytes);
		return true;
	}
	memcpy(&word, value, run->bytes);
	if (run->place == CONTROL)
		return control_set(registers, run->at, (uint32_t)word);
	general = &registers->general[run->at + index];
	if (run->place == FLAGS)
		word = (*general & ~FLAGS_WRITABLE) | (word & FLAGS_WRITABLE);
	if (run->place == ADDRESS && word >= mti_arch_aarch64.user_limit)
		return false;
	*general = word;
	return true;
}

static void put_vector_types(struct mti_gdb_window *window)
{
	mti_gdb_put(window,
		    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
		    "<vector id=\"v2u\" type=\"uint64\" count=\"2\"/>"
		    "<vector id=\"v2i\" type=\"int64\" count=\"2\"/>"
		    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
		    "<vector id=\"v4u\" type=\"uint32\" count=\"4\"/>"
		    "<vector id=\"v4i\" type=\"int32\" count=\"4\"/>"
		    "<vector id=\"v8f\" type=\"ieee_half\" count=\"8\"/>"
		    "<vector id=\"v8u\" type=\"uint16\" count=\"8\"/>"
		    "<vector id=\"v8i\" type=\"int16\" count=\"8\"/>"
		    "<vector id=\"v8bf16\" type=\"bfloat16\" count=\"8\"/>"
		    "<vector id=\"v16u\" type=\"uint8\" count=\"16\"/>"
		    "<vector id=\"v16i\" type=\"int8\" count=\"16\"/>"
		    "<vector id=\"v1u\" type=\"uint128\" count=\"1\"/>"
		    "<vector id=\"v1i\" type=\"int128\" count=\"1\"/>\n");
	mti_gdb_put(window, "<union id=\"vnd\"><field name=\"f\" type=\"v2d\"/>"
			    "<field name=\"u\" type=\"v2u\"/>"
			    "<field name=\"s\" type=\"v2i\"/></union>"
			    "<union id=\"vns\"><field name=\"f\" type=\"v4f\"/>"
			    "<field name=\"u\" type=\"v4u\"/>"
			    "<field name=\"s\" type=\"v4i\"/></union>"
			    "<union id=\"vnh\">"
			    "<field name=\"bf\" type=\"v8bf16\"/>"
			    "<field name=\"f\" type=\"v8f\"/>"
			    "<field name=\"u\" type=\"v8u\"/>"
			    "<field name=\"s\" type=\"v8i\"/></union>"
			    "<union id=\"vnb\"><field name=\"u\" type=\"v16u\"/>"
			    "<field name=\"s\" type=\"v16i\"/></union>"
			    "<union id=\"vnq\"><field name=\"u\" type=\"v1u\"/>"
			    "<field name=\"s\" type=\"v1i\"/></union>\n"
			    "<union id=\"aarch64v\">"
			    "<field name=\"d\" type=\"vnd\"/>"
			    "<field name=\"s\" type=\"vns\"/>"
			    "<field name=\"h\" type=\"vnh\"/>"
			    "<field name=\"b\" type=\"vnb\"/>"
			    "<field name=\"q\" type=\"vnq\"/></union>\n");
}

static void put_types(struct mti_gdb_window *window, const char *feature)
{
	static const struct mti_gdb_field cpsr[] = {
		{ "SP", 0, 0 },	   { "EL", 2, 3 },     { "nRW", 4, 4 },
		{ "F", 6, 6 },	   { "I", 7, 7 },      { "A", 8, 8 },
		{ "D", 9, 9 },	   { "BTYPE", 10, 11 }, { "SSBS", 12, 12 },
		{ "IL", 20, 20 },  { "SS", 21, 21 },   { "PAN", 22, 22 },
		{ "UAO", 23, 23 }, { "DIT", 24, 24 },  { "TCO", 25, 25 },
		{ "V", 28, 28 },   { "C", 29, 29 },    { "Z", 30, 30 },
		{ "N", 31, 31 },   { 0 },
	};
	static const struct mti_gdb_field fpsr[] = {
		{ "IOC", 0, 0 }, { "DZC", 1, 1 }, { "OFC", 2, 2 },
		{ "UFC", 3, 3 }, { "IXC", 4, 4 }, { "IDC", 7, 7 },
		{ "QC", 27, 27 }, { "V", 28, 28 }, { "C", 29, 29 },
		{ "Z", 30, 30 }, { "N", 31, 31 }, { 0 },
	};
	static const struct mti_gdb_field fpcr[] = {
		{ "FIZ", 0, 0 },   { "AH", 1, 1 },	{ "NEP", 2, 2 },
		{ "IOE", 8, 8 },   { "DZE", 9, 9 },	{ "OFE", 10, 10 },
		{ "UFE", 11, 11 }, { "IXE", 12, 12 },	{ "EBF", 13, 13 },
		{ "IDE", 15, 15 }, { "Len", 16, 18 },	{ "FZ16", 19, 19 },
		{ "Stride", 20, 21 }, { "RMode", 22, 23 }, { "FZ", 24, 24 },
		{ "DN", 25, 25 },  { "AHP", 26, 26 },	{ 0 },
	};

	if (strcmp(feature, CORE) == 0)
		mti_gdb_put_flags(window, "cpsr_flags", cpsr);
	if (strcmp(feature, FPU) != 0)
		return;
	put_vector_types(window);
	mti_gdb_put_flags(window, "fpsr_flags", fpsr);
	mti_gdb_put_flags(window, "fpcr_flags", fpcr);
}

const struct mti_gdb_layout mti_gdb_aarch64 = {
	.machine = EM_AARCH64,
	.name = "aarch64",
	.runs = runs,
	.run_count = sizeof(runs) / sizeof(runs[0]),
	.has = has,
	.get = get,
	.set = set,
	.put_types = put_types,
	/* x29, sp, pc: general registers have the same number here. */
	.stop = { MTI_AARCH64_X29, MTI_AARCH64_SP, MTI_AARCH64_PC },
	.bases = { MTI_AARCH64_TPIDR, MTI_GDB_NO_BASE },
};
