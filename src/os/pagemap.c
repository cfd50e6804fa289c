/*
 * Which pages of a mapping are private: /proc/self/pagemap (Linux
 * admin-guide, mm/pagemap).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "os/os.h"

#define PAGE_BYTES UINT64_C(4096)
#define ENTRIES 512

#define ENTRY_FILE (UINT64_C(1) << 61) /* or shared memory */
#define ENTRY_SWAPPED (UINT64_C(1) << 62)
#define ENTRY_PRESENT (UINT64_C(1) << 63)

/* struct pm_scan_arg; the C library's headers may be older than it. */
struct scan {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

struct scan_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

#define SCAN _IOWR('f', 16, struct scan)
#define IS_FILE (1u << 2)
#define IS_PRESENT (1u << 3)
#define IS_SWAPPED (1u << 4)
#define IS_ZERO_PAGE (1u << 5)

#define REGIONS 128

static int open_pagemap(void)
{
	return mti_os_open("/proc/self/pagemap", O_RDONLY);
}

int mti_os_scan_private(const void *address, size_t size, size_t *from,
			struct mti_os_range *runs, size_t most)
{
	uint64_t base = (uint64_t)(uintptr_t)address;
	struct scan_region regions[REGIONS];
	struct scan scan = {
		.size = sizeof(scan),
		.start = base + *from,
		.end = base + size,
		.vec = (uint64_t)(uintptr_t)regions,
		.vec_len = most < REGIONS ? most : REGIONS,
		.category_inverted = IS_FILE | IS_ZERO_PAGE,
		.category_mask = IS_FILE | IS_ZERO_PAGE,
		.category_anyof_mask = IS_PRESENT | IS_SWAPPED,
		.return_mask = IS_PRESENT | IS_SWAPPED,
	};
	int fd = open_pagemap();
	int count;
	int i;

	if (fd < 0)
		return fd;
	do {
		count = ioctl(fd, SCAN, &scan);
	} while (count < 0 && errno == EINTR);
	if (count < 0)
		count = -errno;
	mti_os_close(fd);
	for (i = 0; i < count; i++) {
		runs[i].start = regions[i].start - base;
		runs[i].end = regions[i].end - base;
	}
	if (count >= 0)
		*from = scan.walk_end - base;
	return count;
}

static bool is_private(uint64_t entry)
{
	return (entry & (ENTRY_PRESENT | ENTRY_SWAPPED)) &&
	       !(entry & ENTRY_FILE);
}

/* Adds a page to the runs; false if there is no room for it. */
static bool add(struct mti_os_range *runs, size_t *count, size_t most,
		uint64_t page)
{
	if (*count > 0 && runs[*count - 1].end == page) {
		runs[*count - 1].end += PAGE_BYTES;
		return true;
	}
	if (*count == most)
		return false;
	runs[*count].start = page;
	runs[*count].end = page + PAGE_BYTES;
	(*count)++;
	return true;
}

/* Reads entries from *from on; the number of them, or -errno. */
static int64_t read_entries(int fd, uint64_t base, size_t size, size_t from,
			    uint64_t *entries)
{
	size_t want = (size - from) / PAGE_BYTES;
	ssize_t n;

	if (want > ENTRIES)
		want = ENTRIES;
	do {
		n = pread(fd, entries, want * sizeof(*entries),
			  (off_t)((base + from) / PAGE_BYTES *
				  sizeof(*entries)));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 0 ? -EIO : n / (ssize_t)sizeof(*entries);
}

int mti_os_read_private(const void *address, size_t size, size_t *from,
			struct mti_os_range *runs, size_t most)
{
	uint64_t base = (uint64_t)(uintptr_t)address;
	uint64_t entries[ENTRIES];
	int fd = open_pagemap();
	size_t count = 0;
	int64_t got = 0;
	int64_t i;

	if (fd < 0)
		return fd;
	while (*from < size) {
		got = read_entries(fd, base, size, *from, entries);
		for (i = 0; i < got; i++, *from += PAGE_BYTES)
			if (is_private(entries[i]) &&
			    !add(runs, &count, most, *from))
				break;
		if (i < got || got < 0)
			break;
	}
	mti_os_close(fd);
	return got < 0 ? (int)got : (int)count;
}
