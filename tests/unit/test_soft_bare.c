/*
 * The bare x86 CPU over Unicorn, without a sandbox around it: small guests
 * of soft_bare_guests.S say what they see, and it is what a real CPU shows.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

#include "harness/random.h"
#include "unit/soft_bare_machine.h"

GUEST(guest_real);
GUEST(guest_protected);
GUEST(guest_paged);
GUEST(guest_user);
GUEST(guest_pae);
GUEST(guest_triple);
GUEST(guest_double);
GUEST(guest_loop);
GUEST(guest_spin);
GUEST(guest_lost);
GUEST(guest_no_gdt);
GUEST(guest_string_out);
GUEST(guest_step);
GUEST(guest_state);
GUEST(guest_long);
GUEST(guest_long_user);

/* ----------------------------------------------------------------- tests */

static void test_real(void **state)
{
	struct machine machine;

	(void)state;
	START(&machine, REAL, guest_real);
	expect(&machine, MTI_EXIT_HALT, "abdfoutqrsturn");
	/* Behind HLT it goes on. */
	expect(&machine, MTI_EXIT_HALT, "abdfoutqrsturn.");
	drop(&machine);
}

static void test_protected(void **state)
{
	struct machine machine;

	(void)state;
	START(&machine, PROTECTED, guest_protected);
	expect(&machine, MTI_EXIT_IO,
	       "p<48:0><6:0><13:48><11:30><13:0><0:0><13:18a>m<8:0>sy"
	       "<48:0><13:0>u<13:0><13:0>");
	drop(&machine);
}

/* 4 MiB that are themselves, and a table for the next 4. */
static void fill_directory(struct machine *machine, uint64_t at, uint32_t table)
{
	put_word(machine, at, 0x83);
	put_word(machine, at + 4, table | 7);
}

static void put_printer(struct machine *machine, uint64_t at, char character)
{
	const uint8_t code[] = {
		0xb0, (uint8_t)character, 0xe6, PORT_TEXT, 0xc3,
	};

	put(machine, at, code, sizeof(code));
}

static void fill_two_spaces(struct machine *machine)
{
	fill_directory(machine, 0x100000, 0x102000);
	fill_directory(machine, 0x101000, 0x103000);
	put_word(machine, 0x102000, 0x200003);
	put_word(machine, 0x102004, 0x201003);
	put_word(machine, 0x102008, 0x202007);
	put_word(machine, 0x10200c, 0x203001);
	put_word(machine, 0x103000, 0x206003);
	put_word(machine, 0x103004, 0x201003);
	put_word(machine, 0x103008, 0x202007);
	put_word(machine, 0x10300c, 0x207001);
	put_printer(machine, 0x203000, 'a');
	put_printer(machine, 0x207000, 'b');
	put(machine, 0x202000, guest_user,
	    (size_t)(guest_user_end - guest_user));
}

static void test_paged(void **state)
{
	struct machine machine;

	(void)state;
	START(&machine, PROTECTED, guest_paged);
	fill_two_spaces(&machine);
	expect(&machine, MTI_EXIT_IO,
	       "1SAaba<14:0><14:3>[403000]<14:3>[403008]<14:3>[9000]w<14:0><14:"
	       "0>"
	       "U<48:0><14:5>");
	assert_int_equal(machine.memory[0x200000], 'A');
	assert_int_equal(machine.memory[0x201000], 'S');
	assert_int_equal(machine.memory[0x206000], 'B');
	assert_int_equal(get_word(&machine, 0x203800), 0x99);
	/* The write that failed half has left nothing. */
	assert_int_equal(get_word(&machine, 0x202ffc), 0);
	/* Accessed and dirty: the first by reads, the second by writes. */
	assert_int_equal(get_word(&machine, 0x100000), 0xe3);
	assert_int_equal(get_word(&machine, 0x102000), 0x200063);
	assert_int_equal(get_word(&machine, 0x103004), 0x201023);
	assert_int_equal(get_word(&machine, 0x103008), 0x202007);
	assert_int_equal(get_word(&machine, 0x100004), 0x102027);
	drop(&machine);
}

static void test_pae(void **state)
{
	struct machine machine;

	(void)state;
	START(&machine, PROTECTED, guest_pae);
	put_long(&machine, 0x100000, 0x101001);
	put_long(&machine, 0x101000, 0x83);
	put_long(&machine, 0x101010, 0x102003);
	put_long(&machine, 0x102000, UINT64_C(0x8000000000400003));
	put_long(&machine, 0x101018, 0x10000000600083);
	put_long(&machine, 0x101020, UINT64_C(0x1000000800083));
	expect(&machine, MTI_EXIT_HALT, "2P<14:11><14:9><14:9>");
	assert_int_equal(get_word(&machine, 0x100000), 0x101001);
	assert_int_equal(get_word(&machine, 0x101010), 0x102023);
	assert_int_equal(get_word(&machine, 0x102000), 0x400063);
	drop(&machine);
}

static void test_long(void **state)
{
	struct machine machine;
	size_t size = (size_t)(guest_long_user_end - guest_long_user);
	char log[LOG_MAX];

	(void)state;
	START(&machine, LONG, guest_long);
	put_long(&machine, 0x100000, 0x101007);
	put_long(&machine, 0x101000, 0x102007);
	put_long(&machine, 0x102000, 0x83);
	put_long(&machine, 0x102008, 0x200087);
	put_long(&machine, 0x102010, UINT64_C(0x8000000000400083));
	put_long(&machine, 0x102018, UINT64_C(0x8000000600083));
	put_long(&machine, 0x101008, UINT64_C(0x1000000102007));
	put(&machine, 0x200000, guest_long_user, size);
	(void)snprintf(log, sizeof(log),
		       "L<3:0><6:0><14:0>[12]<13:0><14:11><14:9><14:9><13:0>"
		       "[11223344]UK[%x]cG",
		       (unsigned int)(0x200000 + size));
	expect(&machine, MTI_EXIT_HALT, log);
	drop(&machine);
}

static void test_ends(void **state)
{
	struct machine machine;

	(void)state;
	START(&machine, PROTECTED, guest_triple);
	expect_triple(&machine, "t");
	drop(&machine);
	START(&machine, PROTECTED, guest_double);
	fill_two_spaces(&machine);
	expect_triple(&machine, "U");
	drop(&machine);
	START(&machine, PROTECTED, guest_lost);
	expect_triple(&machine, "o");
	drop(&machine);
}

static void test_no_gdt(void **state)
{
	struct machine machine;
	struct mti_exit exit;

	(void)state;
	START(&machine, PROTECTED, guest_no_gdt);
	run_on(&machine, &exit);
	assert_int_equal(exit.kind, MTI_EXIT_MACHINE);
	assert_non_null(strstr(exit.text, "outside memory"));
	assert_int_equal(exit.detail, 0x70000008);
	drop(&machine);
}

static void test_step(void **state)
{
	struct machine machine;

	(void)state;
	START(&machine, PROTECTED, guest_step);
	expect(&machine, MTI_EXIT_HALT, "ssssss.");
	drop(&machine);
}

/* As KVM has it: one exit for each, with the registers of that one. */
static void test_string_out(void **state)
{
	struct mti_bare_state cpu;
	mote_error err = { .struct_size = sizeof(err) };
	struct machine machine;
	struct mti_exit exit;
	uint64_t left;

	(void)state;
	START(&machine, PROTECTED, guest_string_out);
	for (left = 5; left-- > 0;) {
		run(&machine, &exit);
		assert_int_equal(exit.kind, MTI_EXIT_IO);
		assert_int_equal(exit.number, PORT_STATE);
		assert_int_equal(exit.size, 4);
		assert_int_equal(exit.count, 1);
		assert_int_equal(mti_soft_bare_get(machine.bare, &cpu, &err),
				 MOTE_OK);
		assert_int_equal(cpu.general[2], left);
	}
	run(&machine, &exit);
	assert_int_equal(exit.kind, MTI_EXIT_HALT);
	drop(&machine);
}

/* ------------------------------------------------------------------ kick */

static void *kick(void *bare)
{
	mti_soft_bare_kick(bare, true);
	return NULL;
}

static void check_kick(const uint8_t *guest, const uint8_t *end)
{
	struct machine machine;
	struct mti_exit exit;
	pthread_t thread;

	start(&machine, PROTECTED, guest, end);
	run(&machine, &exit);
	assert_int_equal(exit.number, PORT_TEXT);
	assert_int_equal(pthread_create(&thread, NULL, kick, machine.bare), 0);
	run(&machine, &exit);
	assert_int_equal(exit.kind, MTI_EXIT_INTERRUPTED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* Until it is taken back. */
	run(&machine, &exit);
	assert_int_equal(exit.kind, MTI_EXIT_INTERRUPTED);
	mti_soft_bare_kick(machine.bare, false);
	assert_int_equal(pthread_create(&thread, NULL, kick, machine.bare), 0);
	run(&machine, &exit);
	assert_int_equal(exit.kind, MTI_EXIT_INTERRUPTED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	drop(&machine);
}

static void test_kick(void **state)
{
	(void)state;
	check_kick(guest_loop, guest_loop_end);
	check_kick(guest_spin, guest_spin_end);
}

/* ----------------------------------------------------------------- state */

static void check_segment(const struct mti_bare_segment *found,
			  const struct mti_bare_segment *expected)
{
	assert_int_equal(found->base, expected->base);
	assert_int_equal(found->limit, expected->limit);
	assert_int_equal(found->selector, expected->selector);
	assert_int_equal(found->attributes, expected->attributes);
	assert_int_equal(found->unusable, expected->unusable);
}

/* All but the padding of segments, which nobody sets. */
static void check_same(const struct mti_bare_state *found,
		       const struct mti_bare_state *expected)
{
	const size_t after = offsetof(struct mti_bare_state, cr0);
	unsigned int i;

	assert_memory_equal(found->general, expected->general,
			    sizeof(found->general));
	for (i = 0; i < MTI_BARE_SEGMENTS; i++)
		check_segment(&found->segments[i], &expected->segments[i]);
	check_segment(&found->gdt, &expected->gdt);
	check_segment(&found->idt, &expected->idt);
	assert_memory_equal((const uint8_t *)found + after,
			    (const uint8_t *)expected + after,
			    offsetof(struct mti_bare_state, vector_size) +
				    sizeof(found->vector_size) - after);
}

static void test_state(void **state)
{
	struct machine first;
	struct machine second;
	struct mti_bare_state saved;
	struct mti_bare_state again;
	struct mti_exit exit;
	mote_error err = { .struct_size = sizeof(err) };
	const uint32_t answer = 0x77;

	(void)state;
	START(&first, PROTECTED, guest_state);
	run_on(&first, &exit);
	assert_int_equal(exit.kind, MTI_EXIT_IO);
	assert_true(exit.in);
	memcpy(exit.data, &answer, sizeof(answer));
	assert_int_equal(mti_soft_bare_get(first.bare, &saved, &err), MOTE_OK);
	assert_int_equal(saved.general[0], answer);
	assert_int_equal(saved.segments[MTI_BARE_GS].base, 0x700);
	make(&second);
	memcpy(second.memory, first.memory, MEMORY);
	assert_int_equal(mti_soft_bare_set(second.bare, &saved, &err), MOTE_OK);
	assert_int_equal(mti_soft_bare_get(second.bare, &again, &err), MOTE_OK);
	check_same(&again, &saved);
	expect(&second, MTI_EXIT_HALT,
	       "[77]g[4][1020304][12345678][4321]<48:0>");
	expect(&first, MTI_EXIT_HALT,
	       "[77]g[4][1020304][12345678][4321]<48:0>");
	assert_memory_equal(first.memory, second.memory, MEMORY);
	assert_int_equal(mti_soft_bare_get(first.bare, &saved, &err), MOTE_OK);
	assert_int_equal(mti_soft_bare_get(second.bare, &again, &err), MOTE_OK);
	check_same(&again, &saved);
	drop(&first);
	drop(&second);
}

static void refused(struct machine *machine, const struct mti_bare_state *state,
		    const char *what)
{
	mote_error err = { .struct_size = sizeof(err) };

	assert_int_equal(mti_soft_bare_set(machine->bare, state, &err),
			 MOTE_E_INVALID);
	if (!strstr(err.text, what))
		fail_msg("%s: %s", what, err.text);
}

static void test_refused(void **state)
{
	struct machine machine;
	struct mti_bare_state bad;
	struct mti_exit exit;
	mote_error err = { .struct_size = sizeof(err) };

	(void)state;
	make(&machine);
	assert_int_equal(mti_soft_bare_run(machine.bare, &exit, &err),
			 MOTE_E_STATE);
	assert_int_equal(mti_soft_bare_get(machine.bare, &bad, &err),
			 MOTE_E_STATE);
#define REFUSED(what, change)                                                  \
	do {                                                                   \
		fill_state(&bad, PROTECTED);                                   \
		change;                                                        \
		refused(&machine, &bad, what);                                 \
	} while (0)
	REFUSED("CR0", bad.cr0 = UINT64_C(1) << 40);
	REFUSED("EFER", bad.cr0 = 0x80000010);
	REFUSED("CR4", bad.cr4 = UINT64_C(1) << 18);
	REFUSED("EFER", bad.efer = 0x400);
	REFUSED("CR8", bad.cr8 = 1);
	REFUSED("XCR0", bad.xcr0 = 7);
	REFUSED("RFLAGS", bad.general[17] = 1u << 17);
	REFUSED("RIP", bad.general[16] = UINT64_C(1) << 32);
	REFUSED("CS base", bad.segments[0].base = UINT64_C(1) << 32);
	REFUSED("GDT", bad.gdt.base = UINT64_C(1) << 32);
	REFUSED("IDT", bad.idt.base = UINT64_C(1) << 32);
	REFUSED("XSAVE", bad.vector_size = 12);
	REFUSED("XSAVE", bad.vector_size = 4097);
	REFUSED("XSTATE_BV", bad.vector_size = 576; bad.vector[512] = 7);
	REFUSED("MXCSR", bad.vector_size = 576; bad.vector[512] = 3;
		bad.vector[27] = 1);
	drop(&machine);
}

/* ------------------------------------------------------------ any bytes */

/* What no CPU takes, and Unicorn's translator ends the process for. */
static void test_invalid(void **state)
{
	static const uint8_t codes[][8] = {
		{ 0xf0, 0x0f, 0xba, 0xfa, 0x3b }, /* lock btc of a register */
		{ 0xff, 0xde },			  /* lcall *%si */
		{ 0xff, 0xee },			  /* ljmp *%si */
		{ 0xf0, 0xa7 },			  /* lock cmps */
		{ 0xf0, 0x01, 0xc0 },		  /* lock add of a register */
		{ 0xf0, 0x39, 0x03 },		  /* lock cmp */
		{ 0x0f, 0x01, 0xd8 },		  /* vmrun */
		{ 0x0f, 0xb2, 0xc0 },		  /* lss of a register */
		{ 0xc5, 0xf8, 0x77 },		  /* vzeroupper */
	};
	static const uint8_t behind[] = { 0xfa, 0xea, 0xf1, 0xff, 0xef };
	struct machine machine;
	unsigned int mode;
	size_t i;

	(void)state;
	for (mode = REAL; mode <= LONG; mode++) {
		for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			start(&machine, mode, codes[i], codes[i] + 8);
			put_long(&machine, 0x100000, 0x101007);
			put_long(&machine, 0x101000, 0x102007);
			put_long(&machine, 0x102000, 0x83);
			/* Real mode: to HLT, from vector 6. */
			put_word(&machine, 24, 0x500);
			machine.memory[0x500] = 0xf4;
			if (mode == REAL)
				expect(&machine, MTI_EXIT_HALT, "");
			else
				expect_triple(&machine, "");
			drop(&machine);
		}
	}
	/* CLI is translated as two bytes, the second is not LJMP's. */
	start(&machine, LONG, behind, behind + sizeof(behind));
	put_long(&machine, 0x100000, 0x101007);
	put_long(&machine, 0x101000, 0x102007);
	put_long(&machine, 0x102000, 0x83);
	expect_triple(&machine, "");
	drop(&machine);
}

struct kicker {
	atomic_bool done;
	struct mti_soft_bare *bare;
};

static void *keep_kicking(void *user)
{
	struct kicker *kicker = user;

	while (!atomic_load(&kicker->done)) {
		mti_soft_bare_kick(kicker->bare, true);
		(void)sched_yield();
	}
	return NULL;
}

static void run_kicked(struct machine *machine)
{
	struct kicker kicker = { .bare = machine->bare };
	struct mti_exit exit;
	pthread_t thread;
	unsigned int i;

	assert_int_equal(pthread_create(&thread, NULL, keep_kicking, &kicker),
			 0);
	for (i = 0; i < 100; i++) {
		mti_soft_bare_kick(machine->bare, false);
		run(machine, &exit);
		if (exit.kind == MTI_EXIT_MACHINE)
			break;
	}
	atomic_store(&kicker.done, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Whatever runs, with whatever tables: it ends by itself or by a kick. */
static void test_noise(void **state)
{
	struct random_source *source = *state;
	struct mti_bare_state cpu;
	struct machine machine;
	unsigned int round;
	unsigned int i;

	for (round = 0; round < 30; round++) {
		mote_error err = { .struct_size = sizeof(err) };

		make(&machine);
		for (i = 0; i < 0x20000; i++)
			machine.memory[i] = (uint8_t)random_below(source, 256);
		fill_state(&cpu, round % 3);
		cpu.cr3 = 0x3000;
		cpu.gdt.limit = 0xffff;
		cpu.idt.limit = 0xffff;
		cpu.idt.base = 0x4000;
		cpu.gdt.base = 0x5000;
		/* Enough of tables for the code to be found. */
		put_long(&machine, 0x3000, 0x1f007);
		put_long(&machine, 0x1f000, 0x1e007);
		put_long(&machine, 0x1e000, 0x87);
		for (i = 0; i < 16; i++)
			cpu.general[i] = random_below(source, 0x20000);
		assert_int_equal(mti_soft_bare_set(machine.bare, &cpu, &err),
				 MOTE_OK);
		run_kicked(&machine);
		drop(&machine);
	}
}

int main(int argc, char **argv)
{
	struct random_source source;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_protected),
		cmocka_unit_test(test_paged),
		cmocka_unit_test(test_pae),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_no_gdt),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_string_out),
		cmocka_unit_test(test_kick),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test_prestate(test_noise, &source),
	};

	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
