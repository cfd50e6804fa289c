#include "harness/gdb_target.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESERVED_FLAG 0x2u
#define USER_LIMIT (UINT64_C(1) << 47)

static void demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "gdb target: %s\n", what);
	abort();
}

static struct gdb_target *stopped(void *context)
{
	struct gdb_target *target = context;

	demand(target->state == GDB_TARGET_STOPPED,
	       "the guest was touched while it was not stopped");
	return target;
}

static bool read_registers(void *context, struct mti_gdb_registers *registers)
{
	struct gdb_target *target = stopped(context);

	if (target->no_registers)
		return false;
	*registers = target->registers;
	return true;
}

static void check_amd64(const struct mti_gdb_registers *registers)
{
	demand(registers->general[16] < USER_LIMIT, "a wild pc");
	demand(registers->general[17] & RESERVED_FLAG, "a flag that is 1");
}

static void check_aarch64(const struct mti_gdb_registers *registers)
{
	uint32_t fpsr;
	uint32_t fpcr;

	memcpy(&fpsr, registers->vector + 512, sizeof(fpsr));
	memcpy(&fpcr, registers->vector + 516, sizeof(fpcr));
	demand(registers->general[31] < USER_LIMIT, "a wild sp");
	demand(registers->general[32] < USER_LIMIT, "a wild pc");
	demand((registers->general[33] & ~UINT64_C(0xf0000000)) ==
		       GDB_TARGET_PSTATE,
	       "a flag that user mode has not");
	demand(!(fpsr & ~UINT32_C(0xf800009f)), "a bit that FPSR has not");
	demand(!(fpcr & ~UINT32_C(0x07ffbf07)), "a bit that FPCR has not");
}

static bool write_registers(void *context,
			    const struct mti_gdb_registers *registers)
{
	struct gdb_target *target = stopped(context);

	demand(!target->no_registers, "registers written but not read");
	demand(registers->vector_size == target->registers.vector_size,
	       "another vector size");
	demand(memcmp(registers->component, target->registers.component,
		      sizeof(registers->component)) == 0,
	       "another layout of the vector state");
	demand(registers->layout == target->registers.layout,
	       "another architecture");
	if (registers->layout == mti_gdb_layout_find(EM_AARCH64))
		check_aarch64(registers);
	else
		check_amd64(registers);
	target->registers = *registers;
	return true;
}

/* The bytes from address on that are there. */
static size_t there(uint64_t address)
{
	if (address < GDB_TARGET_BASE ||
	    address - GDB_TARGET_BASE >= GDB_TARGET_BYTES)
		return 0;
	return GDB_TARGET_BYTES - (size_t)(address - GDB_TARGET_BASE);
}

static size_t read_memory(void *context, uint64_t address, void *buffer,
			  size_t size)
{
	struct gdb_target *target = stopped(context);
	size_t count = there(address);

	demand(size <= MTI_GDB_PACKET_MAX / 2, "a read of too much");
	if (count > size)
		count = size;
	if (count > 0)
		memcpy(buffer, target->memory + (address - GDB_TARGET_BASE),
		       count);
	return count;
}

static bool write_memory(void *context, uint64_t address, const void *data,
			 size_t size)
{
	struct gdb_target *target = stopped(context);

	demand(size > 0 && size <= MTI_GDB_PACKET_MAX, "a write of too much");
	if (size > there(address))
		return false;
	memcpy(target->memory + (address - GDB_TARGET_BASE), data, size);
	return true;
}

static size_t find(const struct gdb_target *target, uint64_t address)
{
	size_t i = 0;

	while (i < target->breakpoint_count &&
	       target->breakpoints[i] != address)
		i++;
	return i;
}

/* Two types at one address are two. */
static uint64_t key(uint64_t address, unsigned int type)
{
	demand(type < 2, "a breakpoint of no type");
	return address | (uint64_t)type << 63;
}

static bool insert(void *context, uint64_t address, unsigned int type)
{
	struct gdb_target *target = stopped(context);

	if (find(target, key(address, type)) < target->breakpoint_count)
		return true;
	if (there(address) == 0 ||
	    target->breakpoint_count == GDB_TARGET_BREAKPOINTS)
		return false;
	target->breakpoints[target->breakpoint_count++] = key(address, type);
	return true;
}

static bool take_out(void *context, uint64_t address, unsigned int type)
{
	struct gdb_target *target = stopped(context);
	size_t i = find(target, key(address, type));

	if (i < target->breakpoint_count)
		target->breakpoints[i] =
			target->breakpoints[--target->breakpoint_count];
	return true;
}

/* Counts them; what is watched must be there, and not too much. */
static bool watch(void *context, uint64_t address, uint64_t size)
{
	struct gdb_target *target = stopped(context);

	demand(size > 0, "a watch of nothing");
	if (size > there(address) || size > 1024)
		return false;
	target->watched += size;
	return true;
}

static bool unwatch(void *context, uint64_t address, uint64_t size)
{
	struct gdb_target *target = stopped(context);

	demand(size > 0, "a watch of nothing");
	if (size <= target->watched && there(address) > 0)
		target->watched -= size;
	return true;
}

static void resume(void *context, const struct mti_gdb_resume *how)
{
	struct gdb_target *target = stopped(context);

	demand(how->step || (how->first == 0 && how->end == 0),
	       "a range, but no step");
	target->how = *how;
	target->state = GDB_TARGET_RUNNING;
}

static void interrupt(void *context)
{
	struct gdb_target *target = context;

	demand(target->state == GDB_TARGET_RUNNING ||
		       target->state == GDB_TARGET_INTERRUPTED,
	       "an interrupt of what does not run");
	target->state = GDB_TARGET_INTERRUPTED;
}

static void die(void *context)
{
	stopped(context)->state = GDB_TARGET_KILLED;
}

static void detach(void *context)
{
	stopped(context)->state = GDB_TARGET_DETACHED;
}

void gdb_target_init(struct gdb_target *target, bool avx512)
{
	static const uint32_t component[MTI_GDB_COMPONENTS] = {
		0, 0, 576, 0, 0, 832, 896, 1408,
	};
	size_t i;

	memset(target, 0, sizeof(*target));
	target->ops = (struct mti_gdb_target){
		.context = target,
		.read_registers = read_registers,
		.write_registers = write_registers,
		.read_memory = read_memory,
		.write_memory = write_memory,
		.insert = insert,
		.remove = take_out,
		.watch = watch,
		.unwatch = unwatch,
		.resume = resume,
		.interrupt = interrupt,
		.kill = die,
		.detach = detach,
	};
	target->program.breakpoint_size = 1;
	target->registers.layout = mti_gdb_layout_find(EM_X86_64);
	target->registers.vector_size = avx512 ? 2432 : 576;
	if (avx512)
		memcpy(target->registers.component, component,
		       sizeof(component));
	for (i = 0; i < 18; i++)
		target->registers.general[i] = 0x1000 + i;
	target->registers.general[17] = 0x202;
	target->registers.general[18] = 0x7f0000;
	for (i = 0; i < 2432; i++)
		target->registers.vector[i] = (uint8_t)(i * 7);
	/* MXCSR and its mask, as no CPU would have them otherwise. */
	memcpy(target->registers.vector + 24, "\x80\x1f\0\0\xff\xff\0\0", 8);
	for (i = 0; i < GDB_TARGET_BYTES; i++)
		target->memory[i] = (uint8_t)(i ^ i >> 8);
}

void gdb_target_init_aarch64(struct gdb_target *target)
{
	struct mti_gdb_registers *registers = &target->registers;
	size_t i;

	gdb_target_init(target, false);
	memset(registers, 0, sizeof(*registers));
	target->program.breakpoint_size = 4;
	registers->layout = mti_gdb_layout_find(EM_AARCH64);
	registers->vector_size = 528;
	for (i = 0; i < 35; i++)
		registers->general[i] = 0x1000 + i;
	registers->general[33] = GDB_TARGET_PSTATE;
	for (i = 0; i < 512; i++)
		registers->vector[i] = (uint8_t)(i * 7);
}

void gdb_target_stop(struct gdb_target *target)
{
	demand(target->state == GDB_TARGET_RUNNING ||
		       target->state == GDB_TARGET_INTERRUPTED,
	       "a stop of what does not run");
	target->state = GDB_TARGET_STOPPED;
}
