#include "snap/folder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "os/os.h"

#define LAYOUT_VERSION "1.0.0"
#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"" LAYOUT_VERSION "\"}"
#define PATH_SHOWN 200

/* Bytes that are hashed at a time. */
#define CHUNK 65536

mote_status mti_folder_bad(const struct mti_folder *folder, const char *name,
			   mote_error *err, const char *format, ...)
{
	char reason[MOTE_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	return mti_error_set(err, MOTE_E_SNAPSHOT, folder->operation,
			     "%.*s: %s: %s", PATH_SHOWN, folder->path, name,
			     reason);
}

/* What reading or writing a file of that name met with; os is not 0. */
static mote_status os_error(const struct mti_folder *folder, const char *name,
			    int os, mote_error *err)
{
	switch (-os) {
	case ENOENT:
		return mti_folder_bad(folder, name, err, "is missing");
	case ELOOP:
		return mti_folder_bad(folder, name, err, "is a symbolic link");
	case ENOTDIR:
		return mti_folder_bad(folder, name, err, "is no folder");
	/* A socket, or a device without a driver. */
	case ENXIO:
	case ENODEV:
		return mti_folder_bad(folder, name, err, "is no regular file");
	default:
		return mti_error_os(err, MOTE_E_OS, folder->operation, -os,
				    "%.*s: %s", PATH_SHOWN, folder->path, name);
	}
}

static mote_status no_memory(const struct mti_folder *folder, const char *name,
			     mote_error *err)
{
	return mti_error_set(err, MOTE_E_NO_MEMORY, folder->operation,
			     "%.*s: %s: no memory", PATH_SHOWN, folder->path,
			     name);
}

void mti_folder_init(struct mti_folder *folder, const char *path,
		     const char *operation,
		     const struct mti_allocator *allocator)
{
	folder->path = path;
	folder->operation = operation;
	folder->allocator = allocator;
	folder->dir = -1;
	folder->blobs = -1;
}

void mti_folder_fini(struct mti_folder *folder)
{
	mti_os_close(folder->blobs);
	/* Closing would not do: a child of fork() may have it, too. */
	mti_os_unlock(folder->dir);
	mti_os_close(folder->dir);
	folder->blobs = -1;
	folder->dir = -1;
}

/* The size of an open file; a file that is none of ours says so. */
static mote_status regular_size(const struct mti_folder *folder,
				const char *name, int fd, uint64_t *size,
				mote_error *err)
{
	int64_t found = mti_os_file_size(fd);

	if (found == -EINVAL)
		return mti_folder_bad(folder, name, err, "is no regular file");
	if (found < 0)
		return os_error(folder, name, (int)found, err);
	*size = (uint64_t)found;
	return MOTE_OK;
}

/* All of an open file, which has size bytes. */
static mote_status read_all(const struct mti_folder *folder, const char *name,
			    int fd, uint64_t size, struct mti_content *bytes,
			    mote_error *err)
{
	uint8_t *data;
	int64_t got;

	if (size == 0)
		return mti_folder_bad(folder, name, err, "is empty");
	data = mti_alloc_raw(folder->allocator, 1, (size_t)size);
	if (!data)
		return no_memory(folder, name, err);
	got = mti_os_pread(fd, data, (size_t)size, 0);
	if (got < 0 || (uint64_t)got != size) {
		mti_free(folder->allocator, data);
		if (got < 0)
			return os_error(folder, name, (int)got, err);
		return mti_folder_bad(folder, name, err,
				      "became shorter while it was read");
	}
	bytes->data = data;
	bytes->size = (size_t)size;
	return MOTE_OK;
}

mote_status mti_folder_read(const struct mti_folder *folder, const char *name,
			    struct mti_content *bytes, mote_error *err)
{
	mote_status status;
	uint64_t size;
	int fd;

	bytes->data = NULL;
	bytes->size = 0;
	fd = mti_os_open_at(folder->dir, name);
	if (fd == -ENOENT)
		return MOTE_OK;
	if (fd < 0)
		return os_error(folder, name, fd, err);
	status = regular_size(folder, name, fd, &size, err);
	if (status == MOTE_OK && size > MTI_JSON_MAX)
		status = mti_folder_bad(folder, name, err,
					"%" PRIu64 " bytes, more than %" PRIu64,
					size, MTI_JSON_MAX);
	if (status == MOTE_OK)
		status = read_all(folder, name, fd, size, bytes, err);
	mti_os_close(fd);
	return status;
}

/* Writes, and brings to the disk, a file that is not there yet. */
static int write_new(int dir, const char *name, const void *data, size_t size)
{
	int fd = mti_os_create_at(dir, name);
	int os;

	if (fd < 0)
		return fd;
	os = mti_os_pwrite(fd, data, size, 0);
	if (os == 0)
		os = mti_os_sync(fd);
	mti_os_close(fd);
	return os;
}

mote_status mti_folder_write(const struct mti_folder *folder,
			     const char *name, const void *data, size_t size,
			     bool *replaced, mote_error *err)
{
	int os = mti_os_unlink_at(folder->dir, MTI_FILE_PARTIAL);

	*replaced = false;
	if (os == -ENOENT)
		os = 0;
	if (os == 0)
		os = write_new(folder->dir, MTI_FILE_PARTIAL, data, size);
	if (os == 0)
		os = mti_os_rename_at(folder->dir, MTI_FILE_PARTIAL, name);
	if (os == 0) {
		*replaced = true;
		os = mti_os_sync(folder->dir);
	} else {
		(void)mti_os_unlink_at(folder->dir, MTI_FILE_PARTIAL);
	}
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, folder->operation, -os,
				    "%.*s: %s: writing", PATH_SHOWN,
				    folder->path, name);
	return MOTE_OK;
}

/* Whether this is a layout that we know; absent if there is none yet. */
static mote_status check_version(const struct mti_folder *folder, bool *absent,
				 mote_error *err)
{
	struct mti_json_reader reader = { .operation = folder->operation,
					  .document = MTI_FILE_LAYOUT,
					  .err = err };
	struct mti_json_node root;
	struct mti_content bytes;
	mote_status status;
	json_t *document;

	status = mti_folder_read(folder, MTI_FILE_LAYOUT, &bytes, err);
	*absent = status == MOTE_OK && !bytes.data;
	if (status != MOTE_OK || *absent)
		return status;
	document = mti_json_parse(&reader, bytes.data, bytes.size);
	root = mti_json_root(&reader, document);
	if (document)
		mti_json_expect(&root, "imageLayoutVersion", LAYOUT_VERSION);
	json_decref(document);
	mti_free(folder->allocator, bytes.data);
	if (reader.status != MOTE_OK)
		mti_error_prefix(err, "%.*s: ", PATH_SHOWN, folder->path);
	return reader.status;
}

static mote_status open_blobs(struct mti_folder *folder, mote_error *err)
{
	int parent = mti_os_open_folder_at(folder->dir, "blobs");

	if (parent < 0)
		return os_error(folder, "blobs", parent, err);
	folder->blobs = mti_os_open_folder_at(parent, "sha256");
	mti_os_close(parent);
	if (folder->blobs < 0)
		return os_error(folder, "blobs/sha256", folder->blobs, err);
	return MOTE_OK;
}

static mote_status open_dir(struct mti_folder *folder, bool lock,
			    mote_error *err)
{
	int os;

	folder->dir = mti_os_open_folder(folder->path);
	if (folder->dir < 0)
		return mti_error_os(err, MOTE_E_OS, folder->operation,
				    -folder->dir, "%.*s", PATH_SHOWN,
				    folder->path);
	os = lock ? mti_os_lock(folder->dir) : 0;
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, folder->operation, -os,
				    "%.*s: locking", PATH_SHOWN, folder->path);
	return MOTE_OK;
}

static mote_status open_existing(struct mti_folder *folder, bool lock,
				 mote_error *err)
{
	mote_status status = open_dir(folder, lock, err);
	bool absent;

	if (status == MOTE_OK)
		status = check_version(folder, &absent, err);
	if (status == MOTE_OK && absent)
		status = os_error(folder, MTI_FILE_LAYOUT, -ENOENT, err);
	return status == MOTE_OK ? open_blobs(folder, err) : status;
}

mote_status mti_folder_open(struct mti_folder *folder, mote_error *err)
{
	return open_existing(folder, false, err);
}

mote_status mti_folder_open_locked(struct mti_folder *folder, mote_error *err)
{
	return open_existing(folder, true, err);
}

/* A folder below another, and that it is there after a crash. */
static int make_folder_at(int dir, const char *name)
{
	int os = mti_os_make_folder_at(dir, name);

	if (os == -EEXIST)
		return 0;
	return os < 0 ? os : mti_os_sync(dir);
}

static mote_status make_blobs(struct mti_folder *folder, mote_error *err)
{
	int parent = -1;
	int os = make_folder_at(folder->dir, "blobs");

	if (os == 0)
		parent = mti_os_open_folder_at(folder->dir, "blobs");
	if (os == 0 && parent < 0)
		os = parent;
	if (os == 0)
		os = make_folder_at(parent, "sha256");
	mti_os_close(parent);
	if (os < 0)
		return os_error(folder, "blobs", os, err);
	return open_blobs(folder, err);
}

/* 1 and a copy of the name of what a writer does not leave. */
static int find_other(void *user, const char *name)
{
	char(*other)[256] = user;

	if (strcmp(name, MTI_FILE_PARTIAL) == 0)
		return 0;
	snprintf(*other, sizeof(*other), "%s", name);
	return 1;
}

/* In a folder that is empty, or in which this was broken off before. */
static mote_status make_layout(const struct mti_folder *folder,
			       mote_error *err)
{
	char other[256];
	bool replaced;
	int os = mti_os_folder_each(folder->dir, find_other, &other);

	if (os < 0)
		return os_error(folder, MTI_FILE_LAYOUT, os, err);
	if (os > 0)
		return mti_folder_bad(folder, MTI_FILE_LAYOUT, err,
				      "is missing, but there is %s: no layout "
				      "is made among other files",
				      other);
	return mti_folder_write(folder, MTI_FILE_LAYOUT, LAYOUT_TEXT,
				strlen(LAYOUT_TEXT), &replaced, err);
}

/* The new folder's name in the one above it. */
static int sync_parent(const struct mti_folder *folder)
{
	int parent = mti_os_open_folder_at(folder->dir, "..");
	int os;

	/* One may make folders where one may not look. */
	if (parent < 0)
		return 0;
	os = mti_os_sync(parent);
	mti_os_close(parent);
	return os;
}

mote_status mti_folder_make(struct mti_folder *folder, mote_error *err)
{
	int made = mti_os_make_folder(folder->path);
	mote_status status = MOTE_OK;
	int os = made == -EEXIST ? 0 : made;
	bool absent;

	if (os == 0)
		status = open_dir(folder, true, err);
	if (status == MOTE_OK && made == 0)
		os = sync_parent(folder);
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, folder->operation, -os,
				    "%.*s: making the folder", PATH_SHOWN,
				    folder->path);
	if (status == MOTE_OK)
		status = check_version(folder, &absent, err);
	if (status == MOTE_OK && absent)
		status = make_layout(folder, err);
	return status == MOTE_OK ? make_blobs(folder, err) : status;
}

mote_status mti_folder_sync_blobs(const struct mti_folder *folder,
				  mote_error *err)
{
	int os = mti_os_sync(folder->blobs);

	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, folder->operation, -os,
				    "%.*s: blobs/sha256", PATH_SHOWN,
				    folder->path);
	return MOTE_OK;
}

void mti_blob_name(const char *kind, const struct mti_descriptor *descriptor,
		   char name[MTI_BLOB_NAME_BYTES])
{
	char digest[MTI_DIGEST_TEXT_BYTES];

	mti_digest_text(&descriptor->digest, digest);
	snprintf(name, MTI_BLOB_NAME_BYTES, "%s blob %s", kind, digest);
}

mote_status mti_blob_open(const struct mti_folder *folder, const char *kind,
			  const struct mti_descriptor *descriptor, int *out,
			  mote_error *err)
{
	char name[MTI_BLOB_NAME_BYTES];
	char hex[MTI_DIGEST_HEX_BYTES];
	mote_status status;
	uint64_t size;
	int fd;

	mti_blob_name(kind, descriptor, name);
	mti_digest_hex(&descriptor->digest, hex);
	fd = mti_os_open_at(folder->blobs, hex);
	if (fd < 0)
		return os_error(folder, name, fd, err);
	status = regular_size(folder, name, fd, &size, err);
	if (status == MOTE_OK && size != descriptor->size)
		status = mti_folder_bad(folder, name, err,
					"has %" PRIu64 " bytes, its descriptor "
					"says %" PRIu64,
					size, descriptor->size);
	if (status != MOTE_OK) {
		mti_os_close(fd);
		return status;
	}
	*out = fd;
	return MOTE_OK;
}

static mote_status wrong_digest(const struct mti_folder *folder,
				const char *name,
				const struct mti_digest *found, mote_error *err)
{
	char text[MTI_DIGEST_TEXT_BYTES];

	mti_digest_text(found, text);
	return mti_folder_bad(folder, name, err, "its content is %s", text);
}

/* The digest of size bytes; MOTE_E_SNAPSHOT if the file ends before. */
static mote_status hash_file(const struct mti_folder *folder, const char *name,
			     int fd, uint64_t size, struct mti_digest *digest,
			     mote_error *err)
{
	uint8_t *buffer = mti_alloc_raw(folder->allocator, 1, CHUNK);
	struct mti_hash *hash = mti_hash_new();
	mote_status status = MOTE_OK;
	uint64_t done = 0;

	if (!buffer || !hash)
		status = no_memory(folder, name, err);
	while (status == MOTE_OK && done < size) {
		size_t step = size - done < CHUNK ? (size_t)(size - done) :
						    CHUNK;
		int64_t got = mti_os_pread(fd, buffer, step, done);

		if (got < 0)
			status = os_error(folder, name, (int)got, err);
		else if ((size_t)got != step)
			status = mti_folder_bad(folder, name, err,
						"became shorter while it was "
						"read");
		else if (!mti_hash_add(hash, buffer, step))
			status = no_memory(folder, name, err);
		done += step;
	}
	if (status == MOTE_OK && !mti_hash_end(hash, digest))
		status = no_memory(folder, name, err);
	mti_hash_free(hash);
	mti_free(folder->allocator, buffer);
	return status;
}

mote_status mti_blob_verify(const struct mti_folder *folder, const char *kind,
			    const struct mti_descriptor *descriptor, int fd,
			    mote_error *err)
{
	char name[MTI_BLOB_NAME_BYTES];
	struct mti_digest digest;
	mote_status status;

	mti_blob_name(kind, descriptor, name);
	status = hash_file(folder, name, fd, descriptor->size, &digest, err);
	if (status == MOTE_OK &&
	    !mti_digest_equal(&digest, &descriptor->digest))
		status = wrong_digest(folder, name, &digest, err);
	return status;
}

mote_status mti_blob_read(const struct mti_folder *folder, const char *kind,
			  const struct mti_descriptor *descriptor,
			  uint64_t max, struct mti_content *bytes,
			  mote_error *err)
{
	char name[MTI_BLOB_NAME_BYTES];
	mote_status status;
	int fd;

	bytes->data = NULL;
	bytes->size = 0;
	mti_blob_name(kind, descriptor, name);
	if (descriptor->size > max)
		return mti_folder_bad(folder, name, err,
				      "%" PRIu64 " bytes, more than %" PRIu64,
				      descriptor->size, max);
	status = mti_blob_open(folder, kind, descriptor, &fd, err);
	if (status != MOTE_OK)
		return status;
	status = read_all(folder, name, fd, descriptor->size, bytes, err);
	mti_os_close(fd);
	return status;
}

mote_status mti_blob_check(const struct mti_folder *folder, const char *kind,
			   const struct mti_descriptor *descriptor,
			   const struct mti_content *bytes, mote_error *err)
{
	char name[MTI_BLOB_NAME_BYTES];
	struct mti_digest digest;

	mti_blob_name(kind, descriptor, name);
	if (!mti_digest_of(bytes->data, bytes->size, &digest))
		return no_memory(folder, name, err);
	if (!mti_digest_equal(&digest, &descriptor->digest))
		return wrong_digest(folder, name, &digest, err);
	return MOTE_OK;
}

mote_status mti_blob_read_sound(const struct mti_folder *folder,
				const char *kind,
				const struct mti_descriptor *descriptor,
				uint64_t max, struct mti_content *bytes,
				mote_error *err)
{
	mote_status status =
		mti_blob_read(folder, kind, descriptor, max, bytes, err);

	if (status != MOTE_OK)
		return status;
	status = mti_blob_check(folder, kind, descriptor, bytes, err);
	if (status != MOTE_OK)
		mti_free(folder->allocator, bytes->data);
	return status;
}
