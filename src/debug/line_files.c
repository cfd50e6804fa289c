/*
 * See lines.h: the names of source files. The tables of a unit are read from
 * front to back, once for the files and once for their folders, with the
 * numbers that are wanted in order; they may be long, and lie.
 */
#include <stdio.h>
#include <string.h>

#include "debug/line_unit.h"

/* Of a file's or folder's name; more is not looked at. */
#define TEXT_MAX 1024

/* DWARF 5, 7.5.6 and 7.22. */
enum {
	DW_FORM_BLOCK2 = 0x03,
	DW_FORM_BLOCK4 = 0x04,
	DW_FORM_DATA2 = 0x05,
	DW_FORM_DATA4 = 0x06,
	DW_FORM_DATA8 = 0x07,
	DW_FORM_STRING = 0x08,
	DW_FORM_BLOCK = 0x09,
	DW_FORM_BLOCK1 = 0x0a,
	DW_FORM_DATA1 = 0x0b,
	DW_FORM_STRP = 0x0e,
	DW_FORM_UDATA = 0x0f,
	DW_FORM_DATA16 = 0x1e,
	DW_FORM_LINE_STRP = 0x1f,
	DW_LNCT_PATH = 1,
	DW_LNCT_DIRECTORY_INDEX = 2,
};

/* One row of either table. */
struct entry {
	struct mti_bytes name;
	uint64_t folder;
};

static uint64_t file_number(const struct mti_line_query *query)
{
	return query->file_number;
}

static uint64_t folder_number(const struct mti_line_query *query)
{
	return query->folder_number;
}

static void sift_down(struct mti_line_query **heap, size_t root, size_t count,
		      mti_line_key_fn key)
{
	struct mti_line_query *moved = heap[root];
	size_t child;

	while ((child = 2 * root + 1) < count) {
		if (child + 1 < count &&
		    key(heap[child]) < key(heap[child + 1]))
			child++;
		if (key(moved) >= key(heap[child]))
			break;
		heap[root] = heap[child];
		root = child;
	}
	heap[root] = moved;
}

void mti_line_sort(struct mti_line_query **queries, size_t count,
		   mti_line_key_fn key)
{
	struct mti_line_query *last;
	size_t i;

	for (i = count / 2; i > 0; i--)
		sift_down(queries, i - 1, count, key);
	for (i = count; i > 1; i--) {
		last = queries[i - 1];
		queries[i - 1] = queries[0];
		queries[0] = last;
		sift_down(queries, 0, i - 1, key);
	}
}

/* The length of a text is looked for when it is used: names are shared. */
static struct mti_bytes text_at(const struct mti_section *section,
				uint64_t offset)
{
	if (offset >= section->size)
		return (struct mti_bytes){ NULL, 0 };
	return (struct mti_bytes){ section->data + offset,
				   section->size - offset };
}

static void take_form(const struct mti_line_unit *unit,
		      struct mti_cursor *cursor, uint64_t form,
		      struct mti_bytes *text, uint64_t *number)
{
	const struct mti_object *object = unit->object;

	switch (form) {
	case DW_FORM_STRING:
		*text = mti_take_text(cursor);
		break;
	case DW_FORM_LINE_STRP:
		*text = text_at(&object->line_texts,
				mti_take(cursor, unit->offset_size));
		break;
	case DW_FORM_STRP:
		*text = text_at(&object->texts,
				mti_take(cursor, unit->offset_size));
		break;
	case DW_FORM_UDATA:
		*number = mti_take_uleb(cursor);
		break;
	case DW_FORM_DATA1:
		*number = mti_take(cursor, 1);
		break;
	case DW_FORM_DATA2:
		*number = mti_take(cursor, 2);
		break;
	case DW_FORM_DATA4:
		*number = mti_take(cursor, 4);
		break;
	case DW_FORM_DATA8:
		*number = mti_take(cursor, 8);
		break;
	case DW_FORM_DATA16:
		mti_take_skip(cursor, 16);
		break;
	case DW_FORM_BLOCK:
		mti_take_skip(cursor, mti_take_uleb(cursor));
		break;
	case DW_FORM_BLOCK1:
		mti_take_skip(cursor, mti_take(cursor, 1));
		break;
	case DW_FORM_BLOCK2:
		mti_take_skip(cursor, mti_take(cursor, 2));
		break;
	case DW_FORM_BLOCK4:
		mti_take_skip(cursor, mti_take(cursor, 4));
		break;
	default:
		/* Of unknown length: nothing behind it can be read. */
		cursor->bad = true;
		break;
	}
}

/* A table of version 5: its rows say themselves what is in them. */
struct table {
	const struct mti_line_unit *unit;
	struct mti_cursor formats;
	uint64_t format_count;
	uint64_t count;
};

static bool begin_table(const struct mti_line_unit *unit,
			struct mti_cursor *cursor, struct table *table)
{
	uint64_t i;

	table->unit = unit;
	table->format_count = mti_take(cursor, 1);
	table->formats = *cursor;
	for (i = 0; i < 2 * table->format_count; i++)
		(void)mti_take_uleb(cursor);
	table->count = mti_take_uleb(cursor);
	/* Rows of nothing would take no bytes, and could be without number. */
	return !cursor->bad && table->format_count > 0;
}

static void take_entry(const struct table *table, struct mti_cursor *cursor,
		       struct entry *entry)
{
	struct mti_cursor formats = table->formats;
	uint64_t i;

	memset(entry, 0, sizeof(*entry));
	for (i = 0; i < table->format_count && !cursor->bad; i++) {
		uint64_t content = mti_take_uleb(&formats);
		uint64_t form = mti_take_uleb(&formats);
		struct mti_bytes text = { NULL, 0 };
		uint64_t number = 0;

		take_form(table->unit, cursor, form, &text, &number);
		if (content == DW_LNCT_PATH)
			entry->name = text;
		else if (content == DW_LNCT_DIRECTORY_INDEX)
			entry->folder = number;
	}
}

/* Gives the row to those of the sorted queries from *next on that want it. */
static void hand_out(const struct entry *entry, uint64_t number, bool folders,
		     struct mti_line_query **queries, size_t count,
		     size_t *next)
{
	mti_line_key_fn of = folders ? folder_number : file_number;

	while (*next < count && of(queries[*next]) < number)
		(*next)++;
	for (; *next < count && of(queries[*next]) == number; (*next)++) {
		struct mti_line_query *query = queries[*next];

		if (folders) {
			query->folder_name = entry->name;
			continue;
		}
		query->file_name = entry->name;
		query->folder_number = entry->folder;
	}
}

static void walk_table(const struct mti_line_unit *unit,
		       struct mti_cursor *cursor, bool folders,
		       struct mti_line_query **queries, size_t count)
{
	struct entry entry;
	struct table table;
	size_t next = 0;
	uint64_t i;

	if (!begin_table(unit, cursor, &table))
		return;
	mti_line_sort(queries, count, folders ? folder_number : file_number);
	for (i = 0; i < table.count; i++) {
		take_entry(&table, cursor, &entry);
		if (cursor->bad)
			break;
		hand_out(&entry, i, folders, queries, count, &next);
	}
}

/* Versions 2 to 4: folders from 1, each a text; files from 1. */
static void walk_old_folders(struct mti_cursor *cursor,
			     struct mti_line_query **queries, size_t count)
{
	struct entry entry = { { NULL, 0 }, 0 };
	size_t next = 0;
	uint64_t i;

	mti_line_sort(queries, count, folder_number);
	for (i = 1;; i++) {
		entry.name = mti_take_text(cursor);
		if (cursor->bad || entry.name.size == 0)
			break;
		hand_out(&entry, i, true, queries, count, &next);
	}
}

static void walk_old_files(struct mti_cursor *cursor,
			   struct mti_line_query **queries, size_t count)
{
	struct entry entry;
	size_t next = 0;
	uint64_t i;

	mti_line_sort(queries, count, file_number);
	for (i = 1;; i++) {
		entry.name = mti_take_text(cursor);
		if (cursor->bad || entry.name.size == 0)
			break;
		entry.folder = mti_take_uleb(cursor);
		(void)mti_take_uleb(cursor); /* time */
		(void)mti_take_uleb(cursor); /* length */
		hand_out(&entry, i, false, queries, count, &next);
	}
}

static int length_of(const struct mti_bytes *text)
{
	size_t room = text->size < TEXT_MAX ? text->size : TEXT_MAX;

	return text->data ? (int)strnlen((const char *)text->data, room) : 0;
}

/*
 * Folder 0 is where the compiler ran: names are shown as it was given them.
 * Of a long name the end says more than the start.
 */
static void join(struct mti_line_query *query)
{
	static const char dots[] = "...";
	const char *name = (const char *)query->file_name.data;
	const char *folder = (const char *)query->folder_name.data;
	int name_length = length_of(&query->file_name);
	int folder_length = length_of(&query->folder_name);
	char whole[2 * TEXT_MAX + 2];
	size_t length;
	size_t cut;

	if (name_length == 0)
		return;
	if (query->folder_number == 0 || folder_length == 0 || name[0] == '/')
		length = (size_t)snprintf(whole, sizeof(whole), "%.*s",
					  name_length, name);
	else
		length = (size_t)snprintf(whole, sizeof(whole), "%.*s/%.*s",
					  folder_length, folder, name_length,
					  name);
	if (length < sizeof(query->file)) {
		memcpy(query->file, whole, length + 1);
		return;
	}
	cut = length - (sizeof(query->file) - sizeof(dots));
	memcpy(query->file, dots, sizeof(dots));
	memcpy(query->file + sizeof(dots) - 1, whole + cut, length - cut + 1);
}

void mti_line_unit_name(const struct mti_line_unit *unit,
			struct mti_line_query **queries, size_t count)
{
	const struct mti_bytes none = { NULL, 0 };
	struct mti_cursor folders = unit->tables;
	struct mti_cursor files = unit->tables;
	size_t i;

	if (count == 0)
		return;
	for (i = 0; i < count; i++) {
		queries[i]->file_name = none;
		queries[i]->folder_name = none;
		queries[i]->folder_number = 0;
	}
	/* The files lie behind the folders, but say which ones are wanted. */
	if (unit->version >= 5) {
		walk_table(unit, &files, true, queries, 0);
		walk_table(unit, &files, false, queries, count);
		walk_table(unit, &folders, true, queries, count);
	} else {
		walk_old_folders(&files, queries, 0);
		walk_old_files(&files, queries, count);
		walk_old_folders(&folders, queries, count);
	}
	for (i = 0; i < count; i++)
		join(queries[i]);
}
