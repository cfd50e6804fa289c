/*
 * The guests' memcpy and its like (guest/libc), compiled for the host under
 * other names, against loops that can be believed. Every buffer ends at a
 * page that must not be touched, and one begins behind such a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

void *guest_memcpy(void *to, const void *from, size_t size);
void *guest_memmove(void *to, const void *from, size_t size);
void *guest_memset(void *to, int value, size_t size);
int guest_memcmp(const void *left, const void *right, size_t size);
size_t guest_strlen(const char *text);
void *guest_memchr(const void *data, int value, size_t size);

#define PAGE ((size_t)4096)
#define PAGES 3
#define ROOM (PAGES * PAGE)

/* Sizes on both sides of where the functions change their ways. */
static const size_t large[] = { 255, 256, 257,	320,  511,  513,  700,	767,
				768, 769, 1023, 1024, 1025, 2000, 4096, 5000 };

#define SHORT_MAX 200
#define SIZES (SHORT_MAX + sizeof(large) / sizeof(large[0]))

static size_t size_of(size_t index)
{
	return index < SHORT_MAX ? index : large[index - SHORT_MAX];
}

/* PAGES pages between two that fault. */
static unsigned char *guarded(void)
{
	unsigned char *pages = mmap(NULL, (PAGES + 2) * PAGE, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages + PAGE, ROOM, PROT_READ | PROT_WRITE),
			 0);
	return pages + PAGE;
}

static void release(unsigned char *room)
{
	munmap(room - PAGE, (PAGES + 2) * PAGE);
}

static void fill(unsigned char *room, unsigned int seed)
{
	size_t i;

	for (i = 0; i < ROOM; i++)
		room[i] = (unsigned char)((i * 2654435761u + seed) >> 7);
}

/* Byte by byte, through a copy: right whatever overlaps. */
static void believe_move(unsigned char *room, size_t to, size_t from,
			 size_t size)
{
	static unsigned char copy[ROOM];
	size_t i;

	for (i = 0; i < size; i++)
		copy[i] = room[from + i];
	for (i = 0; i < size; i++)
		room[to + i] = copy[i];
}

static void check_same(const unsigned char *a, const unsigned char *b)
{
	size_t i;

	for (i = 0; i < ROOM; i++)
		if (a[i] != b[i])
			fail_msg("byte %zu differs", i);
}

static void test_memcpy(void **state)
{
	unsigned char *room = guarded();
	unsigned char *wanted = guarded();
	size_t k;
	size_t shift;

	(void)state;
	for (k = 0; k < SIZES; k++) {
		for (shift = 0; shift < 18; shift++) {
			size_t size = size_of(k);
			size_t to = shift;
			size_t from = ROOM - size - shift / 3;

			fill(room, (unsigned int)k);
			fill(wanted, (unsigned int)k);
			believe_move(wanted, to, from, size);
			assert_ptr_equal(
				guest_memcpy(room + to, room + from, size),
				room + to);
			check_same(room, wanted);
		}
	}
	release(room);
	release(wanted);
}

static void test_memmove(void **state)
{
	static const size_t distances[] = { 0,	1,  2,	3,  7,	8,   15,  16,
					    17, 31, 63, 64, 65, 127, 129, 800 };
	unsigned char *room = guarded();
	unsigned char *wanted = guarded();
	size_t k;
	size_t d;

	(void)state;
	for (k = 0; k < SIZES; k++) {
		for (d = 0; d < sizeof(distances) / sizeof(distances[0]); d++) {
			size_t size = size_of(k);
			size_t low = ROOM - size - distances[d];
			size_t high = ROOM - size;

			fill(room, (unsigned int)k);
			fill(wanted, (unsigned int)k);
			believe_move(wanted, high, low, size);
			assert_ptr_equal(
				guest_memmove(room + high, room + low, size),
				room + high);
			check_same(room, wanted);
			believe_move(wanted, low, high, size);
			guest_memmove(room + low, room + high, size);
			check_same(room, wanted);
		}
	}
	release(room);
	release(wanted);
}

static void test_memset(void **state)
{
	unsigned char *room = guarded();
	unsigned char *wanted = guarded();
	size_t k;
	size_t shift;
	size_t i;

	(void)state;
	for (k = 0; k < SIZES; k++) {
		for (shift = 0; shift < 17; shift++) {
			size_t size = size_of(k);
			size_t to = shift % 2 ? shift : ROOM - size - shift;

			fill(room, (unsigned int)k);
			fill(wanted, (unsigned int)k);
			for (i = 0; i < size; i++)
				wanted[to + i] = 0xa5;
			assert_ptr_equal(guest_memset(room + to, 0x7a5, size),
					 room + to);
			check_same(room, wanted);
		}
	}
	release(room);
	release(wanted);
}

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void test_memcmp(void **state)
{
	unsigned char *left = guarded();
	unsigned char *right = guarded();
	size_t k;
	size_t at;

	(void)state;
	for (k = 0; k < SIZES; k++) {
		size_t size = size_of(k);
		unsigned char *a = left + ROOM - size;
		unsigned char *b = right + k % 7;

		fill(left, 1);
		for (at = 0; at < size; at++)
			b[at] = a[at];
		assert_int_equal(guest_memcmp(a, b, size), 0);
		for (at = 0; at < size; at += 1 + at / 8) {
			/* Bytes are compared unsigned. */
			b[at] = (unsigned char)(a[at] ^ 0x80);
			assert_int_equal(sign(guest_memcmp(a, b, size)),
					 a[at] > b[at] ? 1 : -1);
			assert_int_equal(sign(guest_memcmp(b, a, size)),
					 a[at] > b[at] ? -1 : 1);
			/* What comes later does not count. */
			assert_int_equal(guest_memcmp(a, b, at), 0);
			b[at] = a[at];
		}
	}
	release(left);
	release(right);
}

static void test_strlen(void **state)
{
	unsigned char *room = guarded();
	size_t k;
	size_t i;

	(void)state;
	for (k = 0; k < SIZES; k++) {
		size_t size = size_of(k);
		size_t at = ROOM - size - 1;

		for (i = 0; i < ROOM; i++)
			room[i] = 0xff;
		/* Zeros just before it are not its end. */
		for (i = at > 20 ? at - 20 : 0; i < at; i++)
			room[i] = 0;
		room[ROOM - 1] = 0;
		assert_int_equal(guest_strlen((char *)room + at), size);
		room[ROOM - 1] = 0xff;
		room[k % 16] = 1;
		room[size + k % 16] = 0;
		if (size > 0)
			assert_int_equal(guest_strlen((char *)room + k % 16),
					 size);
	}
	release(room);
}

static void test_memchr(void **state)
{
	unsigned char *room = guarded();
	size_t k;
	size_t at;
	size_t i;

	(void)state;
	for (k = 0; k < SIZES; k++) {
		size_t size = size_of(k);
		unsigned char *data = room + ROOM - size;

		for (i = 0; i < ROOM; i++)
			room[i] = 0x81;
		/* Just before and behind it does not count. */
		data[-1] = 0x80;
		assert_null(guest_memchr(data, 0x180, size));
		assert_null(guest_memchr(room, 0x80, size / 2));
		for (at = 0; at < size; at += 1 + at / 8) {
			data[at] = 0x80;
			assert_ptr_equal(guest_memchr(data, 0x180, size),
					 data + at);
			assert_null(guest_memchr(data, 0x80, at));
			data[at] = 0x81;
		}
	}
	release(room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memcpy), cmocka_unit_test(test_memmove),
		cmocka_unit_test(test_memset), cmocka_unit_test(test_memcmp),
		cmocka_unit_test(test_strlen), cmocka_unit_test(test_memchr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
