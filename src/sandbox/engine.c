#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "hv/none.h"
#include "os/os.h"
#include "sandbox/kick.h"
#include "sandbox/sandbox.h"

#define LOAD_MAX_DEFAULT (UINT64_C(16) << 30)

/* Appends to a text, as far as it fits. */
static void add(char *text, size_t size, const char *format, ...)
	MOTE_PRINTF(3, 4);

static void add(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list list;

	va_start(list, format);
	vsnprintf(text + used, size - used, format, list);
	va_end(list);
}

/* Which backends there are, but for that one, and why not the others. */
static void list_others(const char *name, char *text, size_t size)
{
	mote_backend_info info;
	size_t i;

	for (i = 0; i < mti_hv_backend_count; i++) {
		const struct mti_hv_ops *ops = mti_hv_backends[i];

		if (strcmp(name, ops->name) == 0)
			continue;
		info = (mote_backend_info)MOTE_BACKEND_INFO_INIT;
		ops->probe(&info);
		if (info.reason == MOTE_BACKEND_READY)
			add(text, size, "; \"%s\" is ready", ops->name);
		else
			add(text, size, "; \"%s\" is not: %s", ops->name,
			    info.text);
	}
}

/* Nobody gets those by accident, but should know of them. */
static void offer_others(char *text, size_t size)
{
	mote_backend_info info;
	size_t i;

	for (i = 0; i < mti_hv_backend_count; i++) {
		if (!mti_hv_backends[i]->by_name)
			continue;
		info = (mote_backend_info)MOTE_BACKEND_INFO_INIT;
		mti_hv_backends[i]->probe(&info);
		if (info.reason == MOTE_BACKEND_READY)
			add(text, size, "; \"%s\" is ready; ask for it by name",
			    mti_hv_backends[i]->name);
	}
}

static mote_status refuse(const char *name, bool known,
			  const char *reasons, int os_errno, mote_error *err)
{
	char others[MOTE_ERROR_TEXT_MAX] = "";

	if (!name) {
		offer_others(others, sizeof(others));
		mti_error_set(err, MOTE_E_NO_HYPERVISOR, "new engine", "%s%s",
			      reasons, others);
	} else {
		list_others(name, others, sizeof(others));
		if (known)
			mti_error_set(err, MOTE_E_NO_HYPERVISOR, "new engine",
				      "%s%s", reasons, others);
		else
			mti_error_set(err, MOTE_E_NO_HYPERVISOR, "new engine",
				      "there is no backend \"%s\" in this "
				      "library%s",
				      name, others);
	}
	mti_error_put_errno(err, os_errno);
	return MOTE_E_NO_HYPERVISOR;
}

static mote_status open_one(mote_engine *engine, const struct mti_hv_ops *ops,
			    mote_error *err)
{
	mote_status status = MOTE_OK;

	if (ops->load)
		status = ops->load(&ops, err);
	if (status == MOTE_OK)
		status = ops->open(&engine->allocator, &engine->hv, err);
	if (status == MOTE_OK)
		engine->ops = ops;
	return status;
}

/* The backend of that name, or the first that opens. */
static mote_status open_backend(mote_engine *engine, const char *name,
				mote_error *err)
{
	mote_error reason = MOTE_ERROR_INIT;
	char reasons[MOTE_ERROR_TEXT_MAX] = "";
	bool known = false;
	size_t i;

	if (name && strcmp(name, mti_hv_none_ops.name) == 0) {
		engine->ops = &mti_hv_none_ops;
		return MOTE_OK;
	}
	for (i = 0; i < mti_hv_backend_count; i++) {
		const struct mti_hv_ops *ops = mti_hv_backends[i];
		mote_status status;

		if (name ? strcmp(name, ops->name) != 0 : ops->by_name)
			continue;
		known = true;
		status = open_one(engine, ops, &reason);
		if (status == MOTE_OK)
			return MOTE_OK;
		if (status != MOTE_E_NO_HYPERVISOR)
			return mti_error_set(err, status, reason.operation,
					     "%s", reason.text);
		add(reasons, sizeof(reasons), "%s%s", reasons[0] ? "; " : "",
		    reason.text);
	}
	return refuse(name, known, reasons, known ? reason.os_errno : 0, err);
}

/* What the guest's page tables need of a backend; "none" runs nothing. */
static mote_status check_memory(const mote_engine *engine, mote_error *err)
{
	const struct mti_hv_ops *ops = engine->ops;

	if (!engine->paging || ops->resume || ops == &mti_hv_none_ops)
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_UNSUPPORTED, "new engine",
			     "memory is \"paging\", and the backend \"%s\" "
			     "cannot go on after a fault",
			     ops->name);
}

mote_status mti_engine_new(const struct mti_allocator *allocator,
			   const mote_engine_options *options,
			   mote_engine **out, mote_error *err)
{
	mote_engine *engine = mti_alloc(allocator, 1, sizeof(*engine));
	mote_status status;

	if (!engine)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "new engine",
				     "no memory for the engine");
	engine->references = 1;
	engine->allocator = *allocator;
	engine->flags = options->flags;
	engine->paging = options->memory &&
			 strcmp(options->memory, "paging") == 0;
	engine->scratch_bytes = options->scratch_bytes;
	engine->load_max_bytes = options->load_max_bytes ?
					 options->load_max_bytes :
					 LOAD_MAX_DEFAULT;
	engine->generation = mti_fork_generation();
	mti_metrics_init(&engine->metrics);
	status = mti_fork_watch(err);
	if (status == MOTE_OK)
		status = open_backend(engine, options->backend, err);
	if (status != MOTE_OK)
		goto fail;
	status = check_memory(engine, err);
	/* For the whole process and for good: only if there is need of it. */
	if (status == MOTE_OK && engine->ops->kick)
		status = mti_kick_install(options->kick_signal, err);
	if (status != MOTE_OK)
		goto fail_close;
	mti_cache_init(&engine->cache);
	pthread_mutex_init(&engine->entropy.lock, NULL);
	*out = engine;
	return MOTE_OK;
fail_close:
	engine->ops->close(engine->hv);
fail:
	mti_metrics_fini(&engine->metrics);
	mti_free(allocator, engine);
	return status;
}

void mti_engine_ref(mote_engine *engine)
{
	atomic_fetch_add_explicit(&engine->references, 1, memory_order_relaxed);
}

void mti_engine_unref(mote_engine *engine)
{
	struct mti_allocator allocator;

	if (!engine || atomic_fetch_sub_explicit(&engine->references, 1,
						 memory_order_acq_rel) != 1)
		return;
	mti_cache_fini(engine);
	pthread_mutex_destroy(&engine->entropy.lock);
	engine->ops->close(engine->hv);
	mti_metrics_fini(&engine->metrics);
	allocator = engine->allocator;
	mti_free(&allocator, engine);
}

bool mti_engine_runs(const mote_engine *engine)
{
	return engine->ops->state_set != NULL;
}

void mti_engine_features(const mote_engine *engine, bool bare,
			 uint64_t features[MTI_CPU_FEATURE_WORDS])
{
	if (engine->ops->cpu_features)
		engine->ops->cpu_features(bare, features);
	else
		mti_os_cpu_features(features);
}
