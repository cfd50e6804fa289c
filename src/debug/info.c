#include "debug/info.h"

#include <stdio.h>
#include <string.h>

#include "abi/layout.h"

bool mti_debug_info_init(struct mti_debug_info *info, const void *file,
			 size_t size, uint64_t bias,
			 const struct mti_allocator *allocator)
{
	mti_object_init(&info->object, file, size, bias);
	if (!mti_symbols_init(&info->symbols, &info->object, allocator))
		return false;
	if (!mti_cfi_init(&info->cfi, &info->object, allocator)) {
		mti_symbols_fini(&info->symbols, allocator);
		return false;
	}
	return true;
}

void mti_debug_info_fini(struct mti_debug_info *info,
			 const struct mti_allocator *allocator)
{
	mti_symbols_fini(&info->symbols, allocator);
	mti_cfi_fini(&info->cfi, allocator);
}

/* The address in the file that says where the place is. */
static uint64_t address_of(const struct mti_debug_info *info,
			   const struct mti_place *place)
{
	return place->pc - (place->returns ? 1 : 0) - info->object.bias;
}

/* The host's code that the guest runs, which no file of the guest's names. */
static bool name_page(struct mti_place *place)
{
	uint64_t offset = place->pc - MOTE_GVA_SYSCALL;
	bool restore = offset >= MOTE_SYSCALL_RESTORE;

	if (offset >= MOTE_PAGE_SIZE)
		return false;
	place->function = MOTE_GVA_SYSCALL +
			  (restore ? MOTE_SYSCALL_RESTORE : 0);
	snprintf(place->name, sizeof(place->name), "%s",
		 restore ? "[restore]" : "[syscall]");
	return true;
}

static void name(const struct mti_debug_info *info, struct mti_place *place)
{
	const struct mti_symbol *symbol =
		mti_symbols_find(&info->symbols, address_of(info, place));
	struct mti_bytes text;

	if (name_page(place))
		return;
	place->function = 0;
	place->name[0] = '\0';
	if (!symbol)
		return;
	place->function = symbol->start + info->object.bias;
	text = mti_symbol_name(&info->object, symbol);
	if (text.size >= sizeof(place->name))
		text.size = sizeof(place->name) - 1;
	memcpy(place->name, text.data, text.size);
	place->name[text.size] = '\0';
}

static void describe(const struct mti_debug_info *info,
		     struct mti_place *places, size_t count,
		     struct mti_line_query *queries,
		     struct mti_line_query **scratch)
{
	size_t i;

	for (i = 0; i < count; i++) {
		name(info, &places[i]);
		queries[i].address = address_of(info, &places[i]);
	}
	mti_lines_find(&info->object, queries, count, scratch);
	for (i = 0; i < count; i++) {
		places[i].line = queries[i].line;
		memcpy(places[i].file, queries[i].file,
		       sizeof(places[i].file));
	}
}

bool mti_debug_describe(const struct mti_debug_info *info,
			struct mti_place *places, size_t count,
			const struct mti_allocator *allocator)
{
	size_t together = count < MTI_DESCRIBE_TOGETHER ?
				  count : MTI_DESCRIBE_TOGETHER;
	struct mti_line_query **scratch;
	struct mti_line_query *queries;
	size_t done;
	size_t part;

	if (count == 0)
		return true;
	queries = mti_alloc(allocator, together, sizeof(*queries));
	scratch = mti_alloc(allocator, 2 * together, sizeof(*scratch));
	for (done = 0; queries && scratch && done < count; done += part) {
		part = count - done < together ? count - done : together;
		describe(info, places + done, part, queries, scratch);
	}
	mti_free(allocator, queries);
	mti_free(allocator, scratch);
	return queries && scratch;
}
