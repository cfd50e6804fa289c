#include "sandbox/usage.h"

#include "abi/trap.h"
#include "base/error.h"
#include "os/os.h"

void mti_usage_begin(mote_sandbox *box, uint64_t now_ns)
{
	box->host_calls_left = box->limits.host_calls;
	box->output_left = box->limits.output_bytes;
	box->log_left = box->limits.log_bytes;
	box->pages_written = 0;
	box->stats_before = box->stats;
	box->usage = (mote_call_stats){
		.struct_size = sizeof(box->usage),
		.status = MOTE_E_BUSY,
	};
	box->start_ns = now_ns;
	if (box->measured)
		box->start_cpu_ns = mti_os_thread_cpu_ns();
}

static void read_clocks(const mote_sandbox *box, mote_call_stats *stats)
{
	stats->wall_ns = mti_os_monotonic_ns() - box->start_ns;
	if (box->measured)
		stats->cpu_ns = mti_os_thread_cpu_ns() - box->start_cpu_ns;
}

void mti_usage_end(mote_sandbox *box, mote_status status)
{
	read_clocks(box, &box->usage);
	box->usage.status = (int32_t)status;
}

void mti_usage_correct(mote_sandbox *box, mote_status status)
{
	box->usage.status = (int32_t)status;
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
		box->usage.exits_host_call++;
		break;
	case MOTE_PORT_FLUSH:
		box->usage.exits_flush++;
		break;
	case MOTE_PORT_SERVICE:
		box->usage.exits_service++;
		break;
	default:
		break;
	}
}

uint64_t mti_usage_host_begin(const mote_sandbox *box)
{
	return box->measured ? mti_os_monotonic_ns() : 0;
}

void mti_usage_host_end(mote_sandbox *box, uint64_t begun_ns)
{
	if (box->measured)
		box->usage.host_ns += mti_os_monotonic_ns() - begun_ns;
}

mote_status mti_usage_output(mote_sandbox *box, uint64_t size, mote_error *err)
{
	if (size > box->output_left)
		return mti_error_set(
			err, MOTE_E_OUTPUT, "guest output",
			"the guest printed more than max_output_bytes, %llu",
			(unsigned long long)box->limits.output_bytes);
	box->output_left -= size;
	box->stats.output_bytes += size;
	return MOTE_OK;
}

mote_status mti_usage_log(mote_sandbox *box, uint64_t size, mote_error *err)
{
	if (size > box->log_left)
		return mti_error_set(
			err, MOTE_E_LOG, "guest log",
			"the guest logged more than max_log_bytes, %llu",
			(unsigned long long)box->limits.log_bytes);
	box->log_left -= size;
	box->usage.log_bytes += size;
	return MOTE_OK;
}

void mti_usage_get(const mote_sandbox *box, mote_call_stats *stats)
{
	const mote_sandbox_stats *now = &box->stats;
	const mote_sandbox_stats *before = &box->stats_before;

	*stats = box->usage;
	if (stats->status == MOTE_E_BUSY)
		read_clocks(box, stats);
	stats->vm_entries = now->vm_entries - before->vm_entries;
	stats->exits_interrupted = now->interrupted - before->interrupted;
	stats->host_calls = now->host_calls - before->host_calls;
	stats->output_bytes = now->output_bytes - before->output_bytes;
	stats->pages_written = box->pages_written;
}
