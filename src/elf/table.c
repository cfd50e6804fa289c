/*
 * The export and import tables: rows, order, search.
 *
 * A row's texts are quoted in an error only after they were checked: they go
 * to terminals.
 */
#include "elf/parse.h"

#include <inttypes.h>
#include <string.h>

static const char *table_name(enum mti_elf_table which)
{
	return which == MTI_ELF_EXPORTS ? "export" : "import";
}

static const char *parameters_check(const char *text)
{
	size_t i;

	for (i = 0; i < MOTE_FUNCTION_PARAMETERS_SIZE; i++) {
		if (text[i] == '\0')
			return NULL;
		if (text[i] < ' ' || text[i] > '~')
			return "they are not printable ASCII";
	}
	return "they are not NUL-terminated";
}

static mote_status check_texts(const struct mti_elf_file *file,
			       enum mti_elf_table which,
			       struct mti_elf_function *function)
{
	char wrong[MTI_SIGNATURE_PROBLEM_MAX];
	const char *problem;

	problem = mti_name_check(function->name, MOTE_FUNCTION_NAME_SIZE);
	if (problem)
		return MTI_ELF_FAIL(file, "%s %" PRIu32 ": name: %s",
				    table_name(which), function->index,
				    problem);
	problem = mti_signature_parse(function->signature_text,
				      MOTE_FUNCTION_SIGNATURE_SIZE,
				      &function->signature, wrong);
	if (problem)
		return MTI_ELF_FAIL(file, "%s %" PRIu32 " (%s): signature: %s",
				    table_name(which), function->index,
				    function->name, problem);
	problem = parameters_check(function->parameters);
	if (problem)
		return MTI_ELF_FAIL(file, "%s %" PRIu32 " (%s): parameters: %s",
				    table_name(which), function->index,
				    function->name, problem);
	return MOTE_OK;
}

static mote_status check_numbers(const struct mti_elf_file *file,
				 enum mti_elf_table which,
				 const struct mti_elf_function *function,
				 uint32_t reserved, uint64_t reserved2)
{
	uint32_t known = which == MTI_ELF_IMPORTS ? MOTE_FUNCTION_POSTED : 0;

	if (function->flags & ~known)
		return MTI_ELF_FAIL(file,
				    "%s %" PRIu32 " (%s): flags 0x%" PRIx32
				    " are not known",
				    table_name(which), function->index,
				    function->name, function->flags);
	if ((function->flags & MOTE_FUNCTION_POSTED) &&
	    function->signature.result != MOTE_TYPE_VOID)
		return MTI_ELF_FAIL(file,
				    "%s %" PRIu32 " (%s): flags 0x%" PRIx32
				    " make it posted, but its signature %s has "
				    "a result",
				    table_name(which), function->index,
				    function->name, function->flags,
				    function->signature_text);
	if (reserved != 0)
		return MTI_ELF_FAIL(file,
				    "%s %" PRIu32 " (%s): reserved 0x%" PRIx32
				    " is not 0",
				    table_name(which), function->index,
				    function->name, reserved);
	if (reserved2 != 0)
		return MTI_ELF_FAIL(file,
				    "%s %" PRIu32 " (%s): reserved2 0x%" PRIx64
				    " is not 0",
				    table_name(which), function->index,
				    function->name, reserved2);
	return MOTE_OK;
}

static mote_status read_row(const struct mti_elf_file *file,
			    enum mti_elf_table which, const unsigned char *row,
			    struct mti_elf_function *function)
{
	const char *text = (const char *)row;
	uint32_t reserved;
	uint64_t reserved2;
	mote_status status;

	function->name = text + offsetof(struct mote_abi_function, name);
	function->signature_text =
		text + offsetof(struct mote_abi_function, signature);
	function->parameters =
		text + offsetof(struct mote_abi_function, parameters);
	memcpy(&function->flags,
	       row + offsetof(struct mote_abi_function, flags),
	       sizeof(function->flags));
	memcpy(&reserved, row + offsetof(struct mote_abi_function, reserved),
	       sizeof(reserved));
	memcpy(&reserved2, row + offsetof(struct mote_abi_function, reserved2),
	       sizeof(reserved2));
	status = check_texts(file, which, function);
	if (status)
		return status;
	return check_numbers(file, which, function, reserved, reserved2);
}

typedef int (*order_fn)(const struct mti_elf_function *a,
			const struct mti_elf_function *b);

static int by_name(const struct mti_elf_function *a,
		   const struct mti_elf_function *b)
{
	return strcmp(a->name, b->name);
}

static int by_index(const struct mti_elf_function *a,
		    const struct mti_elf_function *b)
{
	return a->index < b->index ? -1 : 1;
}

static void sift_down(struct mti_elf_function *heap, size_t root, size_t count,
		      order_fn order)
{
	struct mti_elf_function moved = heap[root];
	size_t child;

	for (;;) {
		child = 2 * root + 1;
		if (child >= count)
			break;
		if (child + 1 < count &&
		    order(&heap[child], &heap[child + 1]) < 0)
			child++;
		if (order(&moved, &heap[child]) >= 0)
			break;
		heap[root] = heap[child];
		root = child;
	}
	heap[root] = moved;
}

/*
 * Heapsort: n log n for every input that a hostile file can think of, and no
 * memory, both of which qsort does not promise.
 */
static void sort(struct mti_elf_function *functions, size_t count,
		 order_fn order)
{
	struct mti_elf_function last;
	size_t i;

	for (i = count / 2; i > 0; i--)
		sift_down(functions, i - 1, count, order);
	for (i = count; i > 1; i--) {
		last = functions[i - 1];
		functions[i - 1] = functions[0];
		functions[0] = last;
		sift_down(functions, 0, i - 1, order);
	}
}

static mote_status check_names(const struct mti_elf_file *file,
			       enum mti_elf_table which,
			       const struct mti_elf_function *functions,
			       size_t count)
{
	size_t i;

	for (i = 1; i < count; i++) {
		const struct mti_elf_function *a = &functions[i - 1];
		const struct mti_elf_function *b = &functions[i];

		if (strcmp(a->name, b->name) != 0)
			continue;
		if (which == MTI_ELF_EXPORTS)
			return MTI_ELF_FAIL(file,
					    "there are two exports with "
					    "name %s",
					    a->name);
		if (!mti_signature_equal(&a->signature, &b->signature))
			return MTI_ELF_FAIL(file,
					    "import %s has two signatures, %s "
					    "and %s",
					    a->name, a->signature_text,
					    b->signature_text);
		if (a->flags != b->flags)
			return MTI_ELF_FAIL(file,
					    "import %s has two flags, "
					    "0x%" PRIx32 " and 0x%" PRIx32,
					    a->name, a->flags, b->flags);
	}
	return MOTE_OK;
}

mote_status mti_elf_table_read(const struct mti_elf_file *file,
			       enum mti_elf_table which,
			       const unsigned char *rows, size_t count,
			       struct mti_elf_function *functions)
{
	mote_status status;
	size_t i;

	for (i = 0; i < count; i++) {
		functions[i].index = (uint32_t)i;
		status = read_row(file, which,
				  rows + i * sizeof(struct mote_abi_function),
				  &functions[i]);
		if (status)
			return status;
	}
	sort(functions, count, by_name);
	status = check_names(file, which, functions, count);
	if (status)
		return status;
	if (which == MTI_ELF_IMPORTS)
		sort(functions, count, by_index);
	return MOTE_OK;
}

const struct mti_elf_function *mti_elf_find_export(const struct mti_elf *elf,
						   const char *name)
{
	size_t low = 0;
	size_t high = elf->export_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, elf->exports[middle].name);

		if (order == 0)
			return &elf->exports[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
