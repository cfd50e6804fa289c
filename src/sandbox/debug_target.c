/*
 * The guest as gdb's target: registers, memory, breakpoints, and what gdb
 * has to know of the program.
 */
#include <elf.h>
#include <string.h>

#include "base/checked.h"
#include "sandbox/debug.h"
#include "sandbox/sandbox.h"

_Static_assert(MTI_GDB_VECTOR_MAX >= sizeof(((struct mti_machine *)0)->vector),
	       "the vector registers of a CPU fit those of gdb");

static bool read_registers(void *context, struct mti_gdb_registers *registers)
{
	const mote_sandbox *box = context;
	const struct mti_machine *machine = &box->debug->machine;
	size_t i;

	registers->layout = box->debug->layout;
	memcpy(registers->general, machine->general, sizeof(machine->general));
	memcpy(registers->vector, machine->vector, sizeof(machine->vector));
	registers->vector_size = machine->vector_size;
	for (i = 0; i < MTI_GDB_COMPONENTS; i++)
		registers->component[i] = machine->vector_offset[i];
	return true;
}

static bool write_registers(void *context,
			    const struct mti_gdb_registers *registers)
{
	mote_sandbox *box = context;
	struct mti_machine *machine = &box->debug->machine;

	memcpy(machine->general, registers->general, sizeof(machine->general));
	memcpy(machine->vector, registers->vector, sizeof(machine->vector));
	machine->fs_base = mti_gdb_register_base(registers, 0);
	machine->gs_base = mti_gdb_register_base(registers, 1);
	box->debug->changed = true;
	return true;
}

static size_t read_memory(void *context, uint64_t address, void *buffer,
			  size_t size)
{
	const struct mti_virtual access = mti_inspect_space(context);

	return mti_virtual_read(&access, address, buffer, size);
}

static bool write_memory(void *context, uint64_t address, const void *data,
			 size_t size)
{
	const struct mti_virtual access = mti_inspect_space(context);

	return mti_virtual_write(&access, address, data, size);
}

static struct mti_debug_breakpoint *find(struct mti_debug *debug,
					 uint64_t address)
{
	size_t i;

	for (i = 0; i < debug->breakpoint_count; i++)
		if (debug->breakpoints[i].address == address)
			return &debug->breakpoints[i];
	return NULL;
}

bool mti_debug_has(const struct mti_debug *debug, uint64_t address)
{
	size_t i;

	for (i = 0; i < debug->breakpoint_count; i++)
		if (debug->breakpoints[i].address == address)
			return true;
	return false;
}

/* In the program only: the syscall page may run in supervisor mode. */
static bool can_break(mote_sandbox *box, uint64_t address)
{
	const struct mti_virtual access = mti_inspect_space(box);

	return address < MOTE_GVA_PROGRAM_LIMIT &&
	       address % box->image->arch->debug->breakpoint_size == 0 &&
	       mti_virtual_executable(&access, address);
}

/*
 * What is there is written there. Where guests' tables copy pages, it has one
 * of its own then, or gdb is told now that there is no room for it.
 */
static bool can_plant(mote_sandbox *box, uint64_t address)
{
	const struct mti_virtual access = mti_inspect_space(box);
	const size_t size = box->image->arch->debug->breakpoint_size;
	uint8_t original[MTI_ARCH_BREAKPOINT_MAX];

	return mti_virtual_read(&access, address, original, size) == size &&
	       mti_virtual_write(&access, address, original, size);
}

static bool insert(void *context, uint64_t address, unsigned int type)
{
	mote_sandbox *box = context;
	struct mti_debug *debug = box->debug;
	struct mti_debug_breakpoint *found = find(debug, address);

	if (found) {
		found->types |= (uint8_t)(1u << type);
		return true;
	}
	if (debug->breakpoint_count == MTI_DEBUG_BREAKPOINTS_MAX ||
	    !can_break(box, address) || !can_plant(box, address))
		return false;
	debug->breakpoints[debug->breakpoint_count++] =
		(struct mti_debug_breakpoint){ .address = address,
					       .types = (uint8_t)(1u << type) };
	return true;
}

static bool take_out(void *context, uint64_t address, unsigned int type)
{
	mote_sandbox *box = context;
	struct mti_debug *debug = box->debug;
	struct mti_debug_breakpoint *found = find(debug, address);

	if (!found)
		return true;
	found->types &= (uint8_t)~(1u << type);
	if (found->types == 0)
		*found = debug->breakpoints[--debug->breakpoint_count];
	return true;
}

static struct mti_debug_watch *find_watch(struct mti_debug *debug,
					  uint64_t address, uint64_t size)
{
	size_t i;

	for (i = 0; i < debug->watch_count; i++)
		if (debug->watches[i].address == address &&
		    debug->watches[i].size == size)
			return &debug->watches[i];
	return NULL;
}

/* A page that is gone reads as zeros: it has changed, if it was not. */
static void read_watch(mote_sandbox *box, const struct mti_debug_watch *watch,
		       uint8_t *value)
{
	const struct mti_virtual access = mti_inspect_space(box);
	size_t done = mti_virtual_read(&access, watch->address, value,
				      watch->size);

	memset(value + done, 0, watch->size - done);
}

static bool start_watch(void *context, uint64_t address, uint64_t size)
{
	mote_sandbox *box = context;
	const struct mti_virtual access = mti_inspect_space(box);
	struct mti_debug *debug = box->debug;
	struct mti_debug_watch *watch;

	if (find_watch(debug, address, size))
		return true;
	if (debug->watch_count == MTI_DEBUG_WATCHES_MAX ||
	    size > MTI_DEBUG_WATCH_BYTES)
		return false;
	watch = &debug->watches[debug->watch_count];
	watch->address = address;
	watch->size = (size_t)size;
	if (mti_virtual_read(&access, address, watch->value, watch->size) !=
	    watch->size)
		return false;
	debug->watch_count++;
	return true;
}

static bool end_watch(void *context, uint64_t address, uint64_t size)
{
	mote_sandbox *box = context;
	struct mti_debug *debug = box->debug;
	struct mti_debug_watch *found = find_watch(debug, address, size);

	if (found)
		*found = debug->watches[--debug->watch_count];
	return true;
}

void mti_debug_watch_begin(mote_sandbox *box)
{
	struct mti_debug *debug = box->debug;
	size_t i;

	for (i = 0; i < debug->watch_count; i++)
		read_watch(box, &debug->watches[i], debug->watches[i].value);
}

bool mti_debug_watch_changed(mote_sandbox *box, uint64_t *address)
{
	struct mti_debug *debug = box->debug;
	uint8_t now[MTI_DEBUG_WATCH_BYTES];
	size_t i;

	for (i = 0; i < debug->watch_count; i++) {
		struct mti_debug_watch *watch = &debug->watches[i];

		read_watch(box, watch, now);
		if (memcmp(now, watch->value, watch->size) == 0)
			continue;
		*address = watch->address;
		return true;
	}
	return false;
}

static void resume(void *context, const struct mti_gdb_resume *how)
{
	mote_sandbox *box = context;

	box->debug->how = *how;
	box->debug->steps = 0;
}

static void interrupt(void *context)
{
	mote_sandbox *box = context;

	box->debug->halt = true;
}

static void die(void *context)
{
	mote_sandbox *box = context;

	box->debug->killed = true;
}

void mti_debug_forget(struct mti_debug *debug)
{
	debug->breakpoint_count = 0;
	debug->watch_count = 0;
	debug->halt = false;
	debug->stepping_over = false;
	memset(&debug->how, 0, sizeof(debug->how));
}

static void detach(void *context)
{
	mote_sandbox *box = context;

	mti_debug_forget(box->debug);
}

static void plant(const struct mti_arch *arch,
		  const struct mti_virtual *access,
		  struct mti_debug_breakpoint *breakpoint)
{
	const struct mti_arch_debug *debug = arch->debug;
	size_t size = debug->breakpoint_size;

	breakpoint->planted =
		mti_virtual_read(access, breakpoint->address,
				 breakpoint->original, size) == size &&
		mti_virtual_write(access, breakpoint->address,
				  debug->breakpoint, size);
}

static void lift(const struct mti_arch *arch,
		 const struct mti_virtual *access,
		 struct mti_debug_breakpoint *breakpoint)
{
	if (breakpoint->planted)
		(void)mti_virtual_write(access, breakpoint->address,
					breakpoint->original,
					arch->debug->breakpoint_size);
	breakpoint->planted = false;
}

void mti_debug_plant(mote_sandbox *box)
{
	const struct mti_virtual access = mti_inspect_space(box);
	struct mti_debug *debug = box->debug;
	size_t i;

	for (i = 0; i < debug->breakpoint_count; i++)
		plant(box->image->arch, &access, &debug->breakpoints[i]);
	if (debug->stepping_over)
		plant(box->image->arch, &access, &debug->over);
	/* Also what gdb has written. */
	mti_sandbox_changed(box);
}

/* In the other order: two may be at one address. */
void mti_debug_lift(mote_sandbox *box)
{
	const struct mti_virtual access = mti_inspect_space(box);
	struct mti_debug *debug = box->debug;
	size_t i;

	if (debug->stepping_over)
		lift(box->image->arch, &access, &debug->over);
	for (i = debug->breakpoint_count; i > 0; i--)
		lift(box->image->arch, &access,
		     &debug->breakpoints[i - 1]);
	mti_sandbox_changed(box);
}

static void add_auxv(struct mti_gdb_program *program, uint64_t type,
		     uint64_t value)
{
	const Elf64_auxv_t entry = { .a_type = type, .a_un.a_val = value };

	memcpy(program->auxv + program->auxv_size, &entry, sizeof(entry));
	program->auxv_size += sizeof(entry);
}

/* What gdb moves the symbols of a position-independent program by. */
static void fill_auxv(struct mti_gdb_program *program,
		      const struct mti_elf *elf)
{
	_Static_assert(sizeof(program->auxv) >= 6 * sizeof(Elf64_auxv_t),
		       "the six below");

	add_auxv(program, AT_PAGESZ, MOTE_PAGE_SIZE);
	if (elf->headers != 0) {
		add_auxv(program, AT_PHDR, elf->headers);
		add_auxv(program, AT_PHENT, sizeof(Elf64_Phdr));
		add_auxv(program, AT_PHNUM, elf->header_count);
	}
	add_auxv(program, AT_ENTRY, elf->entry);
	add_auxv(program, AT_NULL, 0);
}

void mti_debug_target_init(mote_sandbox *box)
{
	struct mti_gdb_program *program = &box->debug->program;
	const struct mti_elf *elf = &box->image->elf;

	fill_auxv(program, elf);
	program->breakpoint_size = box->image->arch->debug->breakpoint_size;
	program->has_tls = elf->tls_below != 0;
	program->tls_below = elf->tls_below;
	box->debug->target = (struct mti_gdb_target){
		.context = box,
		.read_registers = read_registers,
		.write_registers = write_registers,
		.read_memory = read_memory,
		.write_memory = write_memory,
		.insert = insert,
		.remove = take_out,
		.watch = start_watch,
		.unwatch = end_watch,
		.resume = resume,
		.interrupt = interrupt,
		.kill = die,
		.detach = detach,
	};
}
