/*
 * A module whose name is that of its file.
 */
#include <mote_guest.h>

void log_elsewhere(void);

void log_elsewhere(void)
{
	MOTE_LOG_WARN("from elsewhere");
	MOTE_LOG_DEBUG("deeper");
}
