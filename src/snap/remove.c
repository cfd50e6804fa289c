/*
 * Listing a layout, and taking snapshots out of it.
 *
 * A blob is deleted if the snapshot that goes names it and nothing that
 * remains does. What remains may be of any kind: whatever in it looks like a
 * digest counts, and if something there cannot be read no blob is deleted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "os/os.h"
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

	if (mti_blob_read(folder, "manifest", descriptor, MTI_JSON_MAX, &bytes,
			  NULL) != MOTE_OK)
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

struct doomed {
	struct mti_digest blobs[BLOBS_MAX];
	size_t count;
};

static void doom(struct doomed *doomed, const struct mti_digest *digest)
{
	doomed->blobs[doomed->count++] = *digest;
}

static void spare(struct doomed *doomed, const struct mti_digest *digest)
{
	size_t i = 0;

	while (i < doomed->count) {
		if (mti_digest_equal(&doomed->blobs[i], digest))
			doomed->blobs[i] = doomed->blobs[--doomed->count];
		else
			i++;
	}
}

/* Depth is bounded by mti_json_parse. */
static void spare_all_in(struct doomed *doomed, const json_t *value)
{
	struct mti_digest digest;
	const char *key;
	json_t *member;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_STRING:
		if (mti_digest_parse(json_string_value(value), &digest))
			spare(doomed, &digest);
		return;
	case JSON_ARRAY:
		for (i = 0; i < json_array_size(value); i++)
			spare_all_in(doomed, json_array_get(value, i));
		return;
	case JSON_OBJECT:
		/* The iteration does not change the object. */
		json_object_foreach((json_t *)(uintptr_t)value, key, member)
			spare_all_in(doomed, member);
		return;
	default:
		return;
	}
}

/* false if what an entry names cannot be found out. */
static bool spare_entry(const struct mti_folder *folder,
			const struct mti_index *index, size_t entry,
			struct doomed *doomed)
{
	struct mti_json_reader reader = { .operation = "", .document = "" };
	struct mti_descriptor descriptor;
	struct mti_content bytes;
	json_t *document;

	/* Another index, say: what that leads to is not followed. */
	if (!mti_index_descriptor(index, entry, &descriptor) ||
	    mti_blob_read(folder, "manifest", &descriptor, MTI_JSON_MAX,
			  &bytes, NULL) != MOTE_OK)
		return false;
	document = mti_json_parse(&reader, bytes.data, bytes.size);
	mti_free(folder->allocator, bytes.data);
	if (!document)
		return false;
	spare_all_in(doomed, document);
	json_decref(document);
	return true;
}

static void spare_remaining(const struct mti_folder *folder,
			    const struct mti_index *index,
			    struct doomed *doomed)
{
	size_t count = mti_index_count(index);
	size_t i;

	spare_all_in(doomed, index->root);
	for (i = 0; i < count; i++)
		if (!spare_entry(folder, index, i, doomed))
			doomed->count = 0;
}

static mote_status delete_blobs(const struct mti_folder *folder,
				const struct doomed *doomed, mote_error *err)
{
	mote_status status = MOTE_OK;
	size_t i;

	for (i = 0; i < doomed->count; i++) {
		char hex[MTI_DIGEST_HEX_BYTES];
		int os;

		mti_digest_hex(&doomed->blobs[i], hex);
		os = mti_os_unlink_at(folder->blobs, hex);
		if (os < 0 && os != -ENOENT && status == MOTE_OK)
			status = mti_error_os(
				err, MOTE_E_OS, folder->operation, -os,
				"%.200s: the tag is gone, but blob %s is not",
				folder->path, hex);
	}
	return status;
}

/* What goes with the snapshot if nothing else wants it. */
static mote_status doom_entry(const struct mti_folder *folder,
			      const struct mti_descriptor *descriptor,
			      const char *tag, struct doomed *doomed,
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
	struct doomed doomed = { .count = 0 };
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
	spare_remaining(folder, index, &doomed);
	return delete_blobs(folder, &doomed, err);
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
