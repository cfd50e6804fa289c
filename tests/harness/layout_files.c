#include "harness/layout_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/unit.h"
#include "snap/digest.h"

void files_temporary(char *path, size_t size)
{
	const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(path, size, "%s/mote-XXXXXX", where);
	assert_non_null(mkdtemp(path));
}

static int delete_one(const char *path, const struct stat *info, int type,
		      struct FTW *where)
{
	(void)info;
	(void)type;
	(void)where;
	return remove(path);
}

void files_delete(const char *path)
{
	assert_int_equal(nftw(path, delete_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

char *files_path(const char *layout, const char *format, ...)
{
	char name[256];
	char *path;
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	assert_true(asprintf(&path, "%s/%s", layout, name) > 0);
	return path;
}

char *files_read(const char *path, size_t *size)
{
	FILE *file = fopen(path, "re");
	struct stat info;
	char *data;

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(fstat(fileno(file), &info), 0);
	data = calloc(1, (size_t)info.st_size + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, (size_t)info.st_size, file),
			 info.st_size);
	fclose(file);
	if (size)
		*size = (size_t)info.st_size;
	return data;
}

void files_write(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "we");

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

struct files_count files_blobs(const char *layout)
{
	char *path = files_path(layout, "blobs/sha256");
	DIR *folder = opendir(path);
	struct files_count count = { 0, 0 };
	const struct dirent *entry;
	struct stat info;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		assert_int_equal(fstatat(dirfd(folder), entry->d_name, &info,
					 AT_SYMLINK_NOFOLLOW),
				 0);
		count.files++;
		count.bytes += (uint64_t)info.st_size;
	}
	closedir(folder);
	free(path);
	return count;
}

static json_t *read_json(const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);

	if (!root)
		fail_msg("%s: %s", path, error.text);
	return root;
}

char *files_blob(const char *layout, const json_t *descriptor)
{
	const char *digest =
		json_string_value(json_object_get(descriptor, "digest"));

	assert_non_null(digest);
	return files_path(layout, "blobs/sha256/%s", digest + 7);
}

static json_t *read_blob(const char *layout, const json_t *descriptor)
{
	char *path = files_blob(layout, descriptor);
	json_t *root = read_json(path);

	free(path);
	return root;
}

char *files_digest(const char *path)
{
	char *text = calloc(1, MTI_DIGEST_TEXT_BYTES);
	struct mti_digest digest;
	size_t size;
	char *data = files_read(path, &size);

	assert_non_null(text);
	assert_true(mti_digest_of(data, size, &digest));
	mti_digest_text(&digest, text);
	free(data);
	return text;
}

static json_t *entry_of(const struct documents *documents)
{
	return json_array_get(json_object_get(documents->index, "manifests"),
			      documents->entry);
}

void documents_open(struct documents *documents, const char *layout,
		    const char *tag)
{
	char *path = files_path(layout, "index.json");
	const json_t *found;
	const json_t *item;
	size_t i;

	documents->layout = layout;
	documents->index = read_json(path);
	documents->entry = SIZE_MAX;
	free(path);
	json_array_foreach(json_object_get(documents->index, "manifests"), i,
			   item) {
		found = json_object_get(json_object_get(item, "annotations"),
					"org.opencontainers.image.ref.name");
		if (found && strcmp(json_string_value(found), tag) == 0)
			documents->entry = i;
	}
	assert_true(documents->entry != SIZE_MAX);
	documents->manifest = read_blob(layout, entry_of(documents));
	documents->config =
		read_blob(layout, json_object_get(documents->manifest,
						  "config"));
}

/* Writes a blob and says so in its descriptor. */
static void write_blob(const char *layout, json_t *document, json_t *descriptor)
{
	char *text = json_dumps(document, JSON_COMPACT);
	char digest_text[MTI_DIGEST_TEXT_BYTES];
	struct mti_digest digest;
	char *path;

	assert_non_null(text);
	assert_true(mti_digest_of(text, strlen(text), &digest));
	mti_digest_text(&digest, digest_text);
	json_object_set_new(descriptor, "digest", json_string(digest_text));
	json_object_set_new(descriptor, "size",
			    json_integer((json_int_t)strlen(text)));
	path = files_blob(layout, descriptor);
	files_write(path, text, strlen(text));
	free(path);
	free(text);
}

void documents_write(const struct documents *documents)
{
	json_t *config = json_object_get(documents->manifest, "config");

	/* One that was edited away, or into something else, stays so. */
	if (json_is_object(config))
		write_blob(documents->layout, documents->config, config);
	documents_write_manifest(documents);
}

void documents_write_manifest(const struct documents *documents)
{
	char *path = files_path(documents->layout, "index.json");
	char *text;

	write_blob(documents->layout, documents->manifest, entry_of(documents));
	text = json_dumps(documents->index, JSON_COMPACT);
	files_write(path, text, strlen(text));
	free(text);
	free(path);
}

void documents_close(struct documents *documents)
{
	json_decref(documents->index);
	json_decref(documents->manifest);
	json_decref(documents->config);
}

/* Goes down one step of a path; the rest is left in *path. */
static json_t *step(json_t *value, const char **path, char *key, size_t size)
{
	size_t length;

	if (**path == '.')
		(*path)++;
	if (**path == '[') {
		char *end;
		size_t index = strtoul(*path + 1, &end, 10);

		snprintf(key, size, "[%zu", index);
		*path = end + 1;
		return json_array_get(value, index);
	}
	length = strcspn(*path, ".[/");
	/* "cpu.features/1.ecx": what follows the stroke is one key. */
	if (**path == '/') {
		(*path)++;
		length = strlen(*path);
	}
	snprintf(key, size, "%.*s", (int)length, *path);
	*path += length;
	return json_object_get(value, key);
}

static json_t *walk(json_t *root, const char *path, json_t **parent, char *key,
		    size_t size)
{
	json_t *value = root;

	*parent = NULL;
	while (*path) {
		*parent = value;
		value = step(value, &path, key, size);
	}
	return value;
}

json_t *documents_at(json_t *root, const char *path)
{
	json_t *parent;
	char key[80];

	return walk(root, path, &parent, key, sizeof(key));
}

void documents_edit(json_t *root, const char *path, const char *text)
{
	json_t *value = NULL;
	json_t *parent;
	char key[80];

	(void)walk(root, path, &parent, key, sizeof(key));
	assert_non_null(parent);
	if (text) {
		value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL,
				   NULL);
		if (!value)
			fail_msg("%s is no JSON", text);
	}
	if (key[0] != '[' && value)
		json_object_set_new(parent, key, value);
	else if (key[0] != '[')
		assert_int_equal(json_object_del(parent, key), 0);
	else if (value && strtoul(key + 1, NULL, 10) < json_array_size(parent))
		json_array_set_new(parent, strtoul(key + 1, NULL, 10), value);
	else if (value)
		json_array_append_new(parent, value);
	else
		assert_int_equal(json_array_remove(parent,
						   strtoul(key + 1, NULL, 10)),
				 0);
}
