/*
 * The config of a snapshot: everything but the bytes of memory and program.
 * Pure.
 */
#ifndef MTI_SNAP_CONFIG_H
#define MTI_SNAP_CONFIG_H

#include <stdbool.h>

#include "snap/digest.h"
#include "snap/json.h"
#include "snap/snap.h"

#define MTI_CONFIG_FORMAT 1

/* A function of the program, as its tables have it. */
struct mti_snap_function {
	const char *name;
	const char *signature;
	bool posted; /* imports only */
};

struct mti_snap_tables {
	const struct mti_snap_function *exports;
	size_t export_count;
	const struct mti_snap_function *imports;
	size_t import_count;
};

struct mti_config {
	json_t *root; /* a reference, for the tables; NULL: none */
	struct mti_layout layout;
	struct mti_snap_cpu cpu;
	struct mti_snap_bare bare; /* instead of cpu, if layout.bare */
	struct mti_snap_origin origin;
	struct mti_digest program;
	uint32_t extent_count;
	/* file: which memory layer. Not checked against the layers' sizes. */
	struct mti_extent extents[MTI_STORE_EXTENTS_MAX];
};

/*
 * Reads and checks a config for a machine like *here; if that has no backend
 * ("") the snapshot will not run, and backend and CPU may be any. One of a bare
 * guest is for a machine like *bare, of any backend; NULL: refused. It leaves
 * layout.regions to who has the program. What is wrong is in reader; the
 * config is to be finished all the same.
 */
void mti_config_read(struct mti_json_reader *reader, const void *data,
		     size_t size, const struct mti_snap_origin *here,
		     const struct mti_snap_origin *bare,
		     struct mti_config *config);
void mti_config_fini(struct mti_config *config);

/* Whether the functions that it names are those of the program. */
void mti_config_check_tables(struct mti_json_reader *reader,
			     const struct mti_config *config,
			     const struct mti_snap_tables *tables);

/* A new document. MOTE_E_NO_MEMORY, or MOTE_E_INVALID for what has no name. */
mote_status mti_config_new(const struct mti_snap *snap,
			   const struct mti_digest *program,
			   const struct mti_snap_tables *tables, json_t **root,
			   mote_error *err);

/*
 * check.c: whether host and guest can work with what a config says. What is
 * wrong is said at root.
 */
void mti_config_check(const struct mti_json_node *root,
		      const struct mti_config *config);

/* bare.c: what is different in the config of a bare guest. */
bool mti_config_is_bare(const struct mti_json_node *root);
void mti_config_read_bare(const struct mti_json_node *root,
			  struct mti_config *config);
void mti_config_check_bare(const struct mti_json_node *root,
			   const struct mti_config *config);
int mti_config_add_bare(json_t *root, const struct mti_snap *snap);

/*
 * features.c: where the word is in a config, and what a bit of it is called;
 * an unknown bit gets its place as name.
 */
extern const char *const mti_feature_words[MTI_CPU_FEATURE_WORDS];
/* The features in wanted that here has not: "AVX2, BMI2, ..."; "" if none. */
void mti_features_missing(const uint64_t wanted[MTI_CPU_FEATURE_WORDS],
			  const uint64_t here[MTI_CPU_FEATURE_WORDS],
			  char *text, size_t size);

#endif
