/*
 * Deleting what no entry of a layout's index leads to: blobs of tags that were
 * saved again, and of saves that were killed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "os/os.h"
#include "snap/doomed.h"
#include "snap/file.h"

struct gathering {
	const struct mti_allocator *allocator;
	struct mti_doomed doomed;
	size_t room;
	bool partial; /* what a killed process was writing is there */
};

static bool make_room(struct gathering *gathering)
{
	size_t room = gathering->room ? 2 * gathering->room : 64;
	struct mti_doomed *doomed = &gathering->doomed;
	struct mti_digest *blobs = mti_alloc_raw(gathering->allocator, room,
						 sizeof(*blobs));

	if (!blobs)
		return false;
	if (doomed->count > 0)
		memcpy(blobs, doomed->blobs, doomed->count * sizeof(*blobs));
	mti_free(gathering->allocator, doomed->blobs);
	doomed->blobs = blobs;
	gathering->room = room;
	return true;
}

/* Files of other names are not ours. 1: no memory. */
static int gather(void *user, const char *name)
{
	char text[MTI_DIGEST_TEXT_BYTES];
	struct gathering *gathering = user;
	struct mti_doomed *doomed = &gathering->doomed;

	if (strcmp(name, MTI_FILE_PARTIAL) == 0)
		gathering->partial = true;
	if (strlen(name) != MTI_DIGEST_HEX_BYTES - 1)
		return 0;
	snprintf(text, sizeof(text), "sha256:%s", name);
	if (doomed->count == gathering->room && !make_room(gathering))
		return 1;
	if (mti_digest_parse(text, &doomed->blobs[doomed->count]))
		doomed->count++;
	return 0;
}

static mote_status gather_all(const struct mti_folder *folder,
			      struct gathering *gathering, mote_error *err)
{
	int os = mti_os_folder_each(folder->blobs, gather, gathering);

	if (os > 0)
		return mti_error_set(err, MOTE_E_NO_MEMORY, folder->operation,
				     "%.200s: no memory", folder->path);
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, folder->operation, -os,
				    "%.200s: blobs", folder->path);
	return MOTE_OK;
}

static mote_status prune(const struct mti_folder *folder,
			 struct mti_index *index, struct gathering *gathering,
			 struct mti_pruned *pruned, mote_error *err)
{
	struct mti_doomed *doomed = &gathering->doomed;
	mote_status status = mti_index_load(folder, index, NULL, err);
	size_t entries;

	if (status == MOTE_OK)
		status = gather_all(folder, gathering, err);
	if (status != MOTE_OK)
		return status;
	entries = mti_doomed_spare(doomed, folder, index);
	if (entries != mti_index_count(index))
		return mti_folder_bad(folder, MTI_FILE_INDEX, err,
				      "manifests[%zu] cannot be read, or is an "
				      "index: what it needs is not known",
				      entries);
	/* Nobody writes: the folder is locked. */
	if (gathering->partial)
		(void)mti_os_unlink_at(folder->blobs, MTI_FILE_PARTIAL);
	pruned->blobs = doomed->count;
	return mti_doomed_delete(doomed, folder, &pruned->bytes, err);
}

mote_status mti_snap_prune(const struct mti_allocator *allocator,
			   const char *directory, struct mti_pruned *pruned,
			   mote_error *err)
{
	struct gathering gathering = { .allocator = allocator };
	struct mti_index index = { NULL };
	struct mti_folder folder;
	mote_status status;

	memset(pruned, 0, sizeof(*pruned));
	mti_folder_init(&folder, directory, "prune layout", allocator);
	status = mti_folder_open_locked(&folder, err);
	if (status == MOTE_OK)
		status = prune(&folder, &index, &gathering, pruned, err);
	mti_index_fini(&index);
	mti_folder_fini(&folder);
	mti_free(allocator, gathering.doomed.blobs);
	return status;
}
