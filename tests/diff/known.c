#include "compare.h"

#include <string.h>

struct known {
	const char *reason;
	bool (*settle)(const struct diff_case *test, struct diff_result *a,
		       struct diff_result *b, struct diff_outcome *outcome);
	unsigned long count;
};

/* Makes both alike; whether they were not. */
static bool alike(void *a, const void *b, size_t size)
{
	if (memcmp(a, b, size) == 0)
		return false;
	memcpy(a, b, size);
	return true;
}

/* FOP, FIP, FDP */
static bool last_x87(const struct diff_case *test, struct diff_result *a,
		     struct diff_result *b, struct diff_outcome *outcome)
{
	(void)test;
	(void)outcome;
	return alike(a->fxsave + 6, b->fxsave + 6, 18);
}

static struct known all[] = {
	{ "x87: pointers to the last instruction and operand, which "
	  "processors keep in different ways",
	  last_x87, 0 },
};

void diff_known_settle(const struct diff_case *test,
		       const struct diff_target *targets,
		       struct diff_outcome *outcome, bool count)
{
	size_t i;

	(void)targets;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].settle(test, &outcome->results[0],
				  &outcome->results[1], outcome) &&
		    count)
			all[i].count++;
}

void diff_known_print(FILE *out)
{
	size_t i;

	fprintf(out, "expected differences:\n");
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].count)
			fprintf(out, "%9lu %s\n", all[i].count, all[i].reason);
}
