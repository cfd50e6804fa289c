/*
 * Finding out what KVM can do here, once per engine.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"

#define DEVICE "/dev/kvm"

/* On every processor. */
static const struct kvm_need needs[] = {
	{ KVM_CAP_USER_MEMORY, 0, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_IMMEDIATE_EXIT, 0, "KVM_CAP_IMMEDIATE_EXIT" },
	{ 0, 0, NULL },
};

/* NULL, or the name of what is missing. */
static const char *missing_of(int fd, const struct kvm_need *need)
{
	for (; need->name; need++) {
		int value = mti_os_ioctl_value(fd, KVM_CHECK_EXTENSION,
					       (unsigned long)need->capability);

		if (value <= 0 ||
		    ((unsigned int)value & need->bits) != need->bits)
			return need->name;
	}
	return NULL;
}

static const char *missing_capability(int fd)
{
	const char *missing = missing_of(fd, needs);

	return missing ? missing : missing_of(fd, mti_kvm_needs);
}

static void set_reason(mote_backend_info *info, mote_backend_reason reason,
		       int os_errno, const char *text)
{
	info->reason = reason;
	info->os_errno = os_errno;
	snprintf(info->text, sizeof(info->text), "%s", text);
}

/* Opens the device and checks it; the descriptor, or -1 with a reason. */
static int open_device(mote_backend_info *info)
{
	int fd = mti_os_open(DEVICE, O_RDWR);
	const char *missing;
	int version;

	if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO) {
		set_reason(info, MOTE_BACKEND_NO_DEVICE, -fd,
			   fd == -ENOENT ? "there is no " DEVICE
					 : DEVICE
				   " is there, but no KVM behind it");
		return -1;
	}
	if (fd < 0) {
		bool denied = fd == -EACCES || fd == -EPERM;

		set_reason(info,
			   denied ? MOTE_BACKEND_NO_PERMISSION
				  : MOTE_BACKEND_BROKEN,
			   -fd,
			   denied ? "no permission to open " DEVICE
				  : DEVICE " cannot be opened");
		return -1;
	}
	version = mti_os_ioctl_value(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		set_reason(info, MOTE_BACKEND_BROKEN,
			   version < 0 ? -version : 0,
			   DEVICE " does not answer as KVM version 12");
		goto fail;
	}
	missing = missing_capability(fd);
	if (missing) {
		set_reason(info, MOTE_BACKEND_TOO_OLD, 0, "");
		snprintf(info->text, sizeof(info->text), "this KVM lacks %s",
			 missing);
		goto fail;
	}
	if (mti_kvm_cpu_unfit()) {
		set_reason(info, MOTE_BACKEND_BROKEN, 0, mti_kvm_cpu_unfit());
		goto fail;
	}
	set_reason(info, MOTE_BACKEND_READY, 0, DEVICE);
	return fd;
fail:
	mti_os_close(fd);
	return -1;
}

void mti_kvm_probe(mote_backend_info *info)
{
	mti_os_close(open_device(info));
}

mote_status mti_kvm_open(const struct mti_allocator *allocator,
			 struct mti_hv **out, mote_error *err)
{
	mote_backend_info info = MOTE_BACKEND_INFO_INIT;
	struct mti_hv *hv;
	mote_status status;
	int size;
	int fd;

	fd = open_device(&info);
	if (fd < 0) {
		status = mti_error_set(err, MOTE_E_NO_HYPERVISOR, "open kvm",
				       "kvm: %s", info.text);
		mti_error_put_errno(err, info.os_errno);
		return status;
	}
	hv = mti_alloc(allocator, 1, sizeof(*hv));
	if (!hv) {
		mti_os_close(fd);
		return mti_error_set(err, MOTE_E_NO_MEMORY, "open kvm",
				     "no memory for the backend");
	}
	hv->allocator = allocator;
	hv->fd = fd;
	size = mti_os_ioctl_value(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run)) {
		status = mti_error_set(err, MOTE_E_NO_HYPERVISOR, "open kvm",
				       "KVM_GET_VCPU_MMAP_SIZE says %d", size);
		goto fail;
	}
	hv->run_size = (size_t)size;
	hv->tick_ns = UINT64_MAX;
	status = mti_kvm_cpu_read(hv, err);
	if (status != MOTE_OK)
		goto fail;
	*out = hv;
	return MOTE_OK;
fail:
	mti_kvm_close(hv);
	return status;
}

void mti_kvm_close(struct mti_hv *hv)
{
	if (!hv)
		return;
	mti_os_close(hv->fd);
	mti_free(hv->allocator, hv);
}
