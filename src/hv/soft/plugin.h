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
#define MTI_SOFT_INTERFACE 3u

/* Of what the library and the plug-in hand to each other. */
#define MTI_SOFT_SIZES                                                         \
	{                                                                      \
		sizeof(struct mti_hv_ops), sizeof(struct mti_vm_config),       \
			sizeof(struct mti_entry),                              \
			sizeof(struct mti_vm_mapping),                         \
			sizeof(struct mti_machine), sizeof(struct mti_exit),   \
			sizeof(struct mti_cpu_state),                          \
			sizeof(struct mti_bare_state),                         \
			sizeof(struct mti_arch),                               \
			sizeof(struct mti_allocator), sizeof(mote_fault),      \
			sizeof(mote_error), sizeof(mote_backend_info),         \
	}
#define MTI_SOFT_SIZE_COUNT 13

struct mti_soft_plugin {
	uint32_t interface; /* MTI_SOFT_INTERFACE */
	uint32_t sizes[MTI_SOFT_SIZE_COUNT]; /* MTI_SOFT_SIZES */
	char version[16];   /* MOTE_VERSION_STRING, of the same build tree */
	const struct mti_hv_ops *ops;
};

#endif
