/*
 * Saving: blobs first, each brought to the disk under its own name, then the
 * index at once. Until then nothing that was there has changed, so that
 * whatever stops us (a crash, a full disk, the caller) leaves a layout as
 * good as it was.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "base/error.h"
#include "os/os.h"
#include "snap/file.h"

#define OPERATION "save snapshot"
#define CHUNK ((size_t)1 << 20)
/* Program, config, manifest, and memory. */
#define BLOBS_MAX (3 + MTI_MEMORY_LAYERS_MAX)

/* Where the bytes of a blob come from: memory, or a file of pages. */
struct source {
	const char *kind;
	const uint8_t *data; /* or NULL: */
	struct mti_backing *backing;
	uint64_t size;
	/* The caller is told how far it is; false: too small to matter. */
	bool counted;
};

struct saver {
	const struct mti_save *save;
	struct mti_folder folder;
	uint8_t *buffer; /* owned: CHUNK bytes */
	uint64_t done;
	uint64_t total;
	/* Blobs that were not there before: they go again if this fails. */
	struct mti_descriptor made[BLOBS_MAX];
	size_t made_count;
	struct mti_manifest manifest;
	mote_error *err;
};

static mote_status report(struct saver *saver, const struct source *source,
			  uint64_t more)
{
	const struct mti_save *save = saver->save;

	if (source && source->counted)
		saver->done += more;
	if (save->progress &&
	    save->progress(save->user, saver->done, saver->total) != 0)
		return mti_error_set(saver->err, MOTE_E_CANCELLED, OPERATION,
				     "%.200s: broken off by the caller after "
				     "%" PRIu64 " of %" PRIu64 " bytes",
				     save->directory, saver->done,
				     saver->total);
	return MOTE_OK;
}

static mote_status no_memory(struct saver *saver)
{
	return mti_error_set(saver->err, MOTE_E_NO_MEMORY, OPERATION,
			     "%.200s: no memory", saver->save->directory);
}

/*
 * The next bytes of a source. A file of pages is read, not looked at through
 * its mapping: should it have been cut short, this fails and nothing worse.
 */
static mote_status chunk(struct saver *saver, const struct source *source,
			 uint64_t offset, const uint8_t **data, size_t *size)
{
	int64_t got;

	*size = source->size - offset < CHUNK ? (size_t)(source->size - offset)
					      : CHUNK;
	if (source->data) {
		*data = source->data + offset;
		return MOTE_OK;
	}
	got = mti_backing_read(source->backing, saver->buffer, *size, offset);
	if (got != (int64_t)*size)
		return mti_error_os(saver->err, MOTE_E_OS, OPERATION,
				    got < 0 ? (int)-got : EIO,
				    "reading the snapshot's memory");
	*data = saver->buffer;
	return MOTE_OK;
}

static mote_status hash_source(struct saver *saver,
			       const struct source *source,
			       struct mti_digest *digest)
{
	struct mti_hash *hash = mti_hash_new();
	mote_status status = hash ? MOTE_OK : no_memory(saver);
	uint64_t offset = 0;
	const uint8_t *data;
	size_t size;

	while (status == MOTE_OK && offset < source->size) {
		status = chunk(saver, source, offset, &data, &size);
		if (status != MOTE_OK)
			break;
		if (!mti_hash_add(hash, data, size))
			status = no_memory(saver);
		else
			status = report(saver, source, 0);
		offset += size;
	}
	if (status == MOTE_OK && !mti_hash_end(hash, digest))
		status = no_memory(saver);
	mti_hash_free(hash);
	return status;
}

static mote_status changed(const struct saver *saver,
			   const struct source *source)
{
	return mti_error_set(saver->err, MOTE_E_SNAPSHOT, OPERATION,
			     "the %s that the snapshot was loaded from has "
			     "been changed since",
			     source->kind);
}

/* The digest of a file of pages is noted there: it never changes. */
static void note_digest(struct mti_backing *backing,
			const struct mti_digest *digest)
{
	uint32_t expected = MTI_DIGEST_UNKNOWN;

	if (!atomic_compare_exchange_strong_explicit(
		    &backing->digest_state, &expected, MTI_DIGEST_BEING_STORED,
		    memory_order_relaxed, memory_order_relaxed))
		return;
	memcpy(backing->digest, digest->bytes, sizeof(backing->digest));
	atomic_store_explicit(&backing->digest_state, MTI_DIGEST_KNOWN,
			      memory_order_release);
}

/* What a manifest said must be so; memory that is not it gets no other one. */
static mote_status describe(struct saver *saver, const struct source *source,
			    struct mti_descriptor *descriptor)
{
	struct mti_backing *backing = source->backing;
	uint32_t state = backing ? atomic_load_explicit(&backing->digest_state,
							memory_order_acquire)
				 : MTI_DIGEST_UNKNOWN;
	mote_status status;

	descriptor->size = source->size;
	if (state == MTI_DIGEST_KNOWN) {
		memcpy(descriptor->digest.bytes, backing->digest,
		       sizeof(descriptor->digest.bytes));
		return MOTE_OK;
	}
	status = hash_source(saver, source, &descriptor->digest);
	if (status != MOTE_OK || !backing)
		return status;
	if (state != MTI_DIGEST_CLAIMED) {
		note_digest(backing, &descriptor->digest);
		return MOTE_OK;
	}
	if (memcmp(descriptor->digest.bytes, backing->digest,
		   sizeof(backing->digest)) != 0)
		return changed(saver, source);
	atomic_store_explicit(&backing->digest_state, MTI_DIGEST_KNOWN,
			      memory_order_release);
	return MOTE_OK;
}

/*
 * Whether the blob is there already. What is there may be a part of it, a
 * copy with an error, or no file at all: it is replaced then. Failing to read
 * it is no reason to give up.
 */
static bool is_there(struct saver *saver, const struct source *source,
		     const struct mti_descriptor *descriptor, bool *absent)
{
	char hex[MTI_DIGEST_HEX_BYTES];
	mote_status status;
	int fd;

	mti_digest_hex(&descriptor->digest, hex);
	fd = mti_os_open_at(saver->folder.blobs, hex);
	*absent = fd == -ENOENT;
	mti_os_close(fd);
	if (fd < 0)
		return false;
	status = mti_blob_open(&saver->folder, source->kind, descriptor, &fd,
			       NULL);
	if (status != MOTE_OK)
		return false;
	status = mti_blob_verify(&saver->folder, source->kind, descriptor, fd,
				 NULL);
	mti_os_close(fd);
	return status == MOTE_OK;
}

static mote_status write_error(struct saver *saver, const struct source *source,
			       const struct mti_descriptor *descriptor, int os)
{
	char name[MTI_BLOB_NAME_BYTES];

	mti_blob_name(source->kind, descriptor, name);
	return mti_error_os(saver->err, MOTE_E_OS, OPERATION, -os,
			    "%.200s: writing %s", saver->save->directory, name);
}

/* A shorter rest is none. */
static bool is_zero_page(const uint8_t *page, size_t left)
{
	return left >= MOTE_PAGE_SIZE && page[0] == 0 &&
	       memcmp(page, page + 1, MOTE_PAGE_SIZE - 1) == 0;
}

/*
 * Pages of zeros stay holes. How far apart its pages lie is the guest's
 * choice, how much room on the disk they take is not.
 */
static int write_pages(int fd, const uint8_t *data, size_t size,
		       uint64_t offset)
{
	size_t start = 0;
	size_t end;
	int os = 0;

	while (start < size && os == 0) {
		end = start;
		while (end < size && !is_zero_page(data + end, size - end))
			end += size - end < MOTE_PAGE_SIZE ? size - end :
							     MOTE_PAGE_SIZE;
		if (end > start)
			os = mti_os_pwrite(fd, data + start, end - start,
					   offset + start);
		start = end > start ? end : start + MOTE_PAGE_SIZE;
	}
	return os;
}

/* Writes fd; what was written must have the digest that it will be named. */
static mote_status write_chunks(struct saver *saver,
				const struct source *source,
				const struct mti_descriptor *descriptor,
				struct mti_hash *hash, int fd)
{
	struct mti_digest digest;
	mote_status status = MOTE_OK;
	uint64_t offset = 0;
	const uint8_t *data;
	size_t size;
	int os;

	while (status == MOTE_OK && offset < source->size) {
		status = chunk(saver, source, offset, &data, &size);
		if (status != MOTE_OK)
			return status;
		if (!mti_hash_add(hash, data, size))
			return no_memory(saver);
		os = write_pages(fd, data, size, offset);
		if (os < 0)
			return write_error(saver, source, descriptor, os);
		status = report(saver, source, size);
		offset += size;
	}
	if (status != MOTE_OK)
		return status;
	if (!mti_hash_end(hash, &digest))
		return no_memory(saver);
	if (!mti_digest_equal(&digest, &descriptor->digest))
		return changed(saver, source);
	/* It may end with a hole. */
	os = mti_os_truncate(fd, source->size);
	if (os == 0)
		os = mti_os_sync(fd);
	return os < 0 ? write_error(saver, source, descriptor, os) : MOTE_OK;
}

static mote_status write_partial(struct saver *saver,
				 const struct source *source,
				 const struct mti_descriptor *descriptor)
{
	struct mti_hash *hash = mti_hash_new();
	mote_status status;
	int os = mti_os_unlink_at(saver->folder.blobs, MTI_FILE_PARTIAL);
	int fd;

	if (!hash)
		return no_memory(saver);
	fd = os < 0 && os != -ENOENT ?
		     os :
		     mti_os_create_at(saver->folder.blobs, MTI_FILE_PARTIAL);
	if (fd < 0)
		status = write_error(saver, source, descriptor, fd);
	else
		status = write_chunks(saver, source, descriptor, hash, fd);
	mti_os_close(fd);
	mti_hash_free(hash);
	return status;
}

static mote_status put_blob(struct saver *saver, const struct source *source,
			    const struct mti_descriptor *descriptor)
{
	char hex[MTI_DIGEST_HEX_BYTES];
	mote_status status;
	bool absent;
	int os;

	if (is_there(saver, source, descriptor, &absent))
		return report(saver, source, source->size);
	status = write_partial(saver, source, descriptor);
	if (status == MOTE_OK) {
		mti_digest_hex(&descriptor->digest, hex);
		os = mti_os_rename_at(saver->folder.blobs, MTI_FILE_PARTIAL,
				      hex);
		if (os < 0)
			status = write_error(saver, source, descriptor, os);
	}
	if (status != MOTE_OK)
		(void)mti_os_unlink_at(saver->folder.blobs, MTI_FILE_PARTIAL);
	else if (absent)
		saver->made[saver->made_count++] = *descriptor;
	return status;
}

static void take_back(struct saver *saver)
{
	char hex[MTI_DIGEST_HEX_BYTES];
	size_t i;

	for (i = 0; i < saver->made_count; i++) {
		mti_digest_hex(&saver->made[i].digest, hex);
		(void)mti_os_unlink_at(saver->folder.blobs, hex);
	}
}

/* ------------------------------------------------------ all of them */

static struct source memory_source(const struct saver *saver, uint32_t layer)
{
	struct mti_backing *backing = saver->save->snap->store->files[layer];

	return (struct source){ "memory", NULL, backing, backing->size, true };
}

static mote_status put_program(struct saver *saver)
{
	const struct mti_snap_program *program = &saver->save->program;
	const struct source source = { "program", program->data, NULL,
				       program->size, true };
	mote_status status;

	status = describe(saver, &source, &saver->manifest.program);
	return status == MOTE_OK ? put_blob(saver, &source,
					    &saver->manifest.program)
				 : status;
}

static mote_status put_memory(struct saver *saver)
{
	mote_status status = MOTE_OK;
	uint32_t i;

	for (i = 0; i < saver->manifest.memory_count && status == MOTE_OK;
	     i++) {
		const struct source source = memory_source(saver, i);

		status = describe(saver, &source, &saver->manifest.memory[i]);
		if (status == MOTE_OK)
			status = put_blob(saver, &source,
					  &saver->manifest.memory[i]);
	}
	return status;
}

/* Takes document over. */
static mote_status put_document(struct saver *saver, const char *kind,
				json_t *document,
				struct mti_descriptor *descriptor)
{
	struct source source = { .kind = kind };
	char *text = NULL;
	mote_status status;
	size_t size;

	if (!document)
		return no_memory(saver);
	status = mti_json_write(document, OPERATION, kind, &text, &size,
				saver->err);
	json_decref(document);
	if (status != MOTE_OK)
		return status;
	source.data = (const uint8_t *)text;
	source.size = size;
	status = describe(saver, &source, descriptor);
	if (status == MOTE_OK)
		status = put_blob(saver, &source, descriptor);
	free(text);
	return status;
}

static mote_status put_config(struct saver *saver)
{
	const struct mti_save *save = saver->save;
	json_t *config = NULL;
	mote_status status;

	status = mti_config_new(save->snap, &saver->manifest.program.digest,
				&save->tables, &config, saver->err);
	if (status != MOTE_OK)
		return status;
	return put_document(saver, "config", config, &saver->manifest.config);
}

static mote_status put_all(struct saver *saver,
			   struct mti_descriptor *manifest)
{
	mote_status status = report(saver, NULL, 0);

	if (status == MOTE_OK)
		status = put_program(saver);
	if (status == MOTE_OK)
		status = put_memory(saver);
	if (status == MOTE_OK)
		status = put_config(saver);
	if (status == MOTE_OK)
		status = put_document(saver, "manifest",
				      mti_manifest_new(&saver->manifest),
				      manifest);
	if (status == MOTE_OK)
		status = mti_folder_sync_blobs(&saver->folder, saver->err);
	return status;
}

static mote_status save_into(struct saver *saver, struct mti_index *index,
			     struct mti_descriptor *manifest)
{
	bool replaced = false;
	mote_status status;
	bool absent;

	status = mti_index_load(&saver->folder, index, &absent, saver->err);
	if (status != MOTE_OK)
		return status;
	if (absent && !mti_index_init(index))
		return no_memory(saver);
	status = put_all(saver, manifest);
	if (status == MOTE_OK &&
	    !mti_index_set(index, saver->save->tag, manifest))
		status = no_memory(saver);
	if (status == MOTE_OK)
		status = mti_index_store(&saver->folder, index, &replaced,
					 saver->err);
	if (status != MOTE_OK && !replaced)
		take_back(saver);
	return status;
}

mote_status mti_snap_save(const struct mti_save *save,
			  struct mti_digest *digest, mote_error *err)
{
	const struct mti_store *store = save->snap->store;
	struct saver saver = { .save = save, .err = err };
	struct mti_index index = { NULL };
	struct mti_descriptor manifest;
	struct mti_reference reference;
	mote_status status;
	uint32_t i;

	status = mti_reference_tag(save->tag, OPERATION, &reference, err);
	if (status != MOTE_OK)
		return status;
	mti_folder_init(&saver.folder, save->directory, OPERATION,
			save->allocator);
	saver.manifest.memory_count = mti_store_file_count(store);
	saver.total = save->program.size;
	for (i = 0; i < saver.manifest.memory_count; i++)
		saver.total += store->files[i]->size;
	saver.buffer = mti_alloc_raw(save->allocator, 1, CHUNK);
	status = saver.buffer ? mti_folder_make(&saver.folder, err)
			      : no_memory(&saver);
	if (status == MOTE_OK)
		status = save_into(&saver, &index, &manifest);
	mti_index_fini(&index);
	mti_folder_fini(&saver.folder);
	mti_free(save->allocator, saver.buffer);
	if (status == MOTE_OK)
		*digest = manifest.digest;
	return status;
}
