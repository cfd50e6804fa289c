/*
 * Images with random damage, in blocks of exactly their size: nothing may be
 * read beyond, nothing may leak, and what is accepted must be what elf.h
 * promises. The seed is printed.
 */
#include "harness/unit.h"

#include <stdlib.h>
#include <string.h>

#include "harness/elf_builder.h"
#include "harness/elf_promises.h"
#include "harness/failing_allocator.h"
#include "harness/random.h"

#define ROUNDS 20000

static uint64_t seed;

/*
 * Most of an image is padding and code: aims half of the changes at the
 * header, the program headers in use and the note.
 */
static size_t damage(struct random_source *source, struct elf_image *image)
{
	static const struct {
		size_t at;
		size_t size;
	} places[] = {
		{ 0, ELF_AT_PROGRAM },
		{ ELF_AT_PROGRAM, (ELF_SPARE + 1) * sizeof(Elf64_Phdr) },
		{ ELF_AT_NOTE, ELF_AT_NOTE_END - ELF_AT_NOTE },
		{ ELF_AT_EXPORTS, ELF_AT_TEXT - ELF_AT_EXPORTS },
	};
	size_t place = random_below(source, 8);

	if (place >= 4)
		return random_mutate(source, image->bytes, image->size);
	random_mutate(source, image->bytes + places[place].at,
		      places[place].size);
	return image->size;
}

static void test_mutations(void **state)
{
	struct random_source source = { seed };
	struct failing_allocator memory;
	struct elf_image image;
	const char *broken;
	struct mti_elf elf;
	unsigned char *exact;
	mote_status status;
	size_t accepted = 0;
	size_t size;
	size_t round;

	(void)state;
	for (round = 0; round < ROUNDS; round++) {
		image = elf_image_new(round % 2, 0);
		size = damage(&source, &image);
		exact = malloc(size ? size : 1);
		assert_non_null(exact);
		memcpy(exact, image.bytes, size);
		elf_image_free(&image);
		failing_allocator_init(&memory, 0, false);
		status = mti_elf_parse(exact, size, &memory.allocator, &elf,
				       NULL);
		if (status == MOTE_OK) {
			accepted++;
			broken = elf_broken_promise(&elf, exact, size);
			if (broken)
				fail_msg("round %zu: %s", round, broken);
			mti_elf_fini(&elf, &memory.allocator);
		} else {
			assert_int_equal(status, MOTE_E_IMAGE);
		}
		assert_int_equal(memory.live, 0);
		assert_true(memory.bytes <= size);
		free(exact);
	}
	assert_true(accepted > 0 && accepted < ROUNDS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutations),
	};

	seed = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
