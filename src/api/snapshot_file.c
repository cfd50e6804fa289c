/*
 * Snapshots in files. What is in them is snap/'s; here the program's tables
 * meet those of the config, and the process its limits.
 */
#include <stdio.h>
#include <string.h>

#include <mote/snapshot.h>

#include "base/error.h"
#include "os/os.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"
#include "snap/file.h"
#include "snap/reference.h"

_Static_assert(MOTE_DIGEST_BYTES == MTI_DIGEST_TEXT_BYTES, "api");
_Static_assert(sizeof(((mote_layout_entry *)0)->tag) == MTI_TAG_MAX + 1, "api");

static mote_status null(const char *operation, const char *name,
			mote_error *err)
{
	return mti_error_set(err, MOTE_E_INVALID, operation, "%s is NULL",
			     name);
}

/* ------------------------------------------- the program's tables, for snap */

struct tables {
	struct mti_snap_tables snap;
	struct mti_snap_function *functions; /* owned: exports, then imports */
};

static void copy_table(struct mti_snap_function *to,
		       const struct mti_elf_function *from, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		to[i].name = from[i].name;
		to[i].signature = from[i].signature_text;
		to[i].posted = (from[i].flags & MOTE_FUNCTION_POSTED) != 0;
	}
}

static mote_status tables_init(struct tables *tables, const mote_image *image,
			       const char *operation, mote_error *err)
{
	const struct mti_elf *elf = &image->elf;
	size_t count = elf->export_count + elf->import_count;
	struct mti_snap_function *functions = NULL;

	if (count > 0) {
		functions = mti_alloc(&image->engine->allocator, count,
				      sizeof(*functions));
		if (!functions)
			return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
					     "no memory for %zu functions",
					     count);
		copy_table(functions, elf->exports, elf->export_count);
		copy_table(functions + elf->export_count, elf->imports,
			   elf->import_count);
	}
	tables->functions = functions;
	tables->snap.exports = functions;
	tables->snap.export_count = elf->export_count;
	tables->snap.imports = count > 0 ? functions + elf->export_count : NULL;
	tables->snap.import_count = elf->import_count;
	return MOTE_OK;
}

/* ------------------------------------------------------------------- save */

static void note_features(const mote_image *image, uint64_t *features)
{
	if (mti_is_bare(image) || image->arch->cpuid)
		mti_engine_features(image->engine, mti_is_bare(image),
				    features);
}

mote_status mote_snapshot_save(mote_snapshot *snapshot, const char *directory,
			       const char *tag, mote_progress_fn progress,
			       void *user, char digest[MOTE_DIGEST_BYTES],
			       mote_error *err)
{
	static const char operation[] = "save snapshot";
	struct mti_digest manifest;
	struct mti_save save;
	struct tables tables;
	struct mti_snap snap;
	mote_status status;

	if (!snapshot || !directory || !tag)
		return null(operation,
			    !snapshot  ? "snapshot" :
			    !directory ? "directory" :
					 "tag",
			    err);
	status = tables_init(&tables, snapshot->image, operation, err);
	if (status != MOTE_OK)
		return status;
	snap = snapshot->snap;
	/* It was taken in this process, so on this machine. */
	if (!snapshot->from_file)
		note_features(snapshot->image, snap.origin.features);
	save = (struct mti_save){
		.allocator = &snapshot->image->engine->allocator,
		.snap = &snap,
		.program = { snapshot->image->file,
			     snapshot->image->file_size },
		.tables = tables.snap,
		.directory = directory,
		.tag = tag,
		.progress = progress,
		.user = user,
	};
	status = mti_snap_save(&save, &manifest, err);
	mti_free(save.allocator, tables.functions);
	if (status == MOTE_OK && digest)
		mti_digest_text(&manifest, digest);
	return status;
}

/* ------------------------------------------------------------------- load */

/* What a snapshot must fit. One that is only looked at may be of any. */
static void describe_here(const mote_engine *engine,
			  struct mti_snap_origin *here,
			  struct mti_snap_origin *bare)
{
	memset(here, 0, sizeof(*here));
	here->abi_version = MOTE_ABI_VERSION;
	if (!mti_engine_runs(engine)) {
		*bare = *here;
		bare->abi_version = MOTE_BARE_VERSION;
		return;
	}
	snprintf(here->backend, sizeof(here->backend), "%s",
		 mote_engine_backend(engine));
	*bare = *here;
	bare->abi_version = MOTE_BARE_VERSION;
	mti_engine_features(engine, false, here->features);
	mti_engine_features(engine, true, bare->features);
}

/* The program becomes an image, which owns the bytes then. */
static mote_status make_image(mote_engine *engine, struct mti_loaded *loaded,
			      const char *directory, mote_image **image,
			      mote_error *err)
{
	mote_error inner = MOTE_ERROR_INIT;
	uint8_t *data = loaded->program.data;
	mote_status status;

	loaded->program.data = NULL;
	status = mti_image_new(engine, data, loaded->program.size, image,
			       &inner);
	if (status == MOTE_E_IMAGE)
		status = MOTE_E_SNAPSHOT;
	if (status != MOTE_OK)
		return mti_error_set(err, status, "load snapshot",
				     "%.200s: program: %.300s", directory,
				     inner.text);
	return MOTE_OK;
}

static mote_status make_snapshot(mote_image *image, struct mti_loaded *loaded,
				 const char *directory,
				 mote_snapshot **snapshot, mote_error *err)
{
	struct tables tables;
	mote_status status;

	status = tables_init(&tables, image, "load snapshot", err);
	if (status != MOTE_OK)
		return status;
	status = mti_loaded_check_tables(loaded, directory, &tables.snap, err);
	mti_free(&image->engine->allocator, tables.functions);
	if (status != MOTE_OK)
		return status;
	status = mti_snapshot_from_parts(image, &loaded->snap, snapshot, err);
	/* Taken over in any case. */
	loaded->snap.store = NULL;
	if (status != MOTE_OK)
		mti_error_prefix(err, "%.200s: ", directory);
	return status;
}

mote_status mote_snapshot_load(mote_engine *engine, const char *directory,
			       const char *reference, uint32_t flags,
			       mote_snapshot **snapshot, mote_error *err)
{
	static const char operation[] = "load snapshot";
	struct mti_snap_origin here;
	struct mti_snap_origin bare;
	struct mti_loaded loaded;
	mote_image *image = NULL;
	struct mti_load load;
	mote_status status;

	if (!engine || !directory || !reference || !snapshot)
		return null(operation,
			    !engine    ? "engine" :
			    !directory ? "directory" :
			    !reference ? "reference" :
					 "snapshot",
			    err);
	if (flags & ~(MOTE_LOAD_VERIFY | MOTE_LOAD_COPY))
		return mti_error_set(err, MOTE_E_VERSION, operation,
				     "flags 0x%x has bits that this version "
				     "does not know",
				     flags);
	status = mti_fork_own(engine, operation, err);
	if (status != MOTE_OK)
		return status;
	describe_here(engine, &here, &bare);
	load = (struct mti_load){
		.allocator = &engine->allocator,
		.directory = directory,
		.reference = reference,
		.here = &here,
		.bare = &bare,
		.verify = (flags & MOTE_LOAD_VERIFY) != 0,
		.copy = (flags & MOTE_LOAD_COPY) != 0,
		.max_bytes = engine->load_max_bytes,
	};
	status = mti_snap_load(&load, &loaded, err);
	if (status != MOTE_OK)
		return status;
	status = make_image(engine, &loaded, directory, &image, err);
	if (status == MOTE_OK)
		status = make_snapshot(image, &loaded, directory, snapshot,
				       err);
	/* The snapshot has a reference of its own. */
	mti_image_unref(image);
	mti_loaded_fini(&loaded);
	return status;
}

mote_status mote_snapshot_check_tag(const char *tag, mote_error *err)
{
	struct mti_reference reference;

	if (!tag)
		return null("check tag", "tag", err);
	return mti_reference_tag(tag, "check tag", &reference, err);
}

/* -------------------------------------------------------- list and remove */

mote_status mote_snapshot_remove(const char *directory, const char *tag,
				 mote_error *err)
{
	if (!directory || !tag)
		return null("remove snapshot", directory ? "tag" : "directory",
			    err);
	return mti_snap_remove(&mti_allocator_libc, directory, tag, err);
}

mote_status mote_layout_prune(const char *directory, uint64_t *blobs,
			      uint64_t *bytes, mote_error *err)
{
	struct mti_pruned pruned;
	mote_status status;

	if (!directory)
		return null("prune layout", "directory", err);
	status = mti_snap_prune(&mti_allocator_libc, directory, &pruned, err);
	if (status != MOTE_OK)
		return status;
	if (blobs)
		*blobs = pruned.blobs;
	if (bytes)
		*bytes = pruned.bytes;
	return MOTE_OK;
}

struct listing {
	mote_layout_fn found;
	void *user;
};

static int pass_on(void *user, const char *tag, const struct mti_digest *digest,
		   uint64_t bytes)
{
	const struct listing *listing = user;
	mote_layout_entry entry = { .struct_size = sizeof(entry),
				    .bytes = bytes };

	snprintf(entry.tag, sizeof(entry.tag), "%s", tag);
	mti_digest_text(digest, entry.digest);
	return listing->found(listing->user, &entry);
}

mote_status mote_layout_list(const char *directory, mote_layout_fn found,
			     void *user, mote_error *err)
{
	struct listing listing = { found, user };

	if (!directory || !found)
		return null("list snapshots", directory ? "found" : "directory",
			    err);
	return mti_snap_list(&mti_allocator_libc, directory, pass_on, &listing,
			     err);
}
