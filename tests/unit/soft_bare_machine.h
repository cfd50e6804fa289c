/*
 * A machine around the bare x86 CPU, for unit.soft-bare and its like: memory
 * from 0, and a log of what the guest wrote to ports.
 */
#ifndef UNIT_SOFT_BARE_MACHINE_H
#define UNIT_SOFT_BARE_MACHINE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "harness/unit.h"
#include "hv/soft/bare.h"

#define LOAD 0x1000u
#define STACK 0x9000u
#define MEMORY (UINT64_C(8) << 20)
#define CR0_REAL 0x60000010u
#define CR0_PROTECTED 0x11u
#define LOG_MAX 512

#define PORT_TEXT 0xe9
#define PORT_VALUE 0xf0
#define PORT_END 0xf8
#define PORT_STATE 0xdc

#define GUEST(name)                                                            \
	extern const uint8_t name[];                                           \
	extern const uint8_t name##_end[]

struct machine {
	struct mti_soft_bare *bare;
	uint8_t *memory;
	char log[LOG_MAX];
	size_t used;
	uint8_t next; /* for reads */
};

/* ---------------------------------------------------------------- set up */

static inline void put(struct machine *machine, uint64_t at,
		       const void *bytes, size_t size)
{
	assert_true(at + size <= MEMORY);
	memcpy(machine->memory + at, bytes, size);
}

static inline void put_word(struct machine *machine, uint64_t at,
			    uint32_t value)
{
	put(machine, at, &value, sizeof(value));
}

static inline void put_long(struct machine *machine, uint64_t at,
			    uint64_t value)
{
	put(machine, at, &value, sizeof(value));
}

static inline uint32_t get_word(const struct machine *machine, uint64_t at)
{
	uint32_t value;

	memcpy(&value, machine->memory + at, sizeof(value));
	return value;
}

static inline void make(struct machine *machine)
{
	struct mti_vm_config config = { .bare = true, .range_count = 1 };
	mote_error err = { .struct_size = sizeof(err) };

	memset(machine, 0, sizeof(*machine));
	machine->next = 'q';
	machine->memory = aligned_alloc(4096, MEMORY);
	assert_non_null(machine->memory);
	memset(machine->memory, 0, MEMORY);
	config.ranges[0] = (struct mti_vm_range){
		.size = MEMORY,
		.memory = machine->memory,
		.writable = true,
	};
	assert_int_equal(mti_soft_bare_new(&mti_allocator_libc, &config,
					   &machine->bare, &err),
			 MOTE_OK);
}

static inline void drop(struct machine *machine)
{
	mti_soft_bare_free(machine->bare);
	free(machine->memory);
}

enum mode { REAL, PROTECTED, LONG };

static inline void fill_state(struct mti_bare_state *state, enum mode mode)
{
	static const uint16_t code[] = { 0x9b, 0xc09b, 0xa09b };
	static const uint16_t data[] = { 0x93, 0xc093, 0xc093 };
	uint32_t limit = mode == REAL ? 0xffff : 0xffffffff;
	unsigned int i;

	memset(state, 0, sizeof(*state));
	for (i = 0; i < MTI_BARE_SEGMENTS; i++)
		state->segments[i] = (struct mti_bare_segment){
			.limit = limit,
			.attributes =
				i == MTI_BARE_CS ? code[mode] : data[mode],
		};
	state->segments[MTI_BARE_LDT] = (struct mti_bare_segment){
		.limit = 0xffff,
		.attributes = 0x82,
	};
	state->segments[MTI_BARE_TR] = (struct mti_bare_segment){
		.limit = 0xffff,
		.attributes = 0x8b,
	};
	state->idt.limit = mode == REAL ? 0x3ff : 0;
	state->general[7] = STACK;
	state->general[16] = LOAD;
	state->general[17] = 2;
	state->cr0 = mode == REAL ? CR0_REAL : CR0_PROTECTED;
	state->dr6 = 0xffff0ff0;
	state->dr7 = 0x400;
	state->msrs[MTI_BARE_PAT] = 0x0007040600070406;
	state->cr4 = 0x600;
	if (mode == LONG) {
		state->cr0 |= 0x80010000;
		state->cr3 = 0x100000;
		state->cr4 |= 0x20;
		state->efer = 0xd00;
	}
}

static inline void set(struct machine *machine,
		       const struct mti_bare_state *state)
{
	mote_error err = { .struct_size = sizeof(err) };

	assert_int_equal(mti_soft_bare_set(machine->bare, state, &err),
			 MOTE_OK);
}

static inline void start(struct machine *machine, enum mode mode,
			 const uint8_t *guest, const uint8_t *end)
{
	struct mti_bare_state state;

	make(machine);
	put(machine, LOAD, guest, (size_t)(end - guest));
	fill_state(&state, mode);
	set(machine, &state);
}

#define START(machine, mode, guest) start(machine, mode, guest, guest##_end)

/* --------------------------------------------------------------- running */

static inline void note(struct machine *machine, const char *text)
{
	size_t size = strlen(text);

	assert_true(machine->used + size < LOG_MAX);
	memcpy(machine->log + machine->used, text, size + 1);
	machine->used += size;
}

static inline void run(struct machine *machine, struct mti_exit *exit)
{
	mote_error err = { .struct_size = sizeof(err) };

	memset(exit, 0, sizeof(*exit));
	if (mti_soft_bare_run(machine->bare, exit, &err) != MOTE_OK)
		fail_msg("%s", err.text);
}

static inline void note_port(struct machine *machine,
			     const struct mti_exit *exit)
{
	char text[32] = "";
	uint32_t i;

	if (exit->number == PORT_TEXT) {
		for (i = 0; i < exit->count; i++) {
			text[0] = (char)exit->data[i];
			note(machine, text);
		}
		return;
	}
	if (exit->number == PORT_VALUE)
		(void)snprintf(text, sizeof(text), "[%x]", exit->value);
	else
		(void)snprintf(text, sizeof(text), "<%u:%x>",
			       exit->number - 0x100, exit->value);
	note(machine, text);
}

/* Until it is no port, or one that ends it; reads get 'q', 'r', ... */
static inline void run_on(struct machine *machine, struct mti_exit *exit)
{
	uint32_t i;

	for (;;) {
		run(machine, exit);
		if (exit->kind != MTI_EXIT_IO || exit->number == PORT_END ||
		    exit->number == PORT_STATE)
			return;
		if (!exit->in)
			note_port(machine, exit);
		else
			for (i = 0; i < exit->count * exit->size; i++)
				exit->data[i] = machine->next++;
	}
}

static inline void expect(struct machine *machine, enum mti_exit_kind kind,
		   const char *log)
{
	struct mti_exit exit;

	run_on(machine, &exit);
	if (exit.kind == MTI_EXIT_MACHINE && kind != MTI_EXIT_MACHINE)
		print_error("%s %llx\n", exit.text,
			    (unsigned long long)exit.detail);
	assert_string_equal(machine->log, log);
	assert_int_equal(exit.kind, kind);
}

static inline void expect_triple(struct machine *machine, const char *log)
{
	struct mti_exit exit;

	run_on(machine, &exit);
	assert_string_equal(machine->log, log);
	assert_int_equal(exit.kind, MTI_EXIT_MACHINE);
	assert_non_null(strstr(exit.text, "triple fault"));
}

#endif
