/*
 * Anonymous memory from the heap window. The host sets protections, once:
 * the heap is always readable and writable and never executable.
 */
#include "libc/libc.h"

#include <errno.h>
#include <sys/mman.h>

#include "port.h"

/* Bytes to pages; 0 if there are none or too many to count. */
static size_t pages_in(uint64_t size)
{
	if (size > MOTE_HEAP_MAX)
		return SIZE_MAX;
	return (size + MOTE_PAGE_SIZE - 1) / MOTE_PAGE_SIZE;
}

static bool aligned(uint64_t address)
{
	return address % MOTE_PAGE_SIZE == 0;
}

long mote_libc_mmap(const uint64_t *args)
{
	size_t count = pages_in(args[1]);
	uint64_t protection = args[2];
	uint64_t flags = args[3];
	void *memory;

	if (count == 0)
		return -EINVAL;
	if ((protection & PROT_EXEC) != 0)
		return -EACCES;
	if ((flags & MAP_ANONYMOUS) == 0)
		return -EBADF;
	if ((flags & MAP_FIXED) != 0)
		return -EINVAL;
	memory = mote_rt_pages_take(count, true);
	return memory != NULL ? (long)memory : -ENOMEM;
}

long mote_libc_munmap(const uint64_t *args)
{
	size_t count = pages_in(args[1]);

	if (!aligned(args[0]) || count == 0 ||
	    !mote_rt_pages_within(args[0], (uint64_t)count * MOTE_PAGE_SIZE))
		return -EINVAL;
	mote_rt_pages_give((void *)args[0], count);
	return 0;
}

static long move(uint64_t from, size_t had, size_t count)
{
	void *memory = mote_rt_pages_take(count, true);

	if (memory == NULL)
		return -ENOMEM;
	copy_bytes(memory, (const void *)from, had * MOTE_PAGE_SIZE);
	mote_rt_pages_give((void *)from, had);
	return (long)memory;
}

long mote_libc_mremap(const uint64_t *args)
{
	uint64_t address = args[0];
	size_t had = pages_in(args[1]);
	size_t count = pages_in(args[2]);
	uint64_t flags = args[3];

	if (!aligned(address) || count == 0 || had == 0 ||
	    (flags & ~(uint64_t)MREMAP_MAYMOVE) != 0)
		return -EINVAL;
	if (had > MOTE_HEAP_MAX / MOTE_PAGE_SIZE ||
	    !mote_rt_pages_used(address, had * MOTE_PAGE_SIZE))
		return -EFAULT;
	if (had > count) {
		mote_rt_pages_give((char *)address + count * MOTE_PAGE_SIZE,
				   had - count);
		return (long)address;
	}
	if (count == had ||
	    mote_rt_pages_extend((char *)address + had * MOTE_PAGE_SIZE,
				 count - had))
		return (long)address;
	if ((flags & MREMAP_MAYMOVE) == 0)
		return -ENOMEM;
	return move(address, had, count);
}

long mote_libc_mprotect(const uint64_t *args)
{
	size_t count = pages_in(args[1]);

	if (!aligned(args[0]))
		return -EINVAL;
	if ((args[2] & PROT_EXEC) != 0)
		return -EACCES;
	if (count == 0)
		return 0;
	if (!mote_rt_pages_within(args[0], (uint64_t)count * MOTE_PAGE_SIZE))
		return -EACCES;
	return 0;
}

long mote_libc_madvise(const uint64_t *args)
{
	size_t count = pages_in(args[1]);

	if (!aligned(args[0]))
		return -EINVAL;
	if (count == 0 || args[2] != MADV_DONTNEED)
		return 0;
	/* The one advice that programs rely on: the pages read as zero. */
	if (count == SIZE_MAX ||
	    !mote_rt_pages_used(args[0], (uint64_t)count * MOTE_PAGE_SIZE))
		return -ENOMEM;
	zero_bytes((void *)args[0], count * MOTE_PAGE_SIZE);
	return 0;
}
