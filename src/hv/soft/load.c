/*
 * Finds, checks and loads the plug-in. It stays for the rest of the process:
 * engines keep its table.
 *
 * It is looked for beside the file that this code is in (the library, or a
 * program that is linked with it), in `mote/` there, where it is installed as
 * seen from a program that is, and where the library was to be installed. No
 * environment variable says otherwise.
 */
#include "hv/soft/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <mote/version.h>

#include "base/error.h"
#include "hv/soft/plugin.h"
#include "os/os.h"

#define PATH_BYTES 1024

/* -DMTI_PLUGIN_DIR, absolute; "" if the library is not to be installed. */
#ifndef MTI_PLUGIN_DIR
#define MTI_PLUGIN_DIR ""
#endif
/* The same from the folder of installed programs, which may move together. */
#ifndef MTI_PLUGIN_BELOW
#define MTI_PLUGIN_BELOW ""
#endif

static const char *const limits[] = {
	"not isolation: a fault of the emulator is a fault of this program",
	"no AVX, no RDRAND, no FSGSBASE; SSE to 4.2, AES, BMI",
	"no SSE exceptions (#XM), no alignment checks (#AC)",
	"a read-modify-write of memory that is not there is a read",
	"an instruction that reaches into a page without code faults at the "
	"start of its block",
	"flags are not kept by an I/O instruction",
	"a guest can end the program: with LOCK BTS of a register, or "
	"PCMPESTRI",
	"no FTZ, no exceptions noted in MXCSR, no POPCNT",
	"a mapped file that becomes shorter while it is in use ends the "
	"program",
	"bare guests: no tasks, call gates or virtual-8086 mode",
	"bare guests: limits of segments and debug registers do nothing",
	"some 4 MiB of memory and 1 GiB of addresses for each sandbox",
	NULL,
};

static bool put_path(char *path, const char *folder, const char *below)
{
	int size = snprintf(path, PATH_BYTES, "%s/%s%s", folder, below,
			    MTI_SOFT_FILE);

	return folder[0] == '/' && size > 0 && size < PATH_BYTES;
}

/* What is wrong with it; NULL: nothing. */
static const char *find_fault(const struct mti_soft_plugin *plugin)
{
	if (plugin->interface != MTI_SOFT_INTERFACE ||
	    plugin->ops_size != sizeof(struct mti_hv_ops))
		return "it has another interface";
	if (strncmp(plugin->version, MOTE_VERSION_STRING,
		    sizeof(plugin->version)) != 0)
		return "it is of another version than " MOTE_VERSION_STRING;
	return NULL;
}

static mote_status refuse(mote_error *err, int os_errno, const char *path,
			  const char *why)
{
	mti_error_set(err, MOTE_E_NO_HYPERVISOR, "load soft", "soft: %s: %s",
		      path, why);
	mti_error_put_errno(err, os_errno);
	return MOTE_E_NO_HYPERVISOR;
}

/* -ENOENT: there is no such file; err is not filled then. */
static int try_path(const char *path, const struct mti_hv_ops **ops,
		    mote_error *err)
{
	const struct mti_soft_plugin *plugin;
	const void *object;
	char text[256];
	const char *fault;
	int os = mti_os_load(path, MTI_SOFT_SYMBOL, &object, text,
			     sizeof(text));

	if (os == -ENOENT)
		return os;
	if (os < 0) {
		(void)refuse(err, -os, path, text);
		return os;
	}
	plugin = object;
	fault = find_fault(plugin);
	if (fault) {
		(void)refuse(err, ELIBBAD, path, fault);
		return -ELIBBAD;
	}
	*ops = plugin->ops;
	return 0;
}

static mote_status load(const struct mti_hv_ops **ops, mote_error *err)
{
	static const struct {
		bool installed;
		const char *below;
	} places[] = { { false, "" }, { false, "mote/" },
		       { false, MTI_PLUGIN_BELOW }, { true, "" } };
	char own[PATH_BYTES - 64];
	char path[PATH_BYTES];
	size_t i;

	if (mti_os_folder_of(limits, own, sizeof(own)) < 0)
		own[0] = '\0';
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int os;

		if (!put_path(path, places[i].installed ? MTI_PLUGIN_DIR : own,
			      places[i].below))
			continue;
		os = try_path(path, ops, err);
		if (os != -ENOENT)
			return os < 0 ? MOTE_E_NO_HYPERVISOR : MOTE_OK;
	}
	return mti_error_set(err, MOTE_E_NO_HYPERVISOR, "load soft",
			     "soft: the plug-in " MTI_SOFT_FILE
			     " is not installed");
}

static void probe(mote_backend_info *info)
{
	const struct mti_hv_ops *ops;
	mote_error err = MOTE_ERROR_INIT;

	if (load(&ops, &err) == MOTE_OK) {
		ops->probe(info);
		return;
	}
	info->reason = err.os_errno == ELIBBAD ? MOTE_BACKEND_TOO_OLD :
		       err.os_errno	       ? MOTE_BACKEND_BROKEN :
						 MOTE_BACKEND_NO_DEVICE;
	info->os_errno = err.os_errno == ELIBBAD ? 0 : err.os_errno;
	/* Without the name, which stands beside it. */
	snprintf(info->text, sizeof(info->text), "%.*s",
		 (int)sizeof(info->text) - 1, err.text + strlen("soft: "));
}

const struct mti_hv_ops mti_hv_soft_ops = {
	.name = "soft",
	.by_name = true,
	.limits = limits,
	.load = load,
	.probe = probe,
};
