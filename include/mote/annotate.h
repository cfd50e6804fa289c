/*
 * Compiler annotations used by the public headers. Not part of the API.
 */
#ifndef MOTE_ANNOTATE_H
#define MOTE_ANNOTATE_H

#if defined(__GNUC__)
#define MOTE_API __attribute__((visibility("default")))
#define MOTE_MUST_USE __attribute__((warn_unused_result))
#define MOTE_PRINTF(text, first) \
	__attribute__((__format__(__printf__, text, first)))
#else
#define MOTE_API
#define MOTE_MUST_USE
#define MOTE_PRINTF(format, first)
#endif

#endif
