/*
 * What the library takes from the plug-in: one object, checked before
 * anything in it is used. The plug-in is a separate program file because the
 * CPU emulator in it is under the GPL, which a program that links the library
 * need not be.
 */
#ifndef MTI_HV_SOFT_PLUGIN_H
#define MTI_HV_SOFT_PLUGIN_H

#include <stdint.h>

#include "hv/hv.h"

#define MTI_SOFT_FILE "libmote-soft.so"
#define MTI_SOFT_SYMBOL "mote_soft_plugin"
/* Of this struct and of hv.h: to be raised whenever one of them changes. */
#define MTI_SOFT_INTERFACE 2u

struct mti_soft_plugin {
	uint32_t interface; /* MTI_SOFT_INTERFACE */
	uint32_t ops_size;  /* of struct mti_hv_ops */
	char version[16];   /* MOTE_VERSION_STRING, of the same build tree */
	const struct mti_hv_ops *ops;
};

#endif
