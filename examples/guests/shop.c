/*
 * Sells things. Prices and the log are the host's.
 */
#include <string.h>

#include <mote_guest.h>

MOTE_IMPORT(i64, PriceOf, (string, item));
MOTE_IMPORT(bytes, Logo, (u32, width));
MOTE_POST(Log, (i32, level), (string, text));

MOTE_EXPORT(i64, Total, (string, item), (u32, count))
{
	int64_t price = PriceOf(item);
	const mote_host_failure *failure = mote_host_error();

	if (failure) {
		mote_fail(failure->code, "no price: %s", failure->text);
		return 0;
	}
	/* Queued: the host sees it at the end of this call. */
	Log(1, mote_format("%u x %s", count, item));
	return price * count;
}

/* The host's logo upside down, to show bytes in both directions. */
MOTE_EXPORT(bytes, Stamp, (u32, width))
{
	mote_bytes logo = Logo(width);
	unsigned char *stamp = mote_alloc(logo.size);

	if (!stamp)
		return mote_make_bytes(NULL, 0);
	for (size_t i = 0; i < logo.size; i++)
		stamp[i] =
			((const unsigned char *)logo.data)[logo.size - 1 - i];
	return mote_make_bytes(stamp, logo.size);
}
