/*
 * A guest that tells what it does: log messages, and spans for a trace.
 */
#define MOTE_LOG_MODULE "orders"
#include <mote_guest.h>

static int stock = 10;

static bool take(int count)
{
	MOTE_SPAN("take");

	if (count > stock) {
		MOTE_LOG_WARN("%d wanted, %d in stock", count, stock);
		return false;
	}
	stock -= count;
	MOTE_COUNTER("stock", stock);
	return true;
}

MOTE_EXPORT(bool, Order, (string, item), (i32, count))
{
	MOTE_SPAN("order");

	MOTE_LOG_DEBUG("order of %d %s", count, item);
	if (!take(count))
		return false;
	MOTE_EVENT("ordered");
	return true;
}
