/*
 * A snapshot without a VM, and a folder to save it into: memory files of a
 * few pages, a program that is none, two exports and two imports.
 */
#ifndef HARNESS_SNAP_SAMPLE_H
#define HARNESS_SNAP_SAMPLE_H

#include "harness/failing_allocator.h"
#include "snap/file.h"

#define SAMPLE_BASE_PAGES 24
#define SAMPLE_DELTA_PAGES 3
#define SAMPLE_PROGRAM_BYTES 5000

struct snap_sample {
	struct failing_allocator memory;
	char folder[64];  /* a temporary one */
	char layout[96];  /* in it, not made yet */
	struct mti_snap snap;
	struct mti_snap_origin here;
	uint8_t program_bytes[SAMPLE_PROGRAM_BYTES];
	struct mti_snap_program program;
	struct mti_snap_tables tables;
	size_t descriptors; /* of the process, when it was opened */
};

/* As the tests' config says it; all in *here. */
void snap_sample_open(struct snap_sample *sample);
/* The test fails if anything is left of what the sample's snapshots had. */
void snap_sample_close(struct snap_sample *sample);

/* The snapshot with another program state: a delta full of that byte. */
void snap_sample_set_delta(struct snap_sample *sample, uint8_t byte);

/* With as many deltas as can be, each full of another byte. */
void snap_sample_set_deltas(struct snap_sample *sample);

struct mti_save snap_sample_save_request(const struct snap_sample *sample,
					 const char *tag);
mote_status snap_sample_save(const struct snap_sample *sample, const char *tag,
			     struct mti_digest *digest, mote_error *err);
/* Also checks the tables. */
mote_status snap_sample_load(const struct snap_sample *sample,
			     const char *reference, bool verify, bool copy,
			     struct mti_loaded *loaded, mote_error *err);
/* Saves, or loads, or the test fails. */
void snap_sample_saved(const struct snap_sample *sample, const char *tag);
/* Loads it and compares everything; then unloads it. */
void snap_sample_expect(const struct snap_sample *sample,
			const char *reference);
/* Refused with that status and text; nothing is left of the attempt. */
void snap_sample_refused(const struct snap_sample *sample,
			 const char *reference, mote_status status,
			 const char *text);

size_t snap_descriptors(void);
/* Mappings of memory files and blobs. */
size_t snap_mappings(void);

#endif
