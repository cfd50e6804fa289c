/*
 * The measurements behind `make bench`.
 *
 * Every ratio compares with a floor that the same thread measures in
 * alternation, so that what else the machine does hits both alike.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <mote/mote.h>

#include "stats.h"

#define BENCH_FIGURES_MAX 160

struct bench_figure {
	const char *name;
	const char *unit; /* "" for a ratio */
	const char *text; /* what it is, for people */
	double goal;	  /* at most this is good; 0 if there is no goal */
	bool at_least;	  /* at least the goal is good */
	bool is_ratio;	  /* one of the "ratios" of the JSON output */
	struct bench_stat stat;
};

struct bench_options {
	bool quick; /* few samples: to see that it works */
	bool json;
};

struct bench {
	struct bench_options options;
	size_t figure_count;
	struct bench_figure figures[BENCH_FIGURES_MAX];
	char failure[MOTE_ERROR_TEXT_MAX + 64];
};

/* The guests, whole ELF files. */
extern const uint8_t bench_guest[];
extern const uint8_t bench_guest_end[];
extern const uint8_t bench_small_guest[];
extern const uint8_t bench_small_guest_end[];

/* What measurements share, measure.c. All return 0, or -1 with failure set. */
int bench_fail(struct bench *bench, const char *format, ...) MOTE_PRINTF(2, 3);
int bench_fail_mote(struct bench *bench, const char *what,
		    const mote_error *err);
uint64_t bench_now_ns(void);
/* A count that --quick divides, but not below 3. */
size_t bench_rounds(const struct bench *bench, size_t full, size_t divisor);
void bench_ratio(struct bench *bench, const char *name, double goal,
		 const char *text, const struct bench_samples *samples);
void bench_ratio_at_least(struct bench *bench, const char *name, double goal,
			  const char *text,
			  const struct bench_samples *samples);
void bench_value(struct bench *bench, const char *name, const char *unit,
		 const char *text, const struct bench_samples *samples);
/* KiB of this process that no other shares. */
int bench_private_kib(struct bench *bench, double *kib);
/* What the process may run on; it is itself pinned to one of them. */
const cpu_set_t *bench_cpus(void);
/* The host function that the big guest imports. */
extern const mote_host_function bench_host;
/*
 * Opens the big guest: options may be NULL. Its import, Nothing, does just
 * that unless the options have host functions.
 */
int bench_open(struct bench *bench, const mote_sandbox_options *options,
	       mote_engine **engine, mote_image **image, mote_sandbox **box);

/* One group of figures each. */
int bench_calls(struct bench *bench);
int bench_control(struct bench *bench);
int bench_observe(struct bench *bench);
int bench_create(struct bench *bench);
int bench_compute(struct bench *bench);
int bench_bytes(struct bench *bench);
int bench_idle(struct bench *bench);
int bench_sizes(struct bench *bench);
int bench_restore(struct bench *bench);
int bench_clone(struct bench *bench);
int bench_paging(struct bench *bench);
int bench_many(struct bench *bench);
int bench_peers(struct bench *bench);

/* report.c */
void bench_print_table(const struct bench *bench, FILE *out);
void bench_print_json(const struct bench *bench, FILE *out);

/*
 * The whole program: options --json, --quick, --help. Returns the exit
 * status: 0, 1 a measurement failed, 2 wrong use, 5 no hypervisor.
 */
int bench_main(int argc, char **argv);

#endif
