/*
 * What `mote doctor` finds out about a machine: read from /proc, /sys and
 * /dev below a prefix, so that tests can show it any machine.
 */
#ifndef CLI_FACTS_H
#define CLI_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/mote.h>

#define CLI_FACT_MAX 128
#define CLI_BACKENDS_MAX 8

struct cli_device {
	bool present;
	bool character; /* a character device, as it should be */
	uint32_t mode;	/* permission bits */
	uint32_t uid;
	uint32_t gid;
	char owner[CLI_FACT_MAX]; /* name, or the number */
	char group[CLI_FACT_MAX];
};

struct cli_module {
	bool loaded;
	char nested[8]; /* its parameter, e.g. "Y"; "" if it has none */
};

struct cli_facts {
	char machine[CLI_FACT_MAX]; /* "x86_64" */
	char kernel[CLI_FACT_MAX];  /* "6.1.0-18-amd64" */
	unsigned int kernel_major;
	unsigned int kernel_minor;
	char cpu[CLI_FACT_MAX];
	bool intel;
	bool amd;
	bool vmx;
	bool svm;
	bool hypervisor; /* we are in a virtual machine */
	bool avx;
	bool avx2;
	bool avx512;
	bool fsgsbase;
	char product[CLI_FACT_MAX]; /* what the firmware calls the machine */
	bool container;
	struct cli_module kvm;
	struct cli_module kvm_intel;
	struct cli_module kvm_amd;
	struct cli_module kvm_pvm;
	struct cli_device dev_kvm;
	struct cli_device dev_mshv;
	char huge_pages[32]; /* "madvise" */
	char overcommit[8];
	char memlock[32];
	uint32_t uid;
	char user[CLI_FACT_MAX];
	bool in_group;	      /* this process: of /dev/kvm's group */
	bool listed_in_group; /* the user, in /etc/group */
	bool group_has_name;  /* /dev/kvm's group is in /etc/group */
	bool has_kvm_group;   /* so is one that is called kvm */
	mote_backend_info backends[CLI_BACKENDS_MAX];
	char backend_names[CLI_BACKENDS_MAX][16];
	size_t backend_count;
};

/*
 * root is "" for this machine. Otherwise the backends, the user and the
 * kernel are read from root/mote-facts, because a folder cannot stand in
 * for system calls. Lines:
 *	backend NAME REASON ERRNO TEXT	mote_backend_reason, errno
 *	kernel RELEASE
 *	machine NAME
 *	user UID NAME
 *	groups GID GID ...
 */
void cli_facts_read(const char *root, struct cli_facts *facts);

#endif
