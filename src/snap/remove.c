/*
 * Listing a layout, and taking snapshots out of it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "snap/doomed.h"
#include "snap/file.h"

/* Of a snapshot: manifest, config, program, memory. */
#define BLOBS_MAX (3 + MTI_MEMORY_LAYERS_MAX)

mote_status mti_index_store(const struct mti_folder *folder,
			    const struct mti_index *index, bool *replaced,
			    mote_error *err)
{
	mote_status status;
	char *text;
	size_t size;

	*replaced = false;
	status = mti_json_write(index->root, folder->operation, MTI_FILE_INDEX,
				&text, &size, err);
	if (status != MOTE_OK) {
		mti_error_prefix(err, "%.200s: ", folder->path);
		return status;
	}
	status = mti_folder_write(folder, MTI_FILE_INDEX, text, size, replaced,
				  err);
	free(text);
	return status;
}

/* What there is to be known of a manifest. */
enum found { FOUND_SNAPSHOT, FOUND_OTHER, FOUND_BROKEN };

static enum found look_at(const struct mti_content *bytes,
			  struct mti_manifest *manifest)
{
	struct mti_json_reader reader = { .operation = "", .document = "" };
	json_t *document = mti_json_parse(&reader, bytes->data, bytes->size);
	const char *type;
	bool ours;

	if (!document)
		return FOUND_BROKEN;
	type = json_string_value(json_object_get(document, "artifactType"));
	ours = type && strcmp(type, MTI_MEDIA_CONFIG) == 0;
	json_decref(document);
	if (!ours)
		return FOUND_OTHER;
	mti_manifest_read(&reader, bytes->data, bytes->size, manifest);
	return reader.status == MOTE_OK ? FOUND_SNAPSHOT : FOUND_BROKEN;
}

/* Broken also if there is no memory for it: the caller is careful then. */
static enum found read_manifest(const struct mti_folder *folder,
				const struct mti_descriptor *descriptor,
				struct mti_manifest *manifest)
{
	struct mti_content bytes;
	enum found found;

	if (mti_blob_read_sound(folder, "manifest", descriptor, MTI_JSON_MAX,
				&bytes, NULL) != MOTE_OK)
		return FOUND_BROKEN;
	found = look_at(&bytes, manifest);
	mti_free(folder->allocator, bytes.data);
	return found;
}

/* ------------------------------------------------------------------ list */

mote_status mti_snap_list(const struct mti_allocator *allocator,
			  const char *directory, mti_entry_fn found,
			  void *user, mote_error *err)
{
	struct mti_index index = { NULL };
	struct mti_folder folder;
	mote_status status;
	size_t count = 0;
	size_t i;

	mti_folder_init(&folder, directory, "list snapshots", allocator);
	status = mti_folder_open(&folder, err);
	if (status == MOTE_OK)
		status = mti_index_load(&folder, &index, NULL, err);
	if (status == MOTE_OK)
		count = mti_index_count(&index);
	for (i = 0; i < count; i++) {
		const char *tag = mti_index_tag(&index, i);
		struct mti_descriptor descriptor;
		struct mti_manifest manifest;
		uint64_t bytes = 0;
		enum found kind;

		if (!mti_index_descriptor(&index, i, &descriptor))
			continue;
		kind = read_manifest(&folder, &descriptor, &manifest);
		if (kind == FOUND_OTHER)
			continue;
		if (kind == FOUND_SNAPSHOT)
			bytes = descriptor.size + mti_manifest_bytes(&manifest);
		if (found(user, mti_tag_ok(tag) ? tag : "", &descriptor.digest,
			  bytes) != 0)
			break;
	}
	mti_index_fini(&index);
	mti_folder_fini(&folder);
	return status;
}

/* ---------------------------------------------------------------- remove */

static void doom(struct mti_doomed *doomed, const struct mti_digest *digest)
{
	doomed->blobs[doomed->count++] = *digest;
}

/* What goes with the snapshot if nothing else wants it. */
static mote_status doom_entry(const struct mti_folder *folder,
			      const struct mti_descriptor *descriptor,
			      const char *tag, struct mti_doomed *doomed,
			      mote_error *err)
{
	struct mti_manifest manifest;
	enum found found;
	uint32_t i;

	found = read_manifest(folder, descriptor, &manifest);
	if (found == FOUND_OTHER)
		return mti_error_set(err, MOTE_E_SNAPSHOT, folder->operation,
				     "%.200s: %s is no snapshot of Mote",
				     folder->path, tag);
	doom(doomed, &descriptor->digest);
	if (found == FOUND_BROKEN)
		return MOTE_OK;
	doom(doomed, &manifest.config.digest);
	doom(doomed, &manifest.program.digest);
	for (i = 0; i < manifest.memory_count; i++)
		doom(doomed, &manifest.memory[i].digest);
	return MOTE_OK;
}

static mote_status remove_from(const struct mti_folder *folder,
			       const struct mti_reference *reference,
			       struct mti_index *index, mote_error *err)
{
	struct mti_json_reader reader = { .operation = folder->operation,
					  .document = MTI_FILE_INDEX,
					  .err = err };
	struct mti_digest blobs[BLOBS_MAX];
	struct mti_doomed doomed = { .blobs = blobs };
	struct mti_descriptor descriptor;
	mote_status status;
	bool replaced;
	size_t entry;

	status = mti_index_load(folder, index, NULL, err);
	if (status != MOTE_OK)
		return status;
	entry = mti_index_find(&reader, index, reference, &descriptor);
	if (reader.status != MOTE_OK) {
		mti_error_prefix(err, "%.200s: ", folder->path);
		return reader.status;
	}
	status = doom_entry(folder, &descriptor, reference->tag, &doomed, err);
	if (status != MOTE_OK)
		return status;
	mti_index_remove(index, entry);
	status = mti_index_store(folder, index, &replaced, err);
	if (status != MOTE_OK)
		return status;
	/* What cannot be read may name any of them. */
	if (mti_doomed_spare(&doomed, folder, index) !=
	    mti_index_count(index))
		return MOTE_OK;
	status = mti_doomed_delete(&doomed, folder, NULL, err);
	if (status != MOTE_OK)
		mti_error_prefix(err, "the tag is gone: ");
	return status;
}

mote_status mti_snap_remove(const struct mti_allocator *allocator,
			    const char *directory, const char *tag,
			    mote_error *err)
{
	struct mti_index index = { NULL };
	struct mti_reference reference;
	struct mti_folder folder;
	mote_status status;

	status = mti_reference_tag(tag, "remove snapshot", &reference, err);
	if (status != MOTE_OK)
		return status;
	mti_folder_init(&folder, directory, "remove snapshot", allocator);
	status = mti_folder_open_locked(&folder, err);
	if (status == MOTE_OK)
		status = remove_from(&folder, &reference, &index, err);
	mti_index_fini(&index);
	mti_folder_fini(&folder);
	return status;
}
