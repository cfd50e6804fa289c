/*
 * See units.h. Integers only, so that 0.1s is 100 ms exactly.
 */
#include "units.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define DURATION_MAX (UINT64_C(365) * 24 * 3600 * NS_PER_SECOND)

static const char not_duration[] = "is not a duration; write 100ms, 2s, 1m";
static const char not_size[] = "is not a size; write 65536, 512K, 64M, 1G";

const char cli_too_large[] = "is too large";

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit *find_unit(const struct unit *units, const char *name,
				    bool any_case)
{
	for (; units->name; units++) {
		if (any_case ? strcasecmp(units->name, name) == 0
			     : strcmp(units->name, name) == 0)
			return units;
	}
	return NULL;
}

/* Digits at *text; false if there are none or the number overflows. */
static bool read_digits(const char **text, uint64_t *value)
{
	const char *start = *text;

	*value = 0;
	while (**text >= '0' && **text <= '9') {
		uint64_t digit = (uint64_t)(**text - '0');

		if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
		    __builtin_add_overflow(*value, digit, value))
			return false;
		(*text)++;
	}
	return *text != start;
}

/*
 * The digits after a point as billionths; digits beyond the ninth are
 * read and dropped.
 */
static bool read_fraction(const char **text, uint64_t *billionths)
{
	const char *start = *text;
	uint64_t place = NS_PER_SECOND / 10;

	*billionths = 0;
	while (**text >= '0' && **text <= '9') {
		*billionths += place * (uint64_t)(**text - '0');
		place /= 10;
		(*text)++;
	}
	return *text != start;
}

const char *cli_parse_duration(const char *text, uint64_t *ns)
{
	static const struct unit units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "ms", 1000000 },
		{ "s", NS_PER_SECOND },
		{ "m", 60 * NS_PER_SECOND },
		{ "h", 3600 * NS_PER_SECOND },
		{ NULL, 0 },
	};
	static const char too_long[] = "is too long; at most 8760h";
	const struct unit *unit;
	uint64_t whole;
	uint64_t part = 0;
	uint64_t value;

	if (!read_digits(&text, &whole))
		return *text >= '0' && *text <= '9' ? too_long : not_duration;
	if (*text == '.') {
		text++;
		if (!read_fraction(&text, &part))
			return not_duration;
	}
	if (*text == '\0')
		return "has no unit; write 100ms, 2s, 1m";
	unit = find_unit(units, text, false);
	if (!unit)
		return not_duration;
	if (__builtin_mul_overflow(whole, unit->factor, &value) ||
	    value > DURATION_MAX)
		return too_long;
	/* part < 1e9, factor <= 3.6e12: split to stay below 2^64. */
	if (unit->factor >= NS_PER_SECOND)
		value += part * (unit->factor / NS_PER_SECOND);
	else
		value += part * unit->factor / NS_PER_SECOND;
	if (value > DURATION_MAX)
		return too_long;
	if (value == 0)
		return "is zero; a call needs some time";
	*ns = value;
	return NULL;
}

const char *cli_parse_size(const char *text, uint64_t limit, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "K", UINT64_C(1) << 10 },
		{ "KiB", UINT64_C(1) << 10 },
		{ "M", UINT64_C(1) << 20 },
		{ "MiB", UINT64_C(1) << 20 },
		{ "G", UINT64_C(1) << 30 },
		{ "GiB", UINT64_C(1) << 30 },
		{ "T", UINT64_C(1) << 40 },
		{ "TiB", UINT64_C(1) << 40 },
		{ NULL, 0 },
	};
	const struct unit *unit;
	uint64_t value;

	if (!read_digits(&text, &value))
		return *text >= '0' && *text <= '9' ? cli_too_large : not_size;
	unit = find_unit(units, text, true);
	if (!unit)
		return not_size;
	if (__builtin_mul_overflow(value, unit->factor, &value) ||
	    value > limit)
		return cli_too_large;
	if (value == 0)
		return "is zero";
	*bytes = value;
	return NULL;
}

const char *cli_parse_count(const char *text, uint64_t limit, uint64_t *count)
{
	uint64_t value;

	if (!read_digits(&text, &value)) {
		if (*text >= '0' && *text <= '9')
			return cli_too_large;
		return "is not a whole number";
	}
	if (*text != '\0')
		return "is not a whole number";
	if (value == 0)
		return "is zero; the least is 1";
	if (value > limit)
		return cli_too_large;
	*count = value;
	return NULL;
}

void cli_format_duration(uint64_t ns, char *buffer, size_t capacity)
{
	static const struct unit units[] = {
		{ "s", NS_PER_SECOND },
		{ "ms", 1000000 },
		{ "us", 1000 },
		{ NULL, 0 },
	};
	const struct unit *unit = units;

	while (unit->name && ns < unit->factor)
		unit++;
	if (!unit->name) {
		snprintf(buffer, capacity, "%llu ns", (unsigned long long)ns);
		return;
	}
	snprintf(buffer, capacity, "%.*f %s", ns < 10 * unit->factor ? 2 : 1,
		 (double)ns / (double)unit->factor, unit->name);
}

void cli_format_size(uint64_t bytes, char *buffer, size_t capacity)
{
	static const struct unit units[] = {
		{ "GiB", UINT64_C(1) << 30 },
		{ "MiB", UINT64_C(1) << 20 },
		{ "KiB", UINT64_C(1) << 10 },
		{ "B", 1 },
	};
	const struct unit *unit = units;

	while (unit->factor > 1 && bytes < unit->factor)
		unit++;
	if (bytes % unit->factor == 0)
		snprintf(buffer, capacity, "%llu %s",
			 (unsigned long long)(bytes / unit->factor),
			 unit->name);
	else
		snprintf(buffer, capacity, "%.1f %s",
			 (double)bytes / (double)unit->factor, unit->name);
}

void cli_format_option_size(uint64_t bytes, char *buffer, size_t capacity)
{
	static const char suffixes[] = "KMG";
	uint64_t number = bytes;
	size_t power = 0;

	while (power < strlen(suffixes) && number > 0 && number % 1024 == 0) {
		number /= 1024;
		power++;
	}
	snprintf(buffer, capacity, "%llu%.*s", (unsigned long long)number,
		 power > 0 ? 1 : 0, suffixes + (power > 0 ? power - 1 : 0));
}
