#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <mote/debug.h>

#include "api/records.h"
#include "base/error.h"
#include "os/os.h"
#include "sandbox/sandbox.h"

/* A guest is a program, not a disk. */
#define FILE_MAX (INT64_C(1) << 30)

static mote_status read_file(const struct mti_allocator *allocator,
			     const char *path, int fd, uint8_t **file,
			     size_t *size, mote_error *err)
{
	int64_t length = mti_os_file_size(fd);
	uint8_t *buffer;
	int64_t got;

	if (length < 0)
		return mti_error_set(err, MOTE_E_IMAGE, "open image",
				     "%.200s: not a regular file", path);
	if (length == 0)
		return mti_error_set(err, MOTE_E_IMAGE, "open image",
				     "%.200s: the file is empty", path);
	if (length > FILE_MAX)
		return mti_error_set(err, MOTE_E_IMAGE, "open image",
				     "%.200s: the file has %lld bytes; a guest "
				     "has at most %lld",
				     path, (long long)length,
				     (long long)FILE_MAX);
	buffer = mti_alloc_raw(allocator, 1, (size_t)length);
	if (!buffer)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "open image",
				     "no memory for %lld bytes",
				     (long long)length);
	got = mti_os_read(fd, buffer, (size_t)length);
	if (got <= 0) {
		mti_free(allocator, buffer);
		return mti_error_os(err, MOTE_E_OS, "open image",
				    got < 0 ? (int)-got : EIO, "%.200s: read",
				    path);
	}
	*file = buffer;
	/* It may have shrunk meanwhile: what was read is the file. */
	*size = (size_t)got;
	return MOTE_OK;
}

mote_status mote_image_open(mote_engine *engine, const char *path,
			    mote_image **image, mote_error *err)
{
	mote_image *made = NULL;
	mote_status status;
	uint8_t *file = NULL;
	size_t size = 0;
	int fd;

	if (!engine || !path || !image)
		return mti_error_set(err, MOTE_E_INVALID, "open image",
				     "%s is NULL",
				     !engine ? "engine" :
				     !path   ? "path" :
					       "image");
	/* A FIFO must not block us. */
	fd = mti_os_open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return mti_error_os(err, MOTE_E_OS, "open image", -fd, "%.200s",
				    path);
	status = read_file(&engine->allocator, path, fd, &file, &size, err);
	mti_os_close(fd);
	if (status != MOTE_OK)
		return status;
	status = mti_image_new(engine, file, size, &made, err);
	if (status == MOTE_OK)
		status = mti_image_set_path(made, path, err);
	if (status != MOTE_OK) {
		mti_image_unref(made);
		mti_error_prefix(err, "%.200s: ", path);
		return status;
	}
	*image = made;
	return MOTE_OK;
}

mote_status mote_image_from_memory(mote_engine *engine, const void *data,
				   size_t size, mote_image **image,
				   mote_error *err)
{
	uint8_t *file;

	if (!engine || !data || !image)
		return mti_error_set(err, MOTE_E_INVALID, "open image",
				     "%s is NULL",
				     !engine ? "engine" :
				     !data   ? "data" :
					       "image");
	if (size == 0)
		return mti_error_set(err, MOTE_E_IMAGE, "open image",
				     "the file is empty");
	file = mti_alloc_raw(&engine->allocator, 1, size);
	if (!file)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "open image",
				     "no memory for %zu bytes", size);
	memcpy(file, data, size);
	return mti_image_new(engine, file, size, image, err);
}

mote_status mote_image_set_path(mote_image *image, const char *path,
				mote_error *err)
{
	if (!image || !path)
		return mti_error_set(err, MOTE_E_INVALID, "open image",
				     "%s is NULL", image ? "path" : "image");
	return mti_image_set_path(image, path, err);
}

mote_image *mote_image_ref(mote_image *image)
{
	if (image)
		mti_image_ref(image);
	return image;
}

void mote_image_unref(mote_image *image)
{
	mti_image_unref(image);
}

mote_status mote_image_describe(const mote_image *image, mote_image_info *info,
				mote_error *err)
{
	mote_image_info full = MOTE_IMAGE_INFO_INIT;

	if (!image || !info)
		return mti_error_set(err, MOTE_E_INVALID, "describe image",
				     "%s is NULL", image ? "info" : "image");
	full.position_independent = image->elf.position_independent;
	full.has_main = image->elf.has_main;
	full.abi_version = image->elf.abi_version;
	full.entry = image->elf.entry;
	full.export_count = image->elf.export_count;
	full.import_count = image->elf.import_count;
	full.segment_count = image->elf.segment_count;
	full.file_size = image->file_size;
	full.bare_mode = image->elf.bare_mode;
	full.machine = image->arch->machine;
	return mti_record_write(info, &full, sizeof(full), "info", err);
}

static mote_status get_function(const mote_image *image,
				const struct mti_elf_function *table,
				size_t count, size_t index, mote_function *out,
				mote_error *err)
{
	const struct mti_elf_function *function;

	if (!image || !out)
		return mti_error_set(err, MOTE_E_INVALID, "describe image",
				     "%s is NULL", image ? "out" : "image");
	if (index >= count)
		return mti_error_set(err, MOTE_E_INVALID, "describe image",
				     "index is %zu of %zu functions", index,
				     count);
	function = &table[index];
	out->name = function->name;
	out->signature = function->signature_text;
	out->parameters = function->parameters;
	out->posted = (function->flags & MOTE_FUNCTION_POSTED) != 0;
	out->reserved = 0;
	return MOTE_OK;
}

mote_status mote_image_export(const mote_image *image, size_t index,
			      mote_function *out, mote_error *err)
{
	return get_function(image, image ? image->elf.exports : NULL,
			    image ? image->elf.export_count : 0, index, out,
			    err);
}

mote_status mote_image_import(const mote_image *image, size_t index,
			      mote_function *out, mote_error *err)
{
	return get_function(image, image ? image->elf.imports : NULL,
			    image ? image->elf.import_count : 0, index, out,
			    err);
}

mote_status mote_image_segment(const mote_image *image, size_t index,
			       mote_segment *out, mote_error *err)
{
	const struct mti_elf_segment *segment;

	if (!image || !out)
		return mti_error_set(err, MOTE_E_INVALID, "describe image",
				     "%s is NULL", image ? "out" : "image");
	if (index >= image->elf.segment_count)
		return mti_error_set(err, MOTE_E_INVALID, "describe image",
				     "index is %zu of %zu segments", index,
				     image->elf.segment_count);
	segment = &image->elf.segments[index];
	out->address = segment->address;
	out->memory_size = segment->memory_size;
	out->file_offset = segment->file_offset;
	out->file_size = segment->file_size;
	out->protection = segment->protection;
	out->reserved = 0;
	return MOTE_OK;
}
