/*
 * Shows what the library makes of an ELF file, for compare.py:
 *
 *	dump-debug places FILE	reads addresses, prints "start function file:line"
 *	dump-debug frames FILE	reads addresses, prints "cfa r0 ... r16"
 *
 * One line for each line of standard input, in hex; 0 is the load bias.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debug/info.h"

static unsigned char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	unsigned char *data = NULL;
	long length = -1;

	if (file && fseek(file, 0, SEEK_END) == 0)
		length = ftell(file);
	if (length >= 0)
		data = malloc((size_t)length + 1);
	if (!data || fseek(file, 0, SEEK_SET) != 0 ||
	    fread(data, 1, (size_t)length, file) != (size_t)length) {
		perror(path);
		exit(2);
	}
	fclose(file);
	*size = (size_t)length;
	return data;
}

static void print_rule(const struct mti_cfi_rule *rule)
{
	switch (rule->kind) {
	case MTI_CFI_SAVED:
		printf(" c%+" PRId64, rule->offset);
		break;
	case MTI_CFI_VALUE:
		printf(" v%+" PRId64, rule->offset);
		break;
	case MTI_CFI_REGISTER:
		printf(" r%" PRId64, rule->offset);
		break;
	case MTI_CFI_SAVED_BY:
		printf(" exp");
		break;
	case MTI_CFI_VALUE_BY:
		printf(" vexp");
		break;
	case MTI_CFI_SAME:
		printf(" s");
		break;
	default:
		printf(" u");
		break;
	}
}

static void print_row(const struct mti_debug_info *info, uint64_t address)
{
	struct mti_cfi_row row;
	size_t i;

	if (!mti_cfi_find(&info->cfi, &info->object, address, &row)) {
		printf("none\n");
		return;
	}
	if (row.by_expression)
		printf("exp");
	else
		printf("r%" PRIu64 "%+" PRId64, row.cfa_register,
		       row.cfa_offset);
	for (i = 0; i < MTI_CFI_REGISTERS; i++)
		print_rule(&row.rules[i]);
	putchar('\n');
}

static void print_places(const struct mti_debug_info *info,
			 const uint64_t *addresses, size_t count)
{
	struct mti_place *places = calloc(count, sizeof(*places));
	size_t i;

	if (!places)
		exit(2);
	for (i = 0; i < count; i++)
		places[i].pc = addresses[i];
	if (!mti_debug_describe(info, places, count, &mti_allocator_libc))
		exit(2);
	for (i = 0; i < count; i++)
		printf("%" PRIx64 " %s %s:%" PRIu32 "\n", places[i].function,
		       places[i].name[0] ? places[i].name : "??",
		       places[i].file[0] ? places[i].file : "??",
		       places[i].line);
	free(places);
}

int main(int argc, char **argv)
{
	struct mti_debug_info info;
	uint64_t *addresses = NULL;
	unsigned char *file;
	size_t count = 0;
	uint64_t address;
	size_t size;
	size_t i;

	if (argc != 3)
		return 2;
	file = read_file(argv[2], &size);
	if (!mti_debug_info_init(&info, file, size, 0, &mti_allocator_libc))
		return 2;
	while (scanf("%" SCNx64, &address) == 1) {
		addresses = realloc(addresses,
				    (count + 1) * sizeof(*addresses));
		if (!addresses)
			return 2;
		addresses[count++] = address;
	}
	if (strcmp(argv[1], "places") == 0)
		print_places(&info, addresses, count);
	for (i = 0; i < count && strcmp(argv[1], "frames") == 0; i++)
		print_row(&info, addresses[i]);
	mti_debug_info_fini(&info, &mti_allocator_libc);
	free(addresses);
	free(file);
	return 0;
}
