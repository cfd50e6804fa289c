/*
 * See diagnose.h. The order of the checks is from what is nearest to the
 * user (a container, a module) to what is farthest (firmware, the host).
 */
#include "diagnose.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(struct cli_advice *advice, const char *format, ...)
	MOTE_PRINTF(2, 3);

static void say(struct cli_advice *advice, const char *format, ...)
{
	va_list list;

	if (advice->count == CLI_ADVICE_MAX)
		return;
	va_start(list, format);
	vsnprintf(advice->lines[advice->count],
		  sizeof(advice->lines[advice->count]), format, list);
	va_end(list);
	advice->count++;
}

const char *cli_reason_name(uint32_t reason)
{
	switch ((mote_backend_reason)reason) {
	case MOTE_BACKEND_READY:
		return "ready";
	case MOTE_BACKEND_NO_DEVICE:
		return "no_device";
	case MOTE_BACKEND_NO_PERMISSION:
		return "no_permission";
	case MOTE_BACKEND_TOO_OLD:
		return "too_old";
	case MOTE_BACKEND_BROKEN:
		return "broken";
	}
	return "unknown";
}

/* Distributions make the group with packages that may not be there. */
static void need_kvm_group(const struct cli_facts *facts,
			   struct cli_advice *advice)
{
	if (!facts->has_kvm_group)
		say(advice, "$ sudo groupadd --system kvm");
}

static bool vendor_module_loaded(const struct cli_facts *facts)
{
	return facts->kvm_intel.loaded || facts->kvm_amd.loaded ||
	       facts->kvm_pvm.loaded;
}

static void no_virtualisation(const struct cli_facts *facts,
			      struct cli_advice *advice)
{
	if (facts->hypervisor) {
		say(advice, "This is a virtual machine, and its host does not "
			    "let it run virtual machines");
		say(advice, "of its own. Enable nested virtualisation on the "
			    "host: on Linux load");
		say(advice, "kvm_intel or kvm_amd with nested=1 and give this "
			    "machine the host's CPU");
		say(advice, "(-cpu host); in a cloud choose an instance type "
			    "with nested virtualisation");
		say(advice, "or bare metal.");
		return;
	}
	say(advice,
	    "The CPU shows neither VMX nor SVM: enable %s in the "
	    "firmware setup,",
	    facts->intel ? "Intel VT-x"
	    : facts->amd ? "AMD-V (SVM mode)"
			 : "virtualisation (VT-x or SVM)");
	say(advice, "power off and on again. If there is no such setting, the "
		    "CPU cannot do it.");
}

static void no_module(const struct cli_facts *facts, struct cli_advice *advice)
{
	const char *module = facts->svm ? "kvm_amd" : "kvm_intel";

	say(advice, "The CPU can do it, but the kernel module is not loaded:");
	say(advice, "$ sudo modprobe %s", module);
	say(advice, "If that fails with 'Operation not supported', enable %s",
	    facts->svm ? "SVM mode in the" : "VT-x in the");
	say(advice,
	    "firmware setup; with 'not found', install the modules of "
	    "this kernel (%.64s).",
	    facts->kernel);
}

static void no_device(const struct cli_facts *facts, struct cli_advice *advice)
{
	if (strcmp(facts->machine, "x86_64") != 0) {
		say(advice,
		    "The KVM backend needs an x86-64 machine; this is "
		    "%.64s.",
		    facts->machine);
		return;
	}
	if (facts->container && !facts->dev_kvm.present) {
		say(advice, "This is a container without /dev/kvm. Start it "
			    "with the device:");
		say(advice, "$ docker run --device /dev/kvm ...");
		if (!facts->kvm.loaded)
			say(advice, "The host needs the module kvm_intel or "
				    "kvm_amd loaded first.");
		return;
	}
	if (vendor_module_loaded(facts) && !facts->dev_kvm.present) {
		say(advice, "KVM is loaded, but its device node is missing:");
		need_kvm_group(facts, advice);
		say(advice, "$ sudo mknod -m 660 /dev/kvm c 10 232");
		say(advice, "$ sudo chgrp kvm /dev/kvm");
		return;
	}
	if (facts->vmx || facts->svm)
		no_module(facts, advice);
	else
		no_virtualisation(facts, advice);
}

/* The device came from elsewhere, with a number that is no group here. */
static void name_group(const struct cli_facts *facts, struct cli_advice *advice)
{
	const char *name = facts->has_kvm_group ? "host-kvm" : "kvm";

	say(advice, "$ sudo groupadd --gid %u %s", facts->dev_kvm.gid, name);
	say(advice, "$ sudo usermod -aG %s %.64s", name, facts->user);
}

static void not_in_group(const struct cli_facts *facts,
			 struct cli_advice *advice)
{
	const struct cli_device *device = &facts->dev_kvm;

	if (facts->listed_in_group) {
		say(advice,
		    "User %.64s is in group %.64s, but this session is "
		    "older than that:",
		    facts->user, device->group);
		say(advice, "log out and in again, or start a shell with it:");
		say(advice, "$ newgrp %.64s", device->group);
		return;
	}
	say(advice, "/dev/kvm is for group %.64s, and user %.64s is not in it:",
	    device->group, facts->user);
	if (facts->group_has_name)
		say(advice, "$ sudo usermod -aG %.64s %.64s", device->group,
		    facts->user);
	else
		name_group(facts, advice);
	say(advice, "Then log out and in again; groups are read at login.");
}

static void no_permission(const struct cli_facts *facts,
			  const mote_backend_info *info,
			  struct cli_advice *advice)
{
	const struct cli_device *device = &facts->dev_kvm;
	const uint32_t group_access = 060;
	/* The group root is nothing to join. */
	bool group_may = device->gid != 0 &&
			 (device->mode & group_access) == group_access;

	if (info->os_errno == EPERM || (facts->uid == 0 && facts->container)) {
		say(advice, "The kernel forbids the device itself, as in a "
			    "container whose device rules");
		say(advice, "do not list it. Start the container with:");
		say(advice, "$ docker run --device /dev/kvm ...");
		return;
	}
	if (facts->uid != 0 && group_may && !facts->in_group) {
		not_in_group(facts, advice);
		return;
	}
	if (facts->uid != 0 && !group_may) {
		say(advice,
		    "/dev/kvm has mode %04o, owner %.32s, group %.32s. "
		    "Open it to the group kvm:",
		    device->mode, device->owner, device->group);
		need_kvm_group(facts, advice);
		say(advice, "$ sudo chgrp kvm /dev/kvm && sudo chmod 660 "
			    "/dev/kvm");
		say(advice, "$ sudo usermod -aG kvm %.64s", facts->user);
		say(advice, "Then log out and in again. To keep the mode over "
			    "a reboot, put this line into");
		say(advice, "/etc/udev/rules.d/65-kvm.rules: KERNEL==\"kvm\", "
			    "GROUP=\"kvm\", MODE=\"0660\"");
		return;
	}
	say(advice, "The mode of /dev/kvm would allow it, so something else "
		    "forbids it: SELinux, AppArmor");
	say(advice, "or a sandbox around this process. Look for a denial:");
	say(advice, "$ sudo dmesg | grep -i denied");
}

void cli_diagnose(const struct cli_facts *facts, const mote_backend_info *info,
		  struct cli_advice *advice)
{
	memset(advice, 0, sizeof(*advice));
	/* We know what to do about KVM only. */
	if (info->reason == MOTE_BACKEND_READY ||
	    strcmp(info->name, "kvm") != 0)
		return;
	switch ((mote_backend_reason)info->reason) {
	case MOTE_BACKEND_READY:
		break;
	case MOTE_BACKEND_NO_DEVICE:
		no_device(facts, advice);
		break;
	case MOTE_BACKEND_NO_PERMISSION:
		no_permission(facts, info, advice);
		break;
	case MOTE_BACKEND_TOO_OLD:
		say(advice,
		    "The kernel (%.64s) lacks something Mote needs. "
		    "Use a newer one;",
		    facts->kernel);
		say(advice, "Linux 5.10 or later is a good choice.");
		break;
	case MOTE_BACKEND_BROKEN:
		say(advice, "KVM is there but does not work. Another "
			    "hypervisor (VirtualBox, VMware) may");
		say(advice, "be using the CPU. The kernel may say more:");
		say(advice, "$ sudo dmesg | grep -i kvm");
		break;
	}
}
