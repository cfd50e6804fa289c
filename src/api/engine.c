#include <string.h>

#include <mote/mote.h>

#include "api/records.h"
#include "base/error.h"
#include "sandbox/sandbox.h"

#define KNOWN_FLAGS MOTE_ENGINE_NO_METRICS

size_t mote_backend_count(void)
{
	return mti_hv_backend_count;
}

mote_status mote_backend_probe(size_t index, mote_backend_info *info,
			       mote_error *err)
{
	mote_backend_info full = MOTE_BACKEND_INFO_INIT;

	if (!info)
		return mti_error_set(err, MOTE_E_INVALID, "probe backend",
				     "info is NULL");
	if (index >= mti_hv_backend_count)
		return mti_error_set(err, MOTE_E_INVALID, "probe backend",
				     "index is %zu of %zu backends", index,
				     mti_hv_backend_count);
	full.name = mti_hv_backends[index]->name;
	mti_hv_backends[index]->probe(&full);
	return mti_record_write(info, &full, sizeof(full), "info", err);
}

const char *mote_backend_limit(size_t index, size_t number)
{
	const char *const *limits;
	size_t i;

	if (index >= mti_hv_backend_count)
		return NULL;
	limits = mti_hv_backends[index]->limits;
	for (i = 0; limits && limits[i]; i++)
		if (i == number)
			return limits[i];
	return NULL;
}

static mote_status check_allocator(const mote_allocator *given,
				   struct mti_allocator *allocator,
				   mote_error *err)
{
	int set = (given->allocate != NULL) + (given->resize != NULL) +
		  (given->release != NULL);

	if (set == 0) {
		*allocator = mti_allocator_libc;
		return MOTE_OK;
	}
	if (set != 3)
		return mti_error_set(err, MOTE_E_INVALID, "new engine",
				     "allocator: allocate, resize and release "
				     "must all be set or none");
	allocator->allocate = given->allocate;
	allocator->resize = given->resize;
	allocator->release = given->release;
	allocator->user = given->user;
	return MOTE_OK;
}

static mote_status check_memory(const mote_engine_options *options,
				mote_error *err)
{
	bool paging = options->memory &&
		      strcmp(options->memory, "paging") == 0;

	if (!paging && options->memory && strcmp(options->memory, "auto") != 0)
		return mti_error_set(err, MOTE_E_INVALID, "new engine",
				     "memory is \"%.40s\", not \"auto\" or "
				     "\"paging\"",
				     options->memory);
	if (!paging && options->scratch_bytes != 0)
		return mti_error_set(
			err, MOTE_E_INVALID, "new engine",
			"scratch_bytes is %llu, and memory is not \"paging\"",
			(unsigned long long)options->scratch_bytes);
	return MOTE_OK;
}

mote_status mote_engine_new(const mote_engine_options *options,
			    mote_engine **engine, mote_error *err)
{
	mote_engine_options full = MOTE_ENGINE_OPTIONS_INIT;
	struct mti_allocator allocator;
	mote_status status;

	if (!engine)
		return mti_error_set(err, MOTE_E_INVALID, "new engine",
				     "engine is NULL");
	if (options) {
		status = mti_record_read(&full, sizeof(full), options,
					 "engine options", err);
		if (status != MOTE_OK)
			return status;
	}
	if (full.flags & ~KNOWN_FLAGS)
		return mti_error_set(err, MOTE_E_VERSION, "new engine",
				     "flags is 0x%x, known are 0x%x",
				     full.flags, KNOWN_FLAGS);
	if (full.reserved != 0)
		return mti_error_set(err, MOTE_E_VERSION, "new engine",
				     "reserved is %u, not 0", full.reserved);
	status = check_allocator(&full.allocator, &allocator, err);
	if (status != MOTE_OK)
		return status;
	if (full.backend && strcmp(full.backend, "auto") == 0)
		full.backend = NULL;
	status = check_memory(&full, err);
	if (status != MOTE_OK)
		return status;
	return mti_engine_new(&allocator, &full, engine, err);
}

mote_engine *mote_engine_ref(mote_engine *engine)
{
	if (engine)
		mti_engine_ref(engine);
	return engine;
}

void mote_engine_unref(mote_engine *engine)
{
	mti_engine_unref(engine);
}

const char *mote_engine_backend(const mote_engine *engine)
{
	return engine ? engine->ops->name : "";
}
