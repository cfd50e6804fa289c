/*
 * Loading. Nothing in the files is trusted: every number is checked before
 * it is used, and what the files hold of memory is only ever guest memory.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi/layout.h"
#include "base/error.h"
#include "os/os.h"
#include "snap/file.h"

#define OPERATION "load snapshot"
/* As for images in files of their own. */
#define PROGRAM_MAX (UINT64_C(1) << 30)
#define CHUNK 65536

struct loader {
	const struct mti_load *load;
	struct mti_folder folder;
	struct mti_manifest manifest;
	struct mti_loaded *loaded;
	mote_error *err;
};

/* The words before an error in a document. */
static mote_status document_error(const struct mti_json_reader *reader,
				  const struct mti_folder *folder)
{
	if (reader->status != MOTE_OK)
		mti_error_prefix(reader->err, "%.200s: ", folder->path);
	return reader->status;
}

mote_status mti_index_load(const struct mti_folder *folder,
			   struct mti_index *index, bool *absent,
			   mote_error *err)
{
	struct mti_json_reader reader = { .operation = folder->operation,
					  .document = MTI_FILE_INDEX,
					  .err = err };
	struct mti_content bytes;
	mote_status status;

	status = mti_folder_read(folder, MTI_FILE_INDEX, &bytes, err);
	if (status != MOTE_OK)
		return status;
	if (absent)
		*absent = !bytes.data;
	if (!bytes.data)
		return absent ? MOTE_OK
			      : mti_folder_bad(folder, MTI_FILE_INDEX, err,
					       "is missing");
	mti_index_read(&reader, bytes.data, bytes.size, index);
	mti_free(folder->allocator, bytes.data);
	return document_error(&reader, folder);
}

/*
 * A document that is a blob. Its digest is checked always: it is small, and
 * an error in it would be anything. Before it is parsed if all of them are to
 * be checked; else after it, when a wrong field has had its say.
 */
static mote_status check_document(const struct loader *loader, bool before,
				  const char *kind,
				  const struct mti_descriptor *descriptor,
				  const struct mti_content *bytes)
{
	if (before != loader->load->verify)
		return MOTE_OK;
	return mti_blob_check(&loader->folder, kind, descriptor, bytes,
			      loader->err);
}

static mote_status find_manifest(struct loader *loader,
				 const struct mti_reference *reference,
				 struct mti_descriptor *descriptor)
{
	struct mti_json_reader reader = { .operation = OPERATION,
					  .document = MTI_FILE_INDEX,
					  .err = loader->err };
	struct mti_index index = { NULL };
	mote_status status;

	status = mti_index_load(&loader->folder, &index, NULL, loader->err);
	if (status == MOTE_OK) {
		(void)mti_index_find(&reader, &index, reference, descriptor);
		status = document_error(&reader, &loader->folder);
	}
	mti_index_fini(&index);
	return status;
}

typedef void (*parse_fn)(struct mti_json_reader *reader,
			 const struct mti_content *bytes,
			 struct loader *loader);

/* name gets what errors call it. */
static mote_status read_document(struct loader *loader, const char *kind,
				 const struct mti_descriptor *descriptor,
				 parse_fn parse, char name[MTI_BLOB_NAME_BYTES])
{
	struct mti_json_reader reader = { .operation = OPERATION,
					  .document = name,
					  .err = loader->err };
	struct mti_content bytes;
	mote_status status;

	mti_blob_name(kind, descriptor, name);
	status = mti_blob_read(&loader->folder, kind, descriptor, MTI_JSON_MAX,
			       &bytes, loader->err);
	if (status != MOTE_OK)
		return status;
	status = check_document(loader, true, kind, descriptor, &bytes);
	if (status == MOTE_OK) {
		parse(&reader, &bytes, loader);
		status = document_error(&reader, &loader->folder);
	}
	if (status == MOTE_OK)
		status = check_document(loader, false, kind, descriptor,
					&bytes);
	mti_free(loader->load->allocator, bytes.data);
	return status;
}

static void parse_manifest(struct mti_json_reader *reader,
			   const struct mti_content *bytes,
			   struct loader *loader)
{
	mti_manifest_read(reader, bytes->data, bytes->size, &loader->manifest);
}

static void parse_config(struct mti_json_reader *reader,
			 const struct mti_content *bytes, struct loader *loader)
{
	mti_config_read(reader, bytes->data, bytes->size, loader->load->here,
			loader->load->bare, &loader->loaded->config);
}

static mote_status read_manifest(struct loader *loader,
				 const struct mti_descriptor *descriptor)
{
	char name[MTI_BLOB_NAME_BYTES];

	return read_document(loader, "manifest", descriptor, parse_manifest,
			     name);
}

/* Of a bare guest the hole in its memory is none of it. */
static mote_status check_size(const struct loader *loader, const char *name)
{
	const struct mti_layout *layout = &loader->loaded->config.layout;
	const uint64_t size = layout->memory_size -
			      (layout->hole_end - layout->hole);

	if (size <= loader->load->max_bytes)
		return MOTE_OK;
	return mti_folder_bad(&loader->folder, name, loader->err,
			      "memory.size: %" PRIu64 " bytes are more than "
			      "load_max_bytes of the engine, %" PRIu64,
			      size, loader->load->max_bytes);
}

static mote_status read_config(struct loader *loader)
{
	char name[MTI_BLOB_NAME_BYTES];
	mote_status status = read_document(loader, "config",
					   &loader->manifest.config,
					   parse_config, name);

	if (status == MOTE_OK &&
	    !mti_digest_equal(&loader->loaded->config.program,
			      &loader->manifest.program.digest))
		status = mti_folder_bad(&loader->folder, name, loader->err,
					"program: is not the manifest's");
	if (status == MOTE_OK)
		status = check_size(loader, name);
	return status;
}

static mote_status read_program(struct loader *loader)
{
	const struct mti_descriptor *descriptor = &loader->manifest.program;
	struct mti_content *program = &loader->loaded->program;
	mote_status status;

	status = mti_blob_read(&loader->folder, "program", descriptor,
			       PROGRAM_MAX, program, loader->err);
	if (status == MOTE_OK && loader->load->verify)
		status = mti_blob_check(&loader->folder, "program", descriptor,
					program, loader->err);
	return status;
}

/* ---------------------------------------------------------------- memory */

static bool is_zero(const uint8_t *data, size_t size)
{
	return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* Copies a file; what is zero becomes a hole. */
static int copy_chunks(int from, int to, uint64_t size, uint8_t *buffer,
		       bool *shorter)
{
	int64_t offset = 0;
	int os = 0;

	*shorter = false;
	while (os == 0) {
		uint64_t left;
		size_t step;
		int64_t got;

		/* Else holes of a TiB would be read for an hour. */
		offset = mti_os_next_data(from, (uint64_t)offset, size);
		if (offset < 0)
			return (int)offset;
		if ((uint64_t)offset >= size)
			break;
		left = size - (uint64_t)offset;
		step = left < CHUNK ? (size_t)left : CHUNK;
		got = mti_os_pread(from, buffer, step, (uint64_t)offset);
		if (got < 0)
			return (int)got;
		if ((size_t)got != step) {
			*shorter = true;
			return 0;
		}
		if (!is_zero(buffer, step))
			os = mti_os_pwrite(to, buffer, step, (uint64_t)offset);
		offset += CHUNK;
	}
	/* There is no data behind its end, either. */
	if (os == 0)
		*shorter = mti_os_file_size(from) < (int64_t)size;
	return os;
}

/* A sealed file in memory with the same bytes takes the place of *fd. */
static mote_status copy_blob(struct loader *loader, const char *name,
			     uint64_t size, int *fd)
{
	uint8_t *buffer = mti_alloc_raw(loader->load->allocator, 1, CHUNK);
	mote_status status = MOTE_OK;
	bool shorter = false;
	int copy;
	int os;

	if (!buffer)
		return mti_error_set(loader->err, MOTE_E_NO_MEMORY, OPERATION,
				     "%.200s: %s: no memory",
				     loader->folder.path, name);
	copy = mti_os_memfd("mote-snapshot", size);
	os = copy < 0 ? copy : copy_chunks(*fd, copy, size, buffer, &shorter);
	if (os == 0 && !shorter)
		os = mti_os_memfd_seal(copy);
	mti_free(loader->load->allocator, buffer);
	if (os < 0)
		status = mti_error_os(loader->err, MOTE_E_OS, OPERATION, -os,
				      "%.200s: %s: copying",
				      loader->folder.path, name);
	else if (shorter)
		status = mti_folder_bad(&loader->folder, name, loader->err,
					"became shorter while it was read");
	if (status != MOTE_OK) {
		mti_os_close(copy);
		return status;
	}
	mti_os_close(*fd);
	*fd = copy;
	return MOTE_OK;
}

/* Of a copy that was checked it is known; else a save will look. */
static void claim_digest(const struct mti_load *load,
			 struct mti_backing *backing,
			 const struct mti_digest *digest)
{
	memcpy(backing->digest, digest->bytes, sizeof(backing->digest));
	/* Nobody else has it yet. */
	atomic_store_explicit(&backing->digest_state,
			      load->verify && load->copy ? MTI_DIGEST_KNOWN
							 : MTI_DIGEST_CLAIMED,
			      memory_order_relaxed);
}

static mote_status open_memory(struct loader *loader, uint32_t layer,
			       struct mti_backing **backing)
{
	const struct mti_descriptor *descriptor =
		&loader->manifest.memory[layer];
	char name[MTI_BLOB_NAME_BYTES];
	mote_status status;
	int fd;

	mti_blob_name("memory", descriptor, name);
	status = mti_blob_open(&loader->folder, "memory", descriptor, &fd,
			       loader->err);
	if (status != MOTE_OK)
		return status;
	/* First the copy: what is checked cannot be changed any more then. */
	if (loader->load->copy)
		status = copy_blob(loader, name, descriptor->size, &fd);
	if (status == MOTE_OK && loader->load->verify)
		status = mti_blob_verify(&loader->folder, "memory", descriptor,
					 fd, loader->err);
	if (status != MOTE_OK) {
		mti_os_close(fd);
		return status;
	}
	status = mti_backing_new(loader->load->allocator, fd, descriptor->size,
				 backing, loader->err);
	if (status == MOTE_OK)
		claim_digest(loader->load, *backing, &descriptor->digest);
	return status;
}

static mote_status check_layer(const struct loader *loader,
			       const struct mti_descriptor *descriptor)
{
	const uint64_t memory_size = loader->loaded->config.layout.memory_size;
	char name[MTI_BLOB_NAME_BYTES];

	mti_blob_name("memory", descriptor, name);
	if (descriptor->size == 0 || descriptor->size % MOTE_PAGE_SIZE != 0)
		return mti_folder_bad(&loader->folder, name, loader->err,
				      "%" PRIu64 " bytes are not made of pages",
				      descriptor->size);
	/* All of it may be read, and a file with holes can be any size. */
	if (descriptor->size > memory_size)
		return mti_folder_bad(&loader->folder, name, loader->err,
				      "%" PRIu64 " bytes, more than the "
				      "memory, %" PRIu64,
				      descriptor->size, memory_size);
	return MOTE_OK;
}

/* All of them may be copied, whatever extents use of them. */
static mote_status check_layers(const struct loader *loader)
{
	const struct mti_manifest *manifest = &loader->manifest;
	const uint64_t most = mti_store_files_max(
		loader->loaded->config.layout.memory_size);
	char name[MTI_BLOB_NAME_BYTES];
	mote_status status = MOTE_OK;
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < manifest->memory_count && status == MOTE_OK; i++) {
		status = check_layer(loader, &manifest->memory[i]);
		sum += manifest->memory[i].size;
	}
	if (status != MOTE_OK || sum <= most)
		return status;
	mti_blob_name("config", &manifest->config, name);
	return mti_folder_bad(&loader->folder, name, loader->err,
			      "memory.size: layers of %" PRIu64 " bytes are "
			      "more than twice that",
			      sum);
}

/* The layers are there, so that extents can be held against them. */
static mote_status check_extents(const struct loader *loader)
{
	const struct mti_config *config = &loader->loaded->config;
	char name[MTI_BLOB_NAME_BYTES];
	uint32_t i;

	mti_blob_name("config", &loader->manifest.config, name);
	for (i = 0; i < config->extent_count; i++) {
		const struct mti_extent *extent = &config->extents[i];

		if (extent->file >= loader->manifest.memory_count)
			return mti_folder_bad(&loader->folder, name,
					      loader->err,
					      "memory.extents[%" PRIu32
					      "]: there is no such layer",
					      i);
		/* Both are below 2^47: no wrap. */
		if (extent->offset + extent->size >
		    loader->manifest.memory[extent->file].size)
			return mti_folder_bad(&loader->folder, name,
					      loader->err,
					      "memory.extents[%" PRIu32
					      "]: ends beyond its layer",
					      i);
	}
	return MOTE_OK;
}

static mote_status make_store(struct loader *loader)
{
	const struct mti_config *config = &loader->loaded->config;
	struct mti_store *store;
	mote_status status;
	uint32_t i;

	status = check_extents(loader);
	if (status == MOTE_OK)
		status = check_layers(loader);
	if (status != MOTE_OK)
		return status;
	store = mti_store_new(loader->load->allocator,
			      config->layout.memory_size);
	if (!store)
		return mti_error_set(loader->err, MOTE_E_NO_MEMORY, OPERATION,
				     "%.200s: no memory", loader->folder.path);
	store->extent_count = config->extent_count;
	memcpy(store->extents, config->extents, sizeof(store->extents));
	loader->loaded->snap.store = store;
	for (i = 0; i < loader->manifest.memory_count && status == MOTE_OK; i++)
		status = open_memory(loader, i, &store->files[i]);
	return status;
}

static mote_status load_from(struct loader *loader,
			     const struct mti_reference *reference)
{
	struct mti_loaded *loaded = loader->loaded;
	struct mti_descriptor descriptor;
	mote_status status;

	status = mti_folder_open(&loader->folder, loader->err);
	if (status == MOTE_OK)
		status = find_manifest(loader, reference, &descriptor);
	if (status == MOTE_OK)
		status = read_manifest(loader, &descriptor);
	if (status == MOTE_OK)
		status = read_config(loader);
	if (status == MOTE_OK)
		status = read_program(loader);
	if (status == MOTE_OK)
		status = make_store(loader);
	if (status != MOTE_OK)
		return status;
	loaded->snap.layout = loaded->config.layout;
	loaded->snap.cpu = loaded->config.cpu;
	loaded->snap.bare = loaded->config.bare;
	loaded->snap.origin = loaded->config.origin;
	return MOTE_OK;
}

mote_status mti_snap_load(const struct mti_load *load,
			  struct mti_loaded *loaded, mote_error *err)
{
	struct loader loader = { .load = load, .loaded = loaded, .err = err };
	struct mti_reference reference;
	mote_status status;

	memset(loaded, 0, sizeof(*loaded));
	loaded->allocator = load->allocator;
	status = mti_reference_parse(load->reference, OPERATION, &reference,
				     err);
	if (status != MOTE_OK)
		return status;
	mti_folder_init(&loader.folder, load->directory, OPERATION,
			load->allocator);
	status = load_from(&loader, &reference);
	mti_folder_fini(&loader.folder);
	if (status != MOTE_OK)
		mti_loaded_fini(loaded);
	return status;
}

mote_status mti_loaded_check_tables(const struct mti_loaded *loaded,
				    const char *directory,
				    const struct mti_snap_tables *tables,
				    mote_error *err)
{
	struct mti_json_reader reader = { .operation = OPERATION,
					  .document = "config",
					  .err = err };

	mti_config_check_tables(&reader, &loaded->config, tables);
	if (reader.status != MOTE_OK)
		mti_error_prefix(err, "%.200s: ", directory);
	return reader.status;
}

void mti_loaded_fini(struct mti_loaded *loaded)
{
	mti_store_unref(loaded->snap.store);
	mti_free(loaded->allocator, loaded->program.data);
	mti_config_fini(&loaded->config);
	loaded->snap.store = NULL;
	loaded->program.data = NULL;
}
