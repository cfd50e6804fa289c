/*
 * A shop with a mistake in it: what it does with an item that it does not
 * have.
 */
#include <stddef.h>
#include <string.h>

#include <mote_guest.h>

struct item {
	const char *name;
	int32_t price;
};

static const struct item items[] = { { "apple", 30 }, { "pear", 45 } };

static const struct item *find(const char *name)
{
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		if (strcmp(items[i].name, name) == 0)
			return &items[i];
	return NULL;
}

static int32_t price_of(const char *name)
{
	return find(name)->price;
}

MOTE_EXPORT(i32, Total, (string, name), (i32, count))
{
	return price_of(name) * count;
}
