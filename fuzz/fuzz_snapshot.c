/*
 * The documents of a snapshot's layout: index, manifest, config. Each input
 * is read as all three. Whatever is accepted keeps the promises that loading
 * and running rely on.
 */
#include "fuzz.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "snap/config.h"
#include "snap/index.h"

static void demand(int holds, const char *promise)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", promise);
	abort();
}

/* Refused with one of the statuses for it, and a text. */
static void check_status(const struct mti_json_reader *reader)
{
	if (reader->status == MOTE_OK)
		return;
	demand(reader->status == MOTE_E_SNAPSHOT ||
		       reader->status == MOTE_E_NOT_FOUND,
	       "status");
	demand(reader->err->text[0] != '\0', "error text");
}

static void read_index(const uint8_t *data, size_t size)
{
	const struct mti_reference reference = { .tag = "tag" };
	mote_error err = MOTE_ERROR_INIT;
	struct mti_json_reader reader = { .operation = "fuzz",
					  .document = "index",
					  .err = &err };
	struct mti_descriptor descriptor = { .size = 0 };
	struct mti_index index = { NULL };
	size_t entry;

	mti_index_read(&reader, data, size, &index);
	check_status(&reader);
	if (reader.status == MOTE_OK) {
		entry = mti_index_find(&reader, &index, &reference,
				       &descriptor);
		check_status(&reader);
		if (reader.status == MOTE_OK) {
			demand(entry < mti_index_count(&index), "entry");
			demand(strcmp(mti_index_tag(&index, entry), "tag") == 0,
			       "tag");
			demand(descriptor.size <= MTI_JSON_NUMBER_MAX, "size");
		}
		demand(mti_index_set(&index, "other", &descriptor), "set");
	}
	mti_index_fini(&index);
}

static void read_manifest(const uint8_t *data, size_t size)
{
	mote_error err = MOTE_ERROR_INIT;
	struct mti_json_reader reader = { .operation = "fuzz",
					  .document = "manifest",
					  .err = &err };
	struct mti_manifest manifest;
	json_t *again;

	mti_manifest_read(&reader, data, size, &manifest);
	check_status(&reader);
	if (reader.status != MOTE_OK)
		return;
	demand(manifest.memory_count >= 1 &&
		       manifest.memory_count <= MTI_MEMORY_LAYERS_MAX,
	       "layers");
	demand(mti_manifest_bytes(&manifest) <= 4 * MTI_JSON_NUMBER_MAX,
	       "bytes");
	again = mti_manifest_new(&manifest);
	demand(again != NULL, "written again");
	json_decref(again);
}

static void check_layout(const struct mti_layout *layout)
{
	size_t i;

	demand(layout->region_count >= MTI_AREAS &&
		       layout->region_count <= MTI_REGIONS_MAX,
	       "regions");
	demand(layout->page_table_gpa <= layout->memory_size &&
		       layout->page_table_max <=
			       layout->memory_size - layout->page_table_gpa,
	       "page tables in memory");
	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *region = &layout->regions[i];

		demand(region->size > 0 && region->gpa % MOTE_PAGE_SIZE == 0 &&
			       region->size % MOTE_PAGE_SIZE == 0,
		       "region of pages");
		demand(region->gpa <= layout->memory_size &&
			       region->size <=
				       layout->memory_size - region->gpa,
		       "region in memory");
	}
	demand(layout->regions[MTI_AREA_CALL].size == layout->sizes.io &&
		       layout->regions[MTI_AREA_REPLY].size ==
			       layout->sizes.io &&
		       layout->regions[MTI_AREA_OUT].size == layout->sizes.io &&
		       layout->regions[MTI_AREA_POST].size == MTI_POST_BYTES &&
		       layout->regions[MTI_AREA_CONTROL].size ==
			       MOTE_PAGE_SIZE,
	       "areas as large as the host takes them to be");
}

/* What no VM is made with, and no hypervisor is asked to take. */
static void check_bare(const struct mti_config *config)
{
	const struct mti_layout *layout = &config->layout;
	uint64_t value;
	uint32_t i;

	demand(layout->hole > 0 && layout->hole < layout->hole_end &&
		       layout->hole_end < layout->memory_size,
	       "a hole inside memory");
	for (i = 0; i < config->extent_count; i++)
		demand(config->extents[i].gpa >= layout->hole_end ||
			       config->extents[i].gpa +
					       config->extents[i].size <=
				       layout->hole,
		       "nothing in the hole");
	demand(config->bare.cpu.vector_size <= sizeof(config->bare.cpu.vector),
	       "vector registers");
	demand(!mti_bare_wrong(&config->bare.cpu, &value), "some CPU's state");
}

static void check_extents(const struct mti_config *config)
{
	uint64_t end = 0;
	uint32_t i;

	demand(config->extent_count <= MTI_STORE_EXTENTS_MAX, "extents");
	for (i = 0; i < config->extent_count; i++) {
		const struct mti_extent *extent = &config->extents[i];

		demand(extent->gpa >= end && extent->size > 0 &&
			       extent->gpa + extent->size <=
				       config->layout.memory_size,
		       "extent in memory, behind the one before");
		demand(extent->offset + extent->size > extent->offset &&
			       extent->file < MTI_MEMORY_LAYERS_MAX,
		       "extent of a file");
		end = extent->gpa + extent->size;
	}
}

static void read_config(const uint8_t *data, size_t size)
{
	static const struct mti_snap_function exports[] = {
		{ "Add", "i(ii)", false },
	};
	static const struct mti_snap_tables tables = {
		.exports = exports, .export_count = 1
	};
	const struct mti_snap_origin here = {
		.machine = EM_X86_64,
		.abi_version = MOTE_ABI_VERSION,
		.backend = "kvm",
		.features = { 0xffff },
	};
	mote_error err = MOTE_ERROR_INIT;
	struct mti_json_reader reader = { .operation = "fuzz",
					  .document = "config",
					  .err = &err };
	struct mti_config config;

	mti_config_read(&reader, data, size, &here, &here, &config);
	check_status(&reader);
	if (reader.status == MOTE_OK) {
		if (config.layout.bare)
			check_bare(&config);
		else
			check_layout(&config.layout);
		check_extents(&config);
		demand((config.origin.features[0] & ~UINT64_C(0xffff)) == 0,
		       "no more features than there are");
		demand(config.cpu.dispatch_pc >> 47 == 0 &&
			       config.cpu.dispatch_sp >> 47 == 0,
		       "entry in the guest");
		mti_config_check_tables(&reader, &config, &tables);
		check_status(&reader);
	}
	mti_config_fini(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_index(data, size);
	read_manifest(data, size);
	read_config(data, size);
	return 0;
}
