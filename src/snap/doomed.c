#include "snap/doomed.h"

#include <errno.h>

#include "base/error.h"
#include "os/os.h"
#include "snap/json.h"

static void spare(struct mti_doomed *doomed, const struct mti_digest *digest)
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
static void spare_all_in(struct mti_doomed *doomed, const json_t *value)
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
			struct mti_doomed *doomed)
{
	struct mti_json_reader reader = { .operation = "", .document = "" };
	struct mti_descriptor descriptor;
	struct mti_content bytes;
	json_t *document;

	/*
	 * Another index, say: what that leads to is not followed. A manifest
	 * that was changed may have lost what it named.
	 */
	if (!mti_index_descriptor(index, entry, &descriptor) ||
	    mti_blob_read_sound(folder, "manifest", &descriptor, MTI_JSON_MAX,
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

size_t mti_doomed_spare(struct mti_doomed *doomed,
			const struct mti_folder *folder,
			const struct mti_index *index)
{
	const size_t count = mti_index_count(index);
	size_t i = 0;

	spare_all_in(doomed, index->root);
	while (i < count && spare_entry(folder, index, i, doomed))
		i++;
	return i;
}

static uint64_t size_of(const struct mti_folder *folder, const char *hex)
{
	int fd = mti_os_open_at(folder->blobs, hex);
	int64_t size = fd < 0 ? 0 : mti_os_file_size(fd);

	mti_os_close(fd);
	return size < 0 ? 0 : (uint64_t)size;
}

mote_status mti_doomed_delete(const struct mti_doomed *doomed,
			      const struct mti_folder *folder,
			      uint64_t *bytes, mote_error *err)
{
	mote_status status = MOTE_OK;
	size_t i;

	for (i = 0; i < doomed->count; i++) {
		char hex[MTI_DIGEST_HEX_BYTES];
		uint64_t size;
		int os;

		mti_digest_hex(&doomed->blobs[i], hex);
		size = bytes ? size_of(folder, hex) : 0;
		os = mti_os_unlink_at(folder->blobs, hex);
		if (os == 0 && bytes)
			*bytes += size;
		if (os < 0 && os != -ENOENT && status == MOTE_OK)
			status = mti_error_os(err, MOTE_E_OS,
					      folder->operation, -os,
					      "%.200s: blob %s",
					      folder->path, hex);
	}
	return status;
}
