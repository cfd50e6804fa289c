/*
 * OCI Image Format Specification, "Image Manifest" and "Content Descriptors".
 * What that document lets others add (annotations, for one) is no matter;
 * what it is about is read strictly.
 */
#include "snap/manifest.h"

#include <inttypes.h>
#include <string.h>

#define SCHEMA_VERSION 2

void mti_descriptor_read(const struct mti_json_node *node, const char *media,
			 struct mti_descriptor *out)
{
	struct mti_json_node digest;
	const char *text;

	mti_json_expect(node, "mediaType", media);
	out->size = mti_json_number(node, "size", MTI_JSON_NUMBER_MAX);
	digest = mti_json_get(node, "digest", JSON_STRING);
	if (!digest.value)
		return;
	text = json_string_value(digest.value);
	if (!mti_digest_parse(text, &out->digest))
		mti_json_fail(&digest,
			      "\"%.80s\" is not sha256: and 64 digits of 0-9 "
			      "a-f",
			      text);
}

json_t *mti_descriptor_new(const struct mti_descriptor *descriptor,
			   const char *media)
{
	char digest[MTI_DIGEST_TEXT_BYTES];

	mti_digest_text(&descriptor->digest, digest);
	return json_pack("{s:s, s:s, s:I}", "mediaType", media, "digest",
			 digest, "size", (json_int_t)descriptor->size);
}

static void read_layers(const struct mti_json_node *root,
			struct mti_manifest *manifest)
{
	struct mti_json_node layers = mti_json_get(root, "layers", JSON_ARRAY);
	size_t count = mti_json_count(&layers);
	struct mti_json_node node;
	uint32_t i;

	if (!layers.value)
		return;
	if (count < MTI_LAYER_MEMORY + 1 ||
	    count > MTI_LAYER_MEMORY + MTI_MEMORY_LAYERS_MAX) {
		mti_json_fail(&layers,
			      "%zu of them; a snapshot has 2 to %d", count,
			      MTI_LAYER_MEMORY + MTI_MEMORY_LAYERS_MAX);
		return;
	}
	node = mti_json_item(&layers, 0, JSON_OBJECT);
	mti_descriptor_read(&node, MTI_MEDIA_PROGRAM, &manifest->program);
	manifest->memory_count = (uint32_t)count - MTI_LAYER_MEMORY;
	for (i = 0; i < manifest->memory_count; i++) {
		node = mti_json_item(&layers, MTI_LAYER_MEMORY + i,
				     JSON_OBJECT);
		mti_descriptor_read(&node, MTI_MEDIA_MEMORY,
				    &manifest->memory[i]);
	}
}

void mti_manifest_read(struct mti_json_reader *reader, const void *data,
		       size_t size, struct mti_manifest *manifest)
{
	json_t *document = mti_json_parse(reader, data, size);
	struct mti_json_node root = mti_json_root(reader, document);
	struct mti_json_node config;

	memset(manifest, 0, sizeof(*manifest));
	if (!document)
		return;
	if (mti_json_number(&root, "schemaVersion", 100) != SCHEMA_VERSION)
		mti_json_fail(&root, "schemaVersion is not %d", SCHEMA_VERSION);
	/* The specification lets it be absent. */
	if (mti_json_find(&root, "mediaType", JSON_STRING).value)
		mti_json_expect(&root, "mediaType", MTI_MEDIA_MANIFEST);
	mti_json_expect(&root, "artifactType", MTI_MEDIA_CONFIG);
	config = mti_json_get(&root, "config", JSON_OBJECT);
	mti_descriptor_read(&config, MTI_MEDIA_CONFIG, &manifest->config);
	read_layers(&root, manifest);
	json_decref(document);
}

json_t *mti_manifest_new(const struct mti_manifest *manifest)
{
	json_t *layers = json_array();
	json_t *root = json_object();
	int bad = !layers || !root;
	uint32_t i;

	bad |= json_array_append_new(layers,
				     mti_descriptor_new(&manifest->program,
							MTI_MEDIA_PROGRAM));
	for (i = 0; i < manifest->memory_count; i++)
		bad |= json_array_append_new(
			layers, mti_descriptor_new(&manifest->memory[i],
						   MTI_MEDIA_MEMORY));
	bad |= json_object_set_new(root, "schemaVersion",
				   json_integer(SCHEMA_VERSION));
	bad |= json_object_set_new(root, "mediaType",
				   json_string(MTI_MEDIA_MANIFEST));
	bad |= json_object_set_new(root, "artifactType",
				   json_string(MTI_MEDIA_CONFIG));
	bad |= json_object_set_new(
		root, "config",
		mti_descriptor_new(&manifest->config, MTI_MEDIA_CONFIG));
	bad |= json_object_set_new(root, "layers", layers);
	if (bad) {
		json_decref(root);
		return NULL;
	}
	return root;
}

uint64_t mti_manifest_bytes(const struct mti_manifest *manifest)
{
	uint64_t sum = manifest->config.size + manifest->program.size;
	uint32_t i;

	/* Each is below 2^53, so the sum does not wrap. */
	for (i = 0; i < manifest->memory_count; i++)
		sum += manifest->memory[i].size;
	return sum;
}
