/*
 * See registers.h: what is the same for every architecture.
 */
#include "debug/gdb/registers.h"

#include <string.h>

#include "debug/gdb/layout.h"

/* A further one is a line. */
static const struct mti_gdb_layout *const layouts[] = {
	&mti_gdb_amd64,
	&mti_gdb_aarch64,
};

const struct mti_gdb_layout *mti_gdb_layout_find(uint32_t machine)
{
	size_t i;

	for (i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i]->machine == machine)
			return layouts[i];
	return NULL;
}

static bool has_run(const struct mti_gdb_registers *registers,
		    const struct mti_gdb_run *run)
{
	return !registers->layout->has ||
	       registers->layout->has(registers, run);
}

/* The run of a register, and which one of it. */
static const struct mti_gdb_run *find(const struct mti_gdb_registers *registers,
				      uint32_t number, uint32_t *index)
{
	const struct mti_gdb_layout *layout = registers->layout;
	size_t i;

	for (i = 0; i < layout->run_count; i++) {
		const struct mti_gdb_run *run = &layout->runs[i];

		if (!has_run(registers, run))
			continue;
		if (number < run->count) {
			*index = number;
			return run;
		}
		number -= run->count;
	}
	return NULL;
}

uint32_t mti_gdb_register_count(const struct mti_gdb_registers *registers)
{
	const struct mti_gdb_layout *layout = registers->layout;
	uint32_t count = 0;
	size_t i;

	for (i = 0; i < layout->run_count; i++)
		if (has_run(registers, &layout->runs[i]))
			count += layout->runs[i].count;
	return count;
}

size_t mti_gdb_register_get(const struct mti_gdb_registers *registers,
			    uint32_t number,
			    uint8_t value[MTI_GDB_REGISTER_MAX])
{
	uint32_t index = 0;
	const struct mti_gdb_run *run = find(registers, number, &index);

	if (!run)
		return 0;
	registers->layout->get(registers, run, index, value);
	return run->bytes;
}

bool mti_gdb_register_set(struct mti_gdb_registers *registers, uint32_t number,
			  const uint8_t *value, size_t size)
{
	uint32_t index = 0;
	const struct mti_gdb_run *run = find(registers, number, &index);

	return run && size == run->bytes &&
	       registers->layout->set(registers, run, index, value);
}

uint64_t mti_gdb_register_base(const struct mti_gdb_registers *registers,
			       uint32_t which)
{
	uint32_t at = registers->layout->bases[which];

	return at == MTI_GDB_NO_BASE ? 0 : registers->general[at];
}

size_t mti_gdb_stop_registers(const struct mti_gdb_registers *registers,
			      const uint8_t **numbers)
{
	*numbers = registers->layout->stop;
	return MTI_GDB_STOP_REGISTERS;
}

/* -------------------------------------------------------- description */

void mti_gdb_put(struct mti_gdb_window *window, const char *text)
{
	size_t length = strlen(text);
	size_t room = window->size - window->used;

	if (window->skip >= length) {
		window->skip -= length;
		return;
	}
	text += window->skip;
	length -= (size_t)window->skip;
	window->skip = 0;
	if (length > room)
		length = room;
	memcpy(window->out + window->used, text, length);
	window->used += length;
}

/* Below 1000. */
static void put_number(struct mti_gdb_window *window, uint32_t number)
{
	char text[4] = { 0 };
	size_t at = 0;

	if (number >= 100)
		text[at++] = (char)('0' + number / 100);
	if (number >= 10)
		text[at++] = (char)('0' + number / 10 % 10);
	text[at] = (char)('0' + number % 10);
	mti_gdb_put(window, text);
}

void mti_gdb_put_flags(struct mti_gdb_window *window, const char *id,
		       const struct mti_gdb_field *fields)
{
	mti_gdb_put(window, "<flags id=\"");
	mti_gdb_put(window, id);
	mti_gdb_put(window, "\" size=\"4\">");
	for (; fields->name; fields++) {
		mti_gdb_put(window, "<field name=\"");
		mti_gdb_put(window, fields->name);
		mti_gdb_put(window, "\" start=\"");
		put_number(window, fields->first);
		mti_gdb_put(window, "\" end=\"");
		put_number(window, fields->last);
		mti_gdb_put(window, "\"/>");
	}
	mti_gdb_put(window, "</flags>\n");
}

static void put_run(struct mti_gdb_window *window,
		    const struct mti_gdb_run *run)
{
	uint32_t i;

	for (i = 0; i < run->count; i++) {
		mti_gdb_put(window, "<reg name=\"");
		mti_gdb_put(window, run->name);
		if (run->count > 1)
			put_number(window, run->first + i);
		mti_gdb_put(window, run->suffix);
		mti_gdb_put(window, "\" bitsize=\"");
		put_number(window, run->bytes * 8u);
		mti_gdb_put(window, "\" type=\"");
		mti_gdb_put(window, run->type);
		mti_gdb_put(window, "\"/>\n");
	}
}

static void put_head(struct mti_gdb_window *window,
		     const struct mti_gdb_layout *layout)
{
	mti_gdb_put(window, "<?xml version=\"1.0\"?>\n"
			    "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
			    "<target version=\"1.0\">\n"
			    "<architecture>");
	mti_gdb_put(window, layout->name);
	/* Without it gdb does not move the symbols of a PIE. */
	mti_gdb_put(window, "</architecture>\n"
			    "<osabi>GNU/Linux</osabi>\n");
}

size_t mti_gdb_description(const struct mti_gdb_registers *registers,
			   uint64_t offset, uint8_t *out, size_t size)
{
	const struct mti_gdb_layout *layout = registers->layout;
	struct mti_gdb_window window = {
		.skip = offset,
		.out = out,
		.size = size,
	};
	const char *feature = "";
	size_t i;

	put_head(&window, layout);
	for (i = 0; i < layout->run_count; i++) {
		const struct mti_gdb_run *run = &layout->runs[i];

		if (!has_run(registers, run))
			continue;
		if (strcmp(feature, run->feature) != 0) {
			if (feature[0] != '\0')
				mti_gdb_put(&window, "</feature>\n");
			feature = run->feature;
			mti_gdb_put(&window, "<feature name=\"");
			mti_gdb_put(&window, feature);
			mti_gdb_put(&window, "\">\n");
			layout->put_types(&window, feature);
		}
		put_run(&window, run);
	}
	mti_gdb_put(&window, "</feature>\n</target>\n");
	return window.used;
}
