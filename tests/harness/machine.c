#include "harness/machine.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "abi/trap.h"
#include "arch/arch.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "hv/kvm/kvm.h"
#include "hv/kvm/ops.h"
#include "hv/soft/load.h"
#include "mem/tables.h"
#include "os/os.h"

static void expect_ok(struct machine *machine, mote_status status)
{
	vm_expect(status, MOTE_OK, &machine->err);
}

void machine_open_hv(struct machine *machine)
{
	memset(machine, 0, sizeof(*machine));
	machine->err.struct_size = sizeof(machine->err);
	machine->ops = vm_soft() ? &mti_hv_soft_ops : &mti_hv_kvm_ops;
	if (machine->ops->load)
		expect_ok(machine,
			  machine->ops->load(&machine->ops, &machine->err));
	expect_ok(machine, machine->ops->open(&mti_allocator_libc, &machine->hv,
					      &machine->err));
}

#define PARTS_MAX 8

static void plan(struct machine *machine, const struct machine_part *parts,
		 size_t count, const struct mti_layout_sizes *sizes)
{
	struct mti_part all[PARTS_MAX];
	struct mti_layout *layout = &machine->layout;
	struct mti_region *gap;
	size_t i;

	assert_true(count <= PARTS_MAX);
	for (i = 0; i < count; i++)
		all[i] = parts[i].part;
	assert_true(mti_layout_plan(all, count, sizes, layout));
	assert_true(layout->memory_size <= MACHINE_GAP_GPA);
	gap = &layout->regions[layout->region_count++];
	gap->gva = MOTE_GVA_MAP;
	gap->gpa = MACHINE_GAP_GPA;
	gap->size = MACHINE_GAP_BYTES;
	gap->flags = MTI_PT_USER | MTI_PT_WRITE;
}

/* As sandbox/template.c does: file pages, so that a write copies. */
static void map_memory(struct machine *machine,
		       const struct machine_part *parts, size_t count)
{
	const struct mti_layout *layout = &machine->layout;
	const struct mti_region *regions = layout->regions;
	uint8_t page[MOTE_PAGE_SIZE];
	struct mti_tables tables;
	void *memory;
	size_t i;
	int fd;

	assert_true(mti_tables_build(&tables, mti_kvm_arch, layout,
				     &mti_allocator_libc));
	fd = mti_os_memfd("machine", tables.base_gpa + tables.used);
	assert_true(fd >= 0);
	memset(page, 0, sizeof(page));
	mti_kvm_arch->supervisor_page(page);
	assert_int_equal(mti_os_pwrite(fd, page, sizeof(page),
				       regions[MTI_AREA_SUPERVISOR].gpa),
			 0);
	memset(page, 0, sizeof(page));
	mti_kvm_arch->syscall_page(page);
	assert_int_equal(mti_os_pwrite(fd, page, sizeof(page),
				       regions[MTI_AREA_SYSCALL].gpa),
			 0);
	for (i = 0; i < count; i++)
		assert_int_equal(
			mti_os_pwrite(fd, parts[i].bytes,
				      parts[i].part.file_size,
				      machine_gpa(machine, parts[i].part.gva)),
			0);
	assert_int_equal(
		mti_os_pwrite(fd, tables.pages, tables.used, tables.base_gpa),
		0);
	assert_int_equal(mti_os_reserve(layout->memory_size, &memory), 0);
	assert_int_equal(mti_os_map_private(memory,
					    tables.base_gpa + tables.used, fd,
					    0),
			 0);
	mti_os_close(fd);
	mti_tables_fini(&tables);
	machine->memory = memory;
}

void machine_open_parts(struct machine *machine,
			const struct machine_part *parts, size_t count,
			const struct mti_layout_sizes *sizes)
{
	struct mti_vm_config config = { 0 };

	if (!machine->hv)
		machine_open_hv(machine);
	plan(machine, parts, count, sizes);
	map_memory(machine, parts, count);
	machine->code = parts[0].bytes;
	config.arch = mti_kvm_arch;
	config.ranges[0].memory = machine->memory;
	config.ranges[0].size = machine->layout.memory_size;
	config.ranges[0].writable = true;
	config.range_count = 1;
	config.page_table_gpa = machine->layout.page_table_gpa;
	expect_ok(machine, machine->ops->vm_new(machine->hv, &config,
						&machine->vm, &machine->err));
}

void machine_open(struct machine *machine, const void *code, size_t size,
		  uint64_t heap)
{
	const struct machine_part part = {
		.part = { .gva = MACHINE_CODE,
			  .memory_size = size,
			  .file_size = size,
			  .flags = MTI_PT_USER | MTI_PT_EXECUTE |
				   MTI_PT_WRITE },
		.bytes = code,
	};
	const struct mti_layout_sizes sizes = { .heap = heap,
						.stack = 65536,
						.io = 65536 };

	machine_open_parts(machine, &part, 1, &sizes);
}

void machine_close(struct machine *machine)
{
	machine->ops->vm_free(machine->vm);
	machine->ops->close(machine->hv);
	mti_os_unmap(machine->memory, machine->layout.memory_size);
	memset(machine, 0, sizeof(*machine));
}

uint64_t machine_gpa(const struct machine *machine, uint64_t gva)
{
	const struct mti_region *region =
		mti_layout_find(&machine->layout, gva);

	assert_non_null(region);
	return region->gpa + gva - region->gva;
}

bool machine_is_table(const struct machine *machine, uint64_t gpa)
{
	const struct mti_layout *layout = &machine->layout;

	return gpa >= layout->page_table_gpa &&
	       gpa - layout->page_table_gpa < layout->page_table_max;
}

void *machine_at(const struct machine *machine, uint64_t gva)
{
	return machine->memory + machine_gpa(machine, gva);
}

void machine_enter(struct machine *machine, const void *label,
		   uint64_t argument0, uint64_t argument1)
{
	const struct mti_entry entry = {
		.pc = MACHINE_CODE +
		      (uint64_t)((const uint8_t *)label - machine->code),
		.sp = MOTE_GVA_STACK_TOP,
		.argument0 = argument0,
		.argument1 = argument1,
	};

	machine->ops->set_entry(machine->vm, &entry);
}

void machine_go(struct machine *machine, enum mti_exit_kind expected)
{
	/* A backend may have reasons of its own to leave the guest. */
	do {
		memset(&machine->exit, 0, sizeof(machine->exit));
		expect_ok(machine,
			  machine->ops->run(machine->vm, &machine->exit,
					    &machine->err));
	} while (machine->exit.kind == MTI_EXIT_INTERRUPTED &&
		 expected != MTI_EXIT_INTERRUPTED);
	if (machine->exit.kind == expected)
		return;
	print_error("exit %d, number 0x%x, %s 0x%llx\n", machine->exit.kind,
		    machine->exit.number,
		    machine->exit.text ? machine->exit.text : "",
		    (unsigned long long)machine->exit.detail);
	assert_int_equal(machine->exit.kind, expected);
}

void machine_call(struct machine *machine, const void *label,
		  uint64_t argument0, uint64_t argument1)
{
	machine_enter(machine, label, argument0, argument1);
	machine_go(machine, MTI_EXIT_PORT);
	assert_int_equal(machine->exit.number, MOTE_PORT_RETURN);
}

void machine_restore(struct machine *machine, const struct mti_cpu_state *state,
		     bool clean)
{
	struct mote_abi_control *control =
		machine_at(machine, MOTE_GVA_CONTROL);

	/* Of amd64 they are in the same place. */
	control->fpcr = state->mxcsr;
	control->fpsr = state->x87_control;
	expect_ok(machine, machine->ops->state_set(machine->vm, state, clean,
						   &machine->err));
}
