/*
 * A program file of the plug-in's name that is none of ours: it has another
 * interface, and says that it was run.
 */
#include <stdlib.h>

#include "hv/soft/plugin.h"

extern const struct mti_soft_plugin mote_soft_plugin;

__attribute__((visibility("default")))
const struct mti_soft_plugin mote_soft_plugin = {
	.interface = ~MTI_SOFT_INTERFACE,
};

__attribute__((constructor)) static void run(void)
{
	setenv("MOTE_TEST_FOREIGN", "ran", 1);
}
