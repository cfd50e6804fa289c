/*
 * The files of a snapshot layout, for tests that look at them and spoil them.
 * The test fails if anything here does.
 */
#ifndef HARNESS_LAYOUT_FILES_H
#define HARNESS_LAYOUT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Makes a folder, in memory if that can be. */
void files_temporary(char *path, size_t size);
/* With all that is in it. */
void files_delete(const char *path);

/* LAYOUT/NAME as a printf makes it. */
char *files_path(const char *layout, const char *format, ...)
	__attribute__((format(printf, 2, 3))); /* free it */

/* Whole file; free it. A NUL follows. */
char *files_read(const char *path, size_t *size);
void files_write(const char *path, const void *data, size_t size);

struct files_count {
	size_t files;
	uint64_t bytes;
};

/* What is in blobs/sha256. */
struct files_count files_blobs(const char *layout);

/*
 * Index, manifest and config of one snapshot, to be changed and put back with
 * digests and sizes that are right again.
 */
struct documents {
	const char *layout; /* borrowed */
	size_t entry;       /* of the index */
	json_t *index;
	json_t *manifest;
	json_t *config;
};

void documents_open(struct documents *documents, const char *layout,
		    const char *tag);
void documents_write(const struct documents *documents);
/* All but the config and its descriptor. */
void documents_write_manifest(const struct documents *documents);
void documents_close(struct documents *documents);

/* "layers[1].size" of a document becomes the JSON text, or goes if NULL. */
void documents_edit(json_t *root, const char *path, const char *text);
json_t *documents_at(json_t *root, const char *path);

/* "sha256:..." of what is there; free it. */
char *files_digest(const char *path);
/* The path of the blob that a descriptor names; free it. */
char *files_blob(const char *layout, const json_t *descriptor);

#endif
