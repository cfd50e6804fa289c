/*
 * OCI Image Format Specification, "Image Index" and "Image Layout".
 */
#include "snap/index.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define SCHEMA_VERSION 2
#define REF_NAME "org.opencontainers.image.ref.name"
/* Of the tags that an error lists. */
#define LISTED_BYTES 300

static json_t *entries(const struct mti_index *index)
{
	return json_object_get(index->root, "manifests");
}

size_t mti_index_count(const struct mti_index *index)
{
	return json_array_size(entries(index));
}

const char *mti_index_tag(const struct mti_index *index, size_t entry)
{
	const json_t *item = json_array_get(entries(index), entry);
	const json_t *annotations = json_object_get(item, "annotations");
	const char *tag = json_string_value(
		json_object_get(annotations, REF_NAME));

	return tag ? tag : "";
}

/* Each entry is an object, and no tag is there twice. */
static void check_entries(const struct mti_json_node *manifests,
			  const struct mti_index *index)
{
	size_t count = mti_json_count(manifests);
	json_t *seen = json_object();
	size_t i;

	for (i = 0; i < count; i++) {
		struct mti_json_node item =
			mti_json_item(manifests, i, JSON_OBJECT);
		struct mti_json_node notes =
			mti_json_find(&item, "annotations", JSON_OBJECT);
		struct mti_json_node tag =
			mti_json_find(&notes, REF_NAME, JSON_STRING);
		const char *text = mti_index_tag(index, i);

		if (!tag.value)
			continue;
		if (json_object_get(seen, text))
			mti_json_fail(&item, "the tag \"%.128s\" again", text);
		else if (json_object_set_new(seen, text, json_true()) < 0)
			mti_json_no_memory(item.reader);
	}
	json_decref(seen);
}

void mti_index_read(struct mti_json_reader *reader, const void *data,
		    size_t size, struct mti_index *index)
{
	struct mti_json_node manifests;
	struct mti_json_node root;

	index->root = mti_json_parse(reader, data, size);
	if (!index->root)
		return;
	root = mti_json_root(reader, index->root);
	if (mti_json_number(&root, "schemaVersion", 100) != SCHEMA_VERSION)
		mti_json_fail(&root, "schemaVersion is not %d", SCHEMA_VERSION);
	/* The specification lets it be absent. */
	if (mti_json_find(&root, "mediaType", JSON_STRING).value)
		mti_json_expect(&root, "mediaType", MTI_MEDIA_INDEX);
	manifests = mti_json_get(&root, "manifests", JSON_ARRAY);
	check_entries(&manifests, index);
}

bool mti_index_init(struct mti_index *index)
{
	index->root = json_pack("{s:i, s:s, s:[]}", "schemaVersion",
				SCHEMA_VERSION, "mediaType", MTI_MEDIA_INDEX,
				"manifests");
	return index->root != NULL;
}

void mti_index_fini(struct mti_index *index)
{
	json_decref(index->root);
	index->root = NULL;
}

static void read_entry(struct mti_json_reader *reader,
		       const struct mti_index *index, size_t entry,
		       struct mti_descriptor *descriptor)
{
	struct mti_json_node node = { .reader = reader };

	node.value = json_array_get(entries(index), entry);
	snprintf(node.path, sizeof(node.path), "manifests[%zu]", entry);
	mti_descriptor_read(&node, MTI_MEDIA_MANIFEST, descriptor);
}

bool mti_index_descriptor(const struct mti_index *index, size_t entry,
			  struct mti_descriptor *descriptor)
{
	struct mti_json_reader reader = { .operation = "", .document = "" };

	read_entry(&reader, index, entry, descriptor);
	return reader.status == MOTE_OK;
}

/* As many tags as fit; they come from a file. */
static void list_tags(const struct mti_index *index, char *text, size_t size)
{
	size_t count = mti_index_count(index);
	size_t used = 0;
	size_t i;

	text[0] = '\0';
	for (i = 0; i < count; i++) {
		const char *tag = mti_index_tag(index, i);

		if (!mti_tag_ok(tag))
			continue;
		if (used + strlen(tag) + 3 + sizeof("...") > size) {
			snprintf(text + used, size - used, ", ...");
			return;
		}
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 used > 0 ? ", " : "", tag);
	}
}

static void not_found(struct mti_json_reader *reader,
		      const struct mti_index *index,
		      const struct mti_reference *reference)
{
	char wanted[MTI_DIGEST_TEXT_BYTES > MTI_TAG_MAX + 1 ?
			    MTI_DIGEST_TEXT_BYTES :
			    MTI_TAG_MAX + 1];
	char tags[LISTED_BYTES];

	if (reader->status != MOTE_OK)
		return;
	if (reference->by_digest)
		mti_digest_text(&reference->digest, wanted);
	else
		memcpy(wanted, reference->tag, sizeof(reference->tag));
	list_tags(index, tags, sizeof(tags));
	reader->status = mti_error_set(
		reader->err, MOTE_E_NOT_FOUND, reader->operation,
		"no snapshot %s; %s%s", wanted,
		tags[0] ? "there are: " : "there is none with a tag", tags);
}

static bool matches(const struct mti_index *index, size_t entry,
		    const struct mti_reference *reference)
{
	struct mti_descriptor descriptor;

	if (!reference->by_digest)
		return strcmp(mti_index_tag(index, entry), reference->tag) == 0;
	return mti_index_descriptor(index, entry, &descriptor) &&
	       mti_digest_equal(&descriptor.digest, &reference->digest);
}

size_t mti_index_find(struct mti_json_reader *reader,
		      const struct mti_index *index,
		      const struct mti_reference *reference,
		      struct mti_descriptor *descriptor)
{
	size_t count = mti_index_count(index);
	size_t i;

	for (i = 0; i < count && !matches(index, i, reference); i++)
		;
	if (i < count)
		read_entry(reader, index, i, descriptor);
	else
		not_found(reader, index, reference);
	return i;
}

static json_t *new_entry(const char *tag,
			 const struct mti_descriptor *descriptor)
{
	json_t *entry = mti_descriptor_new(descriptor, MTI_MEDIA_MANIFEST);
	int bad = !entry;

	bad |= json_object_set_new(entry, "artifactType",
				   json_string(MTI_MEDIA_CONFIG));
	bad |= json_object_set_new(entry, "annotations",
				   json_pack("{s:s}", REF_NAME, tag));
	if (bad) {
		json_decref(entry);
		return NULL;
	}
	return entry;
}

bool mti_index_set(struct mti_index *index, const char *tag,
		   const struct mti_descriptor *descriptor)
{
	size_t count = mti_index_count(index);
	struct mti_descriptor old;
	json_t *entry;
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(mti_index_tag(index, i), tag) == 0)
			break;
	/* Saved again: what others noted about it still holds. */
	if (i < count && mti_index_descriptor(index, i, &old) &&
	    mti_digest_equal(&old.digest, &descriptor->digest) &&
	    old.size == descriptor->size)
		return true;
	entry = new_entry(tag, descriptor);
	if (i < count)
		return json_array_set_new(entries(index), i, entry) == 0;
	return json_array_append_new(entries(index), entry) == 0;
}

void mti_index_remove(struct mti_index *index, size_t entry)
{
	json_array_remove(entries(index), entry);
}
