#include "sandbox/usage.h"

#include "abi/layout.h"
#include "abi/trap.h"
#include "base/error.h"
#include "os/os.h"
#include "sandbox/debug.h"
#include "sandbox/sandbox.h"

/* Where the hypervisor does not report pages. */
#define LOOK_NS UINT64_C(4000000)
/* Looking takes this part of the time at most. */
#define LOOK_PART 4

/*
 * Pages that were written, but for page tables: with nested paging the CPU
 * counts as writing to those it walks, with shadow paging it does not.
 */
static size_t count_written(const mote_sandbox *box)
{
	const struct mti_layout *layout = &box->template->layout;
	const struct mti_dirty *dirty = &box->memory.dirty;

	return dirty->count - mti_dirty_count(dirty, layout->page_table_gpa,
					      layout->page_table_max);
}

static bool has_copies(const mote_sandbox *box)
{
	size_t i;

	for (i = 0; i < box->window.count; i++)
		if (box->window.mappings[i].writable)
			return true;
	return false;
}

/* No hypervisor reports pages of mappings. */
static bool must_look(const mote_sandbox *box)
{
	return mti_growth_is_limited(box) &&
	       (!mti_ops_of(box)->tracks(box->vm) || has_copies(box));
}

/* To look takes longer the more memory there is. */
static void set_slice(mote_sandbox *box, uint64_t last_ns)
{
	uint64_t slice_ns = box->debug ? MTI_DEBUG_SLICE_NS : LOOK_NS;

	if (slice_ns < last_ns * LOOK_PART)
		slice_ns = last_ns * LOOK_PART;
	box->kick.slice_ns = slice_ns;
}

void mti_usage_prepare(mote_sandbox *box)
{
	if (must_look(box))
		set_slice(box, 0);
}

/* Pages of private mappings that were written, when they were counted. */
static uint64_t mapped(const mote_sandbox *box)
{
	uint64_t pages = 0;
	size_t i;

	for (i = 0; i < box->window.count; i++)
		pages += box->window.mappings[i].written;
	return pages;
}

static void add_run(void *user, uint64_t start, uint64_t end)
{
	*(uint64_t *)user += (end - start) / MOTE_PAGE_SIZE;
}

static mote_status count_mapped(mote_sandbox *box, mote_error *err)
{
	const struct mti_cow *cow = box->memory.cow;
	size_t i;

	for (i = 0; i < box->window.count; i++) {
		struct mti_mapping *mapping = &box->window.mappings[i];
		uint64_t pages = 0;
		int os = 0;

		if (!mapping->writable)
			continue;
		if (cow)
			pages = mti_cow_copies(cow, mapping->gpa,
					       mapping->size);
		else
			os = mti_memory_private(mapping->memory, mapping->size,
						add_run, &pages);
		if (os < 0)
			return mti_error_os(err, MOTE_E_OS, "find pages", -os,
					    "/proc/self/pagemap");
		mapping->written = pages;
	}
	return MOTE_OK;
}

void mti_usage_begin(mote_sandbox *box, uint64_t now_ns)
{
	box->usage.host_calls_left = box->limits.host_calls;
	box->usage.output_left = box->limits.output_bytes;
	box->usage.log_left = box->limits.log_bytes;
	box->usage.pages_written = 0;
	if (box->usage.measured || mti_growth_is_limited(box))
		box->usage.pages_before = count_written(box) + mapped(box);
	box->usage.before = box->stats;
	box->usage.record = (mote_call_stats){
		.struct_size = sizeof(box->usage.record),
		.status = MOTE_E_BUSY,
	};
	box->usage.start_ns = now_ns;
	if (box->usage.measured)
		box->usage.start_cpu_ns = mti_os_thread_cpu_ns();
}

static void read_clocks(const mote_sandbox *box, uint64_t now_ns,
			mote_call_stats *stats)
{
	stats->wall_ns = now_ns - box->usage.start_ns;
	if (box->usage.measured)
		stats->cpu_ns = mti_os_thread_cpu_ns() -
				box->usage.start_cpu_ns;
}

void mti_usage_correct(mote_sandbox *box, mote_status status)
{
	box->usage.record.status = (int32_t)status;
}

static mote_status count_pages(mote_sandbox *box, mote_error *err)
{
	mote_status status = mti_sandbox_collect(box, err);
	uint64_t before = box->usage.pages_before;
	uint64_t now;

	if (status == MOTE_OK)
		status = count_mapped(box, err);
	if (status != MOTE_OK)
		return status;
	now = count_written(box) + mapped(box);
	box->usage.pages_written = now > before ? now - before : 0;
	return MOTE_OK;
}

void mti_usage_forget(mote_sandbox *box, size_t pages)
{
	uint64_t *before = &box->usage.pages_before;

	*before = *before > pages ? *before - pages : 0;
}

static mote_status check_growth(mote_sandbox *box, mote_error *err)
{
	uint64_t bytes = box->usage.pages_written * MOTE_PAGE_SIZE;

	if (bytes <= box->limits.growth_bytes)
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_GROWTH, "run guest",
			     "the call took %llu bytes of memory, more than "
			     "max_growth_bytes, %llu",
			     (unsigned long long)bytes,
			     (unsigned long long)box->limits.growth_bytes);
}

mote_status mti_usage_growth(mote_sandbox *box, mote_error *err)
{
	mote_status status;
	uint64_t start_ns;

	if (!mti_growth_is_limited(box))
		return MOTE_OK;
	if (must_look(box)) {
		start_ns = mti_os_monotonic_ns();
		status = count_pages(box, err);
		set_slice(box, mti_os_monotonic_ns() - start_ns);
	} else {
		status = count_pages(box, err);
	}
	return status == MOTE_OK ? check_growth(box, err) : status;
}

mote_status mti_usage_end(mote_sandbox *box, mote_status status,
			  mote_error *err)
{
	bool limited = status == MOTE_OK && mti_growth_is_limited(box);
	mote_status counted = MOTE_OK;

	box->observe.now_ns = mti_os_monotonic_ns();
	read_clocks(box, box->observe.now_ns, &box->usage.record);
	/* The clock is not read for it, but it has been. */
	if (status == MOTE_E_CPU_TIME && !box->usage.measured)
		box->usage.record.cpu_ns = mti_kick_cpu_ns(&box->kick);
	/* If it fails, and nothing is limited, only a restore takes longer. */
	if (limited || box->usage.measured)
		counted = count_pages(box, limited ? err : NULL);
	if (limited)
		status = counted == MOTE_OK ? check_growth(box, err) : counted;
	box->usage.record.status = (int32_t)status;
	return status;
}

void mti_usage_exit(mote_sandbox *box, const struct mti_exit *exit)
{
	if (exit->kind == MTI_EXIT_INTERRUPTED) {
		box->stats.interrupted++;
		return;
	}
	if (exit->kind != MTI_EXIT_PORT)
		return;
	switch (exit->number) {
	case MOTE_PORT_HOST_CALL:
		box->usage.record.exits_host_call++;
		break;
	case MOTE_PORT_FLUSH:
		box->usage.record.exits_flush++;
		break;
	case MOTE_PORT_SERVICE:
		box->usage.record.exits_service++;
		break;
	default:
		break;
	}
}

uint64_t mti_usage_host_begin(const mote_sandbox *box)
{
	return box->usage.measured ? mti_os_monotonic_ns() : 0;
}

void mti_usage_host_end(mote_sandbox *box, uint64_t begun_ns)
{
	if (box->usage.measured)
		box->usage.record.host_ns += mti_os_monotonic_ns() - begun_ns;
}

mote_status mti_usage_output(mote_sandbox *box, uint64_t size, mote_error *err)
{
	if (size > box->usage.output_left)
		return mti_error_set(
			err, MOTE_E_OUTPUT, "guest output",
			"the guest printed more than max_output_bytes, %llu",
			(unsigned long long)box->limits.output_bytes);
	box->usage.output_left -= size;
	box->stats.output_bytes += size;
	return MOTE_OK;
}

mote_status mti_usage_log(mote_sandbox *box, uint64_t size, mote_error *err)
{
	if (size > box->usage.log_left)
		return mti_error_set(
			err, MOTE_E_LOG, "guest log",
			"the guest logged more than max_log_bytes, %llu",
			(unsigned long long)box->limits.log_bytes);
	box->usage.log_left -= size;
	box->usage.record.log_bytes += size;
	return MOTE_OK;
}

void mti_usage_get(const mote_sandbox *box, mote_call_stats *stats)
{
	const mote_sandbox_stats *now = &box->stats;
	const mote_sandbox_stats *before = &box->usage.before;

	*stats = box->usage.record;
	if (stats->status == MOTE_E_BUSY)
		read_clocks(box, mti_os_monotonic_ns(), stats);
	stats->vm_entries = now->vm_entries - before->vm_entries;
	stats->exits_interrupted = now->interrupted - before->interrupted;
	stats->host_calls = now->host_calls - before->host_calls;
	stats->output_bytes = now->output_bytes - before->output_bytes;
	stats->pages_written = box->usage.pages_written;
}
