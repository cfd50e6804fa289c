/*
 * See cfi.h: the records of .eh_frame, their index, and what to make of one.
 */
#include "debug/cfi.h"

#include <string.h>

#include "base/checked.h"
#include "debug/cfi_program.h"

/* LSB Core, "DWARF Exception Header Encoding". */
enum {
	DW_EH_PE_ABSPTR = 0x00,
	DW_EH_PE_UDATA2 = 0x02,
	DW_EH_PE_UDATA4 = 0x03,
	DW_EH_PE_UDATA8 = 0x04,
	DW_EH_PE_SDATA2 = 0x0a,
	DW_EH_PE_SDATA4 = 0x0b,
	DW_EH_PE_SDATA8 = 0x0c,
	DW_EH_PE_PCREL = 0x10,
};

/* How far back a range that holds an address is looked for. */
#define FIND_STEPS 16

static uint64_t take_encoded(struct mti_cursor *cursor, uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case DW_EH_PE_ABSPTR:
	case DW_EH_PE_UDATA8:
	case DW_EH_PE_SDATA8:
		return mti_take(cursor, 8);
	case DW_EH_PE_UDATA2:
		return mti_take(cursor, 2);
	case DW_EH_PE_UDATA4:
		return mti_take(cursor, 4);
	case DW_EH_PE_SDATA2:
		return (uint64_t)mti_take_signed(cursor, 2);
	case DW_EH_PE_SDATA4:
		return (uint64_t)mti_take_signed(cursor, 4);
	default:
		cursor->bad = true;
		return 0;
	}
}

uint64_t mti_cfi_take_address(const struct mti_object *object,
			      struct mti_cursor *cursor, uint8_t encoding)
{
	uint64_t place = object->frames.address +
			 (uint64_t)(cursor->at - object->frames.data);
	uint64_t value = take_encoded(cursor, encoding);

	if ((encoding & 0xf0) == DW_EH_PE_PCREL)
		return value + place;
	if ((encoding & 0xf0) != DW_EH_PE_ABSPTR)
		cursor->bad = true;
	return value;
}

/*
 * The record at an offset: its id and what follows. False at the end of the
 * section, and for what is no record; *next is behind it.
 */
static bool take_record(const struct mti_object *object, uint64_t offset,
			uint64_t *next, uint64_t *id_at, uint32_t *id,
			struct mti_cursor *body)
{
	const struct mti_section *frames = &object->frames;
	struct mti_cursor cursor;
	uint64_t length;

	*next = frames->size;
	if (offset >= frames->size)
		return false;
	cursor = mti_cursor_of(frames->data + offset, frames->size - offset);
	length = mti_take(&cursor, 4);
	if (length == UINT32_MAX)
		length = mti_take(&cursor, 8);
	if (!mti_cursor_has(&cursor, length))
		return false;
	*next = (uint64_t)(cursor.at - frames->data) + length;
	/* A terminator of one of the files that were linked. */
	if (length < 4)
		return false;
	*id_at = (uint64_t)(cursor.at - frames->data);
	*id = (uint32_t)mti_take(&cursor, 4);
	*body = mti_cursor_of(cursor.at, length - 4);
	return true;
}

/* What the letters of the augmentation say. */
static bool take_augmentation(const struct mti_object *object,
			      const char *letters, struct mti_cursor *cursor,
			      struct mti_cfi_common *common)
{
	uint64_t size;
	struct mti_cursor data;
	uint8_t encoding;

	if (*letters == '\0')
		return true;
	if (*letters != 'z')
		return false;
	common->sized = true;
	size = mti_take_uleb(cursor);
	if (!mti_cursor_has(cursor, size))
		return false;
	data = mti_cursor_of(cursor->at, size);
	mti_take_skip(cursor, size);
	for (letters++; *letters != '\0'; letters++) {
		switch (*letters) {
		case 'R':
			common->encoding = (uint8_t)mti_take(&data, 1);
			break;
		case 'P':
			encoding = (uint8_t)mti_take(&data, 1);
			(void)mti_cfi_take_address(object, &data,
						   encoding & 0x0f);
			break;
		case 'L':
			mti_take_skip(&data, 1);
			break;
		case 'S':
			common->signal = true;
			break;
		default:
			return false;
		}
	}
	return !data.bad;
}

static bool read_common(const struct mti_object *object, uint64_t offset,
			struct mti_cfi_common *common)
{
	struct mti_cursor cursor;
	char letters[8] = { 0 };
	uint64_t unused;
	uint32_t id;
	uint8_t version;
	size_t i;

	memset(common, 0, sizeof(*common));
	if (!take_record(object, offset, &unused, &unused, &id, &cursor) ||
	    id != 0)
		return false;
	version = (uint8_t)mti_take(&cursor, 1);
	if (version != 1 && version != 3)
		return false;
	for (i = 0; i < sizeof(letters); i++) {
		letters[i] = (char)mti_take(&cursor, 1);
		if (letters[i] == '\0')
			break;
	}
	if (i == sizeof(letters))
		return false;
	common->code_unit = mti_take_uleb(&cursor);
	common->data_unit = mti_take_sleb(&cursor);
	common->return_register = version == 1 ? mti_take(&cursor, 1) :
						 mti_take_uleb(&cursor);
	if (!take_augmentation(object, letters, &cursor, common) ||
	    common->return_register >= MTI_CFI_REGISTERS)
		return false;
	common->program = cursor;
	return !cursor.bad;
}

/* A function's record, id being the distance to what it has in common. */
static bool read_function(const struct mti_object *object, uint64_t id_at,
			  uint32_t id, struct mti_cursor *cursor,
			  struct mti_cfi_common *common,
			  struct mti_cfi_range *range)
{
	uint64_t size;

	if (id == 0 || id > id_at || !read_common(object, id_at - id, common))
		return false;
	range->start = mti_cfi_take_address(object, cursor, common->encoding);
	size = take_encoded(cursor, common->encoding);
	if (common->sized)
		mti_take_skip(cursor, mti_take_uleb(cursor));
	return !cursor->bad && size > 0 &&
	       mti_add_u64(range->start, size, &range->end);
}

static void sift_down(struct mti_cfi_range *heap, size_t root, size_t count)
{
	struct mti_cfi_range moved = heap[root];
	size_t child;

	while ((child = 2 * root + 1) < count) {
		if (child + 1 < count &&
		    heap[child].start < heap[child + 1].start)
			child++;
		if (moved.start >= heap[child].start)
			break;
		heap[root] = heap[child];
		root = child;
	}
	heap[root] = moved;
}

static void sort(struct mti_cfi_range *ranges, size_t count)
{
	struct mti_cfi_range last;
	size_t i;

	for (i = count / 2; i > 0; i--)
		sift_down(ranges, i - 1, count);
	for (i = count; i > 1; i--) {
		last = ranges[i - 1];
		ranges[i - 1] = ranges[0];
		ranges[0] = last;
		sift_down(ranges, 0, i - 1);
	}
}

/* Counts the functions, and stores them if there is a place for them. */
static size_t scan(const struct mti_object *object,
		   struct mti_cfi_range *ranges)
{
	struct mti_cfi_common common;
	struct mti_cfi_range range;
	struct mti_cursor body;
	uint64_t offset = 0;
	uint64_t next;
	uint64_t id_at;
	size_t count = 0;
	uint32_t id;

	for (; offset < object->frames.size && count < MTI_CFI_RANGES_MAX;
	     offset = next) {
		if (!take_record(object, offset, &next, &id_at, &id, &body) ||
		    !read_function(object, id_at, id, &body, &common, &range))
			continue;
		range.record = offset;
		if (ranges)
			ranges[count] = range;
		count++;
	}
	return count;
}

bool mti_cfi_init(struct mti_cfi *cfi, const struct mti_object *object,
		  const struct mti_allocator *allocator)
{
	memset(cfi, 0, sizeof(*cfi));
	cfi->count = scan(object, NULL);
	if (cfi->count == 0)
		return true;
	cfi->ranges = mti_alloc_raw(allocator, cfi->count,
				    sizeof(*cfi->ranges));
	if (!cfi->ranges)
		return false;
	(void)scan(object, cfi->ranges);
	sort(cfi->ranges, cfi->count);
	return true;
}

void mti_cfi_fini(struct mti_cfi *cfi, const struct mti_allocator *allocator)
{
	mti_free(allocator, cfi->ranges);
	memset(cfi, 0, sizeof(*cfi));
}

static const struct mti_cfi_range *find_range(const struct mti_cfi *cfi,
					      uint64_t address)
{
	size_t low = 0;
	size_t high = cfi->count;
	unsigned int steps;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (cfi->ranges[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (steps = 0; low > 0 && steps < FIND_STEPS; steps++)
		if (address < cfi->ranges[--low].end)
			return &cfi->ranges[low];
	return NULL;
}

bool mti_cfi_find(const struct mti_cfi *cfi, const struct mti_object *object,
		  uint64_t address, struct mti_cfi_row *row)
{
	const struct mti_cfi_range *range = find_range(cfi, address);
	struct mti_cfi_common common;
	struct mti_cfi_range again;
	struct mti_cursor program;
	uint64_t id_at;
	uint64_t next;
	uint32_t id;

	/* The file has not changed since the index was made. */
	if (!range ||
	    !take_record(object, range->record, &next, &id_at, &id, &program) ||
	    !read_function(object, id_at, id, &program, &common, &again))
		return false;
	return mti_cfi_run(object, &common, &program, range->start, address,
			   row);
}
