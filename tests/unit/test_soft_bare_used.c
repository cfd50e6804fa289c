/*
 * The bare x86 CPU after it has been used: by another guest, and by one that
 * wants much of the emulator.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "harness/random.h"
#include "unit/soft_bare_machine.h"

GUEST(guest_plain_triple);
GUEST(guest_wide_reads);
GUEST(guest_wide_code);

/* The next user of a CPU finds nothing of the last one's code. */
static void test_used(void **state)
{
	static const enum mode modes[] = { REAL, PROTECTED };
	struct mti_bare_state cpu;
	struct machine machine;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		unsigned int round;

		START(&machine, PROTECTED, guest_plain_triple);
		for (round = 0; round < 4; round++) {
			fill_state(&cpu, modes[i]);
			cpu.idt.limit = 0;
			set(&machine, &cpu);
			expect_triple(&machine, "");
		}
		drop(&machine);
	}
}

/* What Linux says this process has in memory. */
static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
	(void)fclose(file);
	return pages * (size_t)4096;
}

/* What a guest without a pause makes the emulator take. */
static size_t growth(struct machine *machine)
{
	struct mti_exit exit;
	size_t before;
	size_t after;
	uint32_t i;

	put_word(machine, 0x100000, 0x83);
	for (i = 1; i <= 48; i++)
		put_word(machine, 0x100000 + 4 * i, 0x400083);
	before = resident();
	run(machine, &exit);
	after = resident();
	assert_int_equal(exit.kind, MTI_EXIT_IO);
	print_message("%zu KiB more\n", (after - before) / 1024);
	drop(machine);
	return after - before;
}

static void test_wide_reads(void **state)
{
	struct machine machine;

	(void)state;
	START(&machine, PROTECTED, guest_wide_reads);
	assert_in_range(growth(&machine), 0, 64 << 20);
}

/* Blocks of 16 bytes: NOPs, and a jump to the next. */
static void test_wide_code(void **state)
{
	static const uint8_t last[] = { 0xe7, PORT_STATE };
	struct machine machine;
	uint32_t i;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	/* It keeps what was freed. */
	skip();
#endif
	START(&machine, PROTECTED, guest_wide_code);
	memset(machine.memory + 0x400000, 0x90, 0x400000);
	for (i = 0x40000e; i < 0x7ffff0; i += 16)
		put_word(&machine, i, 0x909000eb);
	put(&machine, 0x5ffff0, last, sizeof(last));
	assert_in_range(growth(&machine), 0, 12 << 20);
}

struct kicker {
	atomic_bool done;
	struct mti_soft_bare *bare;
};

/* An opcode that is rare in plain noise, and some bytes behind it. */
static size_t make_insn(struct random_source *source, uint8_t *code)
{
	static const uint8_t rare[] = {
		0x9a, 0xea, 0xff, 0xcf, 0xcb, 0xca, 0xc2, 0x8e, 0x8c, 0xcd,
		0xe6, 0xe4, 0x6c, 0x6e, 0xf3, 0xf2, 0xf0, 0x66, 0x67, 0x9d,
		0x9c, 0xd9, 0xdb, 0xdf, 0xa5, 0xab, 0x62, 0xc4, 0xc5, 0x0f,
	};
	size_t size = 2 + (size_t)random_below(source, 6);
	size_t i;

	for (i = 0; i < size; i++)
		code[i] = (uint8_t)random_below(source, 256);
	if (random_below(source, 3) > 0)
		code[0] = rare[random_below(source, sizeof(rare))];
	return size;
}

static void *kick_later(void *user)
{
	struct kicker *kicker = user;
	unsigned int i;

	for (i = 0; i < 300 && !atomic_load(&kicker->done); i++)
		(void)sched_yield();
	mti_soft_bare_kick(kicker->bare, true);
	return NULL;
}

/* With any number of ports on the way; false: it had to be kicked. */
static bool ends(struct machine *machine, struct mti_exit *exit)
{
	unsigned int ports = 0;

	do
		run(machine, exit);
	while (exit->kind == MTI_EXIT_IO && ports++ < 100);
	return exit->kind != MTI_EXIT_INTERRUPTED;
}

static bool ends_by_itself(struct machine *machine, struct mti_exit *exit)
{
	struct kicker kicker = { .bare = machine->bare };
	pthread_t thread;
	bool ended;

	assert_int_equal(pthread_create(&thread, NULL, kick_later, &kicker),
			 0);
	ended = ends(machine, exit);
	atomic_store(&kicker.done, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	mti_soft_bare_kick(machine->bare, false);
	return ended;
}

#define NOISE_CODE 0x400

static void fill_again(struct machine *machine, const uint8_t *code,
		       enum mode mode)
{
	struct mti_bare_state cpu;

	memset(machine->memory, 0, MEMORY);
	put(machine, LOAD, code, NOISE_CODE);
	put_long(machine, 0x100000, 0x101007);
	put_long(machine, 0x101000, 0x102007);
	put_long(machine, 0x102000, 0x83);
	fill_state(&cpu, mode);
	cpu.idt.limit = 0;
	set(machine, &cpu);
}

/* What ended once ends, too, on the CPU that has been used. */
static void test_noise_again(void **state)
{
	struct random_source *source = *state;
	uint8_t code[NOISE_CODE + 8];
	struct machine machine;
	struct mti_exit exit;
	unsigned int round;
	unsigned int i;
	size_t size;

	for (round = 0; round < 60; round++) {
		for (size = 0; size < NOISE_CODE;)
			size += make_insn(source, code + size);
		/* RDTSC, RDTSCP: nothing is twice the same. */
		for (size = 0; size < NOISE_CODE; size++)
			if (code[size] == 0x31 || code[size] == 0xf9)
				code[size] = 0x90;
		make(&machine);
		fill_again(&machine, code, round % 3);
		if (ends_by_itself(&machine, &exit)) {
			for (i = 0; i < 2; i++) {
				fill_again(&machine, code, round % 3);
				assert_true(ends(&machine, &exit));
			}
		}
		drop(&machine);
	}
}

int main(int argc, char **argv)
{
	struct random_source source;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_used),
		cmocka_unit_test(test_wide_reads),
		cmocka_unit_test(test_wide_code),
		cmocka_unit_test_prestate(test_noise_again, &source),
	};

	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
