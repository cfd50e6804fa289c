/*
 * What the emulator knows of an exception and its interface does not tell: the
 * error code, whether an instruction INT raised it, and the exception that it
 * takes for being handled still. A saved context has them, at offsets that
 * differ from version to version. So exceptions whose numbers are known are
 * raised, and where these turn up is where they are; if that is not one place
 * each, this emulator is not known and is refused.
 */
#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "hv/soft/soft.h"

#define CODE 0x1000u
#define DATA 0x2000u
#define SIZE 0x3000u

/* Of selectors that are no descriptor's; their lowest bits do not count. */
#define SELECTOR_A 0x5a30u
#define SELECTOR_B 0x2748u

enum { FRESH, FAULT_A, FAULT_B, INT, SNAPSHOTS };

#define VECTOR_GP 13

struct probe {
	uc_context *context[SNAPSHOTS];
	size_t size;
	int which;
};

static void on_interrupt(uc_engine *uc, uint32_t number, void *user)
{
	struct probe *probe = user;

	(void)number;
	uc_context_save(uc, probe->context[probe->which]);
	uc_emu_stop(uc);
}

static uc_err put_code(uc_engine *uc, int which)
{
	/* mov DATA, %ds; int $0x80 */
	static const uint8_t load[] = { 0x8e, 0x1c, 0x25, 0, DATA >> 8, 0, 0 };
	static const uint8_t interrupt[] = { 0xcd, 0x80 };
	uint16_t selector = which == FAULT_A ? SELECTOR_A : SELECTOR_B;
	uc_err uc_status = uc_mem_map(uc, 0, SIZE, UC_PROT_ALL);

	if (uc_status == UC_ERR_OK)
		uc_status = uc_mem_write(uc, DATA, &selector, sizeof(selector));
	if (uc_status == UC_ERR_OK && which == INT)
		return uc_mem_write(uc, CODE, interrupt, sizeof(interrupt));
	if (uc_status == UC_ERR_OK)
		uc_status = uc_mem_write(uc, CODE, load, sizeof(load));
	return uc_status;
}

/* One CPU, of which one exception is asked. */
static uc_err take(struct probe *probe, int which)
{
	uc_engine *uc = NULL;
	uc_hook hook;
	uc_err status;

	if (mti_soft_open(UC_ARCH_X86, UC_MODE_64, &uc, NULL) != MOTE_OK)
		return UC_ERR_NOMEM;
	probe->which = which;
	status = uc_context_alloc(uc, &probe->context[which]);
	if (status == UC_ERR_OK)
		status = uc_context_save(uc, probe->context[which]);
	probe->size = uc_context_size(uc);
	if (status == UC_ERR_OK && which != FRESH)
		status = uc_hook_add(uc, &hook, UC_HOOK_INTR,
				     (void *)on_interrupt, probe, (uint64_t)1,
				     (uint64_t)0);
	if (status == UC_ERR_OK)
		status = put_code(uc, which);
	if (status == UC_ERR_OK && which != FRESH)
		status = uc_emu_start(uc, CODE, 0, 0, 0);
	uc_close(uc);
	return status;
}

static int32_t word(const struct probe *probe, int which, size_t at)
{
	int32_t value;

	memcpy(&value, (const uint8_t *)probe->context[which] + at,
	       sizeof(value));
	return value;
}

static bool is_error_code(const struct probe *probe, size_t at)
{
	return word(probe, FAULT_A, at) == SELECTOR_A &&
	       word(probe, FAULT_B, at) == SELECTOR_B;
}

static bool is_is_int(const struct probe *probe, size_t at)
{
	return word(probe, FRESH, at) == 0 && word(probe, FAULT_A, at) == 0 &&
	       word(probe, FAULT_B, at) == 0 && word(probe, INT, at) == 1;
}

static bool is_old_exception(const struct probe *probe, size_t at)
{
	return word(probe, FRESH, at) == -1 && word(probe, INT, at) == -1 &&
	       word(probe, FAULT_A, at) == VECTOR_GP &&
	       word(probe, FAULT_B, at) == VECTOR_GP;
}

/* The one place that fits; 0: none, or several. */
static size_t find(const struct probe *probe,
		   bool (*fits)(const struct probe *probe, size_t at))
{
	size_t found = 0;
	size_t at;

	/* The first word is no number of the CPU's. */
	for (at = sizeof(int32_t); at + sizeof(int32_t) <= probe->size;
	     at += sizeof(int32_t)) {
		if (!fits(probe, at))
			continue;
		if (found)
			return 0;
		found = at;
	}
	return found;
}

static mote_status probe_quirks(struct mti_soft_quirks *quirks, mote_error *err)
{
	struct probe probe = { 0 };
	uc_err status = UC_ERR_OK;
	int i;

	for (i = 0; i < SNAPSHOTS && status == UC_ERR_OK; i++)
		status = take(&probe, i);
	if (status == UC_ERR_OK) {
		quirks->error_code = find(&probe, is_error_code);
		quirks->is_int = find(&probe, is_is_int);
		quirks->old_exception = find(&probe, is_old_exception);
	}
	for (i = 0; i < SNAPSHOTS; i++)
		if (probe.context[i])
			uc_context_free(probe.context[i]);
	if (status != UC_ERR_OK)
		return mti_error_set(err, MOTE_E_NO_HYPERVISOR, "open soft",
				     "soft: libunicorn: %s",
				     uc_strerror(status));
	if (!quirks->error_code || !quirks->is_int || !quirks->old_exception)
		return mti_error_set(err, MOTE_E_NO_HYPERVISOR, "open soft",
				     "soft: this version of libunicorn keeps "
				     "exceptions in a way that is not known");
	return MOTE_OK;
}

/* It takes four engines: once is enough. */
mote_status mti_soft_probe_quirks(struct mti_soft_quirks *quirks,
				  mote_error *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct mti_soft_quirks known;
	static bool is_known;
	mote_status status = MOTE_OK;

	pthread_mutex_lock(&lock);
	if (!is_known)
		status = probe_quirks(&known, err);
	is_known = status == MOTE_OK;
	*quirks = known;
	pthread_mutex_unlock(&lock);
	return status;
}
