/*
 * Version of the library. 0.x: no compatibility promise between minor
 * versions yet.
 */
#ifndef MOTE_VERSION_H
#define MOTE_VERSION_H

#include <stdint.h>

#include <mote/annotate.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOTE_VERSION_MAJOR 0
#define MOTE_VERSION_MINOR 1
#define MOTE_VERSION_PATCH 0
#define MOTE_VERSION_STRING "0.1.0"

/* The version of the headers as one comparable number. */
#define MOTE_VERSION                                          \
	(MOTE_VERSION_MAJOR * 1000000 + MOTE_VERSION_MINOR * 1000 + \
	 MOTE_VERSION_PATCH)

/* The version of the library that is loaded; compare with MOTE_VERSION. */
MOTE_API uint32_t mote_version(void);

/* The same as text, e.g. "0.1.0"; static storage. */
MOTE_API const char *mote_version_string(void);

#ifdef __cplusplus
}
#endif

#endif
