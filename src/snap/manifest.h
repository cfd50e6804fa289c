/*
 * The manifest of a snapshot: which blobs it is made of. Pure.
 */
#ifndef MTI_SNAP_MANIFEST_H
#define MTI_SNAP_MANIFEST_H

#include "snap/digest.h"
#include "snap/json.h"

#define MTI_MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define MTI_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MTI_MEDIA_CONFIG "application/vnd.mote.snapshot.config.v1+json"
#define MTI_MEDIA_PROGRAM "application/vnd.mote.guest.v1.elf"
#define MTI_MEDIA_MEMORY "application/vnd.mote.memory.v1"

/* The program is layer 0, memory follows. */
#define MTI_LAYER_MEMORY 1
/* As many as a store has files. */
#define MTI_MEMORY_LAYERS_MAX 8

struct mti_descriptor {
	struct mti_digest digest;
	uint64_t size;
};

struct mti_manifest {
	struct mti_descriptor config;
	struct mti_descriptor program;
	struct mti_descriptor memory[MTI_MEMORY_LAYERS_MAX];
	uint32_t memory_count; /* at least 1 */
};

/* Digest and size of a descriptor; the media type must be media. */
void mti_descriptor_read(const struct mti_json_node *node, const char *media,
			 struct mti_descriptor *out);
/* A new object, or NULL. */
json_t *mti_descriptor_new(const struct mti_descriptor *descriptor,
			   const char *media);

/* What is wrong is in reader. */
void mti_manifest_read(struct mti_json_reader *reader, const void *data,
		       size_t size, struct mti_manifest *manifest);
/* A new document, or NULL. */
json_t *mti_manifest_new(const struct mti_manifest *manifest);

/* Of all blobs but the manifest itself. */
uint64_t mti_manifest_bytes(const struct mti_manifest *manifest);

#endif
