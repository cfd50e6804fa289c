/*
 * Finds, checks and loads the plug-in. It stays for the rest of the process:
 * engines keep its table.
 *
 * It is looked for beside the file that this code is in (the library, or a
 * program that is linked with it), in `mote/` there, where it is installed as
 * seen from a program in the folder of installed programs, and where the
 * library was to be installed. No environment variable says otherwise. To load
 * it is to run it: a file that others than root and the user can have put there
 * is not loaded, see mti_os_find_trusted(), nor is any into a set-user-ID
 * program, which the user may start from a place of his own.
 */
#include "hv/soft/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include <mote/version.h>

#include "base/error.h"
#include "hv/soft/plugin.h"
#include "os/os.h"

#define PATH_BYTES 1024
/* See put_folder(). */
#define PLACES 4

/* -DMTI_PLUGIN_DIR, absolute; "" if the library is not to be installed. */
#ifndef MTI_PLUGIN_DIR
#define MTI_PLUGIN_DIR ""
#endif
/*
 * The same from the folder of installed programs, which may move together, and
 * that folder's last name: what is beside the folder of any other program has
 * nothing to do with it.
 */
#ifndef MTI_PLUGIN_BELOW
#define MTI_PLUGIN_BELOW ""
#define MTI_PLUGIN_BIN ""
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
	"no FTZ, no exceptions noted in MXCSR, whose reserved bits are taken",
	"no POPCNT, no UMIP, no #GP for misaligned memory of SSE instructions",
	"of user guests, RDPMC, MONITOR, MWAIT, XSETBV, SYSRET and ICEBP are "
	"#UD",
	"a mapped file that becomes shorter while it is in use ends the "
	"program",
	"bare guests: no tasks, call gates, virtual-8086 mode, segment limits "
	"or breakpoints",
	"some 4 MiB of memory and 1 GiB of addresses for each sandbox",
	NULL,
};

static bool is_folder(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return slash && name[0] && strcmp(slash + 1, name) == 0;
}

/* What is wrong with it; NULL: nothing. */
static const char *find_fault(const struct mti_soft_plugin *plugin)
{
	static const uint32_t sizes[] = MTI_SOFT_SIZES;

	if (plugin->interface != MTI_SOFT_INTERFACE ||
	    memcmp(plugin->sizes, sizes, sizeof(sizes)) != 0)
		return "it has another interface";
	if (strncmp(plugin->version, MOTE_VERSION_STRING,
		    sizeof(plugin->version)) != 0)
		return "it is of another version than " MOTE_VERSION_STRING;
	return NULL;
}

/* What is wrong comes first: a long path may not fit. */
static void refuse(mote_error *err, int os_errno, const char *why,
		   const char *folder)
{
	(void)mti_error_set(err, MOTE_E_NO_HYPERVISOR, "load soft",
			    "soft: %s (%s/" MTI_SOFT_FILE ")", why, folder);
	mti_error_put_errno(err, os_errno);
}

/* -ENOENT: no such file; err is not filled then. -EPERM: not to be trusted. */
static int try_folder(const char *folder, const struct mti_hv_ops **ops,
		      mote_error *err)
{
	const struct mti_soft_plugin *plugin;
	const void *object;
	char text[512];
	const char *fault;
	char *path;
	int os = mti_os_find_trusted(folder, MTI_SOFT_FILE, &path, text,
				     sizeof(text));

	if (os == -ENOENT)
		return os;
	if (os < 0) {
		refuse(err, EPERM, text, folder);
		return -EPERM;
	}
	os = mti_os_load(path, MTI_SOFT_SYMBOL, &object, text, sizeof(text));
	free(path);
	if (os < 0) {
		refuse(err, -os, text, folder);
		return os;
	}
	plugin = object;
	fault = find_fault(plugin);
	if (fault) {
		refuse(err, ELIBBAD, fault, folder);
		return -ELIBBAD;
	}
	*ops = plugin->ops;
	return 0;
}

/* The folders that are looked at, with the program's or library's own. */
static bool put_folder(char *folder, size_t i, const char *own)
{
	static const char behind[] = "/" MTI_PLUGIN_BELOW;
	static const char *const below[] = { "", "/mote", behind };
	int size;

	if (i == sizeof(below) / sizeof(below[0])) {
		snprintf(folder, PATH_BYTES, "%s", MTI_PLUGIN_DIR);
		return MTI_PLUGIN_DIR[0] == '/';
	}
	if (own[0] != '/' || (i == 2 && !is_folder(own, MTI_PLUGIN_BIN)))
		return false;
	size = snprintf(folder, PATH_BYTES, "%s%s", own, below[i]);
	return size > 0 && size < PATH_BYTES;
}

static mote_status load(const struct mti_hv_ops **ops, mote_error *err)
{
	char own[PATH_BYTES - 64];
	char folder[PATH_BYTES];
	mote_error first = MOTE_ERROR_INIT;
	mote_error reason = MOTE_ERROR_INIT;
	size_t i;

	if (mti_os_auxiliary(AT_SECURE)) {
		mti_error_set(err, MOTE_E_NO_HYPERVISOR, "load soft",
			      "soft: a set-user-ID program loads no plug-in");
		mti_error_put_errno(err, EPERM);
		return MOTE_E_NO_HYPERVISOR;
	}
	if (mti_os_folder_of(limits, own, sizeof(own)) < 0)
		own[0] = '\0';
	for (i = 0; i < PLACES; i++) {
		int os = put_folder(folder, i, own) ?
				 try_folder(folder, ops, &reason) :
				 -ENOENT;

		if (os == 0)
			return MOTE_OK;
		if (os == -ENOENT)
			continue;
		if (first.code == MOTE_OK)
			first = reason;
		/* What others put somewhere takes away nothing that is ours. */
		if (os != -EPERM)
			break;
	}
	if (first.code == MOTE_OK)
		return mti_error_set(err, MOTE_E_NO_HYPERVISOR, "load soft",
				     "soft: the plug-in " MTI_SOFT_FILE
				     " is not installed");
	mti_error_copy(err, &first);
	return MOTE_E_NO_HYPERVISOR;
}

static void probe(mote_backend_info *info)
{
	const struct mti_hv_ops *ops;
	mote_error err = MOTE_ERROR_INIT;

	if (load(&ops, &err) == MOTE_OK) {
		ops->probe(info);
		return;
	}
	info->reason = err.os_errno == EPERM   ? MOTE_BACKEND_NO_PERMISSION :
		       err.os_errno == ELIBBAD ? MOTE_BACKEND_TOO_OLD :
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
