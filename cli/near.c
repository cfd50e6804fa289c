/*
 * See near.h.
 */
#include "near.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static size_t least(size_t a, size_t b, size_t c)
{
	size_t low = a < b ? a : b;

	return low < c ? low : c;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/*
 * Optimal string alignment: three rows of the table of distances between
 * all beginnings of a and of b.
 */
size_t cli_name_distance(const char *a, const char *b)
{
	size_t rows[3][CLI_NEAR_LENGTH_MAX + 1];
	size_t *before = rows[0];
	size_t *last = rows[1];
	size_t *row = rows[2];
	size_t a_length = strnlen(a, CLI_NEAR_LENGTH_MAX);
	size_t b_length = strnlen(b, CLI_NEAR_LENGTH_MAX);

	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *unused = before;

		before = last;
		last = row;
		row = unused;
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t cost = same(a[i - 1], b[j - 1]) ? 0 : 1;

			row[j] = least(last[j] + 1, row[j - 1] + 1,
				       last[j - 1] + cost);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1,
					       SIZE_MAX);
		}
	}
	return row[b_length];
}

bool cli_name_near(const char *typed, const char *candidate)
{
	size_t length = strlen(typed);
	size_t allowed = length < 3 ? length / 2 : length / 3;

	/* A beginning is what people type when they forget the rest. */
	if (length >= 3 && strncasecmp(typed, candidate, length) == 0)
		return true;
	return cli_name_distance(typed, candidate) <= allowed;
}
