#include <string.h>

#include "base/error.h"
#include "sandbox/sandbox.h"

mote_status mti_image_new(mote_engine *engine, uint8_t *file, size_t size,
			  mote_image **out, mote_error *err)
{
	const struct mti_allocator *allocator = &engine->allocator;
	mote_status status = mti_fork_own(engine, "open image", err);
	mote_image *image;

	if (status != MOTE_OK) {
		mti_free(allocator, file);
		return status;
	}
	image = mti_alloc(allocator, 1, sizeof(*image));
	if (!image) {
		mti_free(allocator, file);
		return mti_error_set(err, MOTE_E_NO_MEMORY, "open image",
				     "no memory for the image");
	}
	status = mti_elf_parse(file, size, allocator, &image->elf, err);
	if (status != MOTE_OK) {
		mti_free(allocator, image);
		mti_free(allocator, file);
		return status;
	}
	image->references = 1;
	image->arch = image->elf.arch;
	image->engine = engine;
	mti_engine_ref(engine);
	image->file = file;
	image->file_size = size;
	pthread_mutex_init(&image->lock, NULL);
	*out = image;
	return MOTE_OK;
}

void mti_image_ref(mote_image *image)
{
	atomic_fetch_add_explicit(&image->references, 1, memory_order_relaxed);
}

void mti_image_unref(mote_image *image)
{
	mote_engine *engine;

	if (!image || atomic_fetch_sub_explicit(&image->references, 1,
						memory_order_acq_rel) != 1)
		return;
	engine = image->engine;
	mti_template_unref(image->last);
	mti_cache_tidy(engine);
	if (image->debug)
		mti_debug_info_fini(image->debug, &engine->allocator);
	mti_free(&engine->allocator, image->debug);
	mti_free(&engine->allocator, image->path);
	pthread_mutex_destroy(&image->lock);
	mti_elf_fini(&image->elf, &engine->allocator);
	mti_free(&engine->allocator, image->file);
	mti_free(&engine->allocator, image);
	mti_engine_unref(engine);
}

mote_status mti_image_debug(mote_image *image,
			    const struct mti_debug_info **info,
			    mote_error *err)
{
	const struct mti_allocator *allocator = &image->engine->allocator;
	uint64_t bias = image->elf.position_independent ? MOTE_GVA_PIE_BASE : 0;
	struct mti_debug_info *made;

	pthread_mutex_lock(&image->lock);
	if (!image->debug) {
		made = mti_alloc(allocator, 1, sizeof(*made));
		if (made && !mti_debug_info_init(made, image->file,
						 image->file_size, bias,
						 allocator)) {
			mti_free(allocator, made);
			made = NULL;
		}
		image->debug = made;
	}
	*info = image->debug;
	pthread_mutex_unlock(&image->lock);
	if (!*info)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "read symbols",
				     "no memory for the index of symbols");
	return MOTE_OK;
}

mote_status mti_image_set_path(mote_image *image, const char *path,
			       mote_error *err)
{
	const struct mti_allocator *allocator = &image->engine->allocator;
	size_t size = strlen(path) + 1;
	char *copy = mti_alloc_raw(allocator, 1, size);

	if (!copy)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "open image",
				     "no memory for its path");
	memcpy(copy, path, size);
	pthread_mutex_lock(&image->lock);
	mti_free(allocator, image->path);
	image->path = copy;
	pthread_mutex_unlock(&image->lock);
	return MOTE_OK;
}

void mti_image_path(mote_image *image, char *path, size_t size)
{
	pthread_mutex_lock(&image->lock);
	path[0] = '\0';
	/* Half a path would be another one. */
	if (image->path && strlen(image->path) < size)
		memcpy(path, image->path, strlen(image->path) + 1);
	pthread_mutex_unlock(&image->lock);
}
