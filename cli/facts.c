/*
 * See facts.h. What cannot be read is left empty: a doctor has to work on
 * broken machines.
 */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "text.h"

#define GROUPS_MAX 1024

struct reader {
	const char *root;
	struct cli_facts *facts;
	gid_t groups[GROUPS_MAX];
	size_t group_count;
};

static void path_of(const struct reader *reader, const char *name, char *path,
		    size_t capacity)
{
	snprintf(path, capacity, "%s%s", reader->root, name);
}

/* The first bytes of a file, NUL-terminated; "" if it cannot be read. */
static void read_head(const struct reader *reader, const char *name, char *out,
		      size_t capacity)
{
	char path[4096];
	size_t used = 0;
	ssize_t got;
	int fd;

	out[0] = '\0';
	path_of(reader, name, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return;
	while (used < capacity - 1) {
		got = read(fd, out + used, capacity - 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	out[used] = '\0';
	close(fd);
}

/* The first line, without what a terminal should not get. */
static void read_line(const struct reader *reader, const char *name, char *out,
		      size_t capacity)
{
	char head[512];
	struct cli_text text;

	read_head(reader, name, head, sizeof(head));
	cli_text_init(&text, out, capacity);
	cli_text_clean(&text, head, strcspn(head, "\n"));
}

static bool exists(const struct reader *reader, const char *name)
{
	char path[4096];

	path_of(reader, name, path, sizeof(path));
	return access(path, F_OK) == 0;
}

/* The value of "key\t: value" in /proc/cpuinfo; "" if there is none. */
static void cpuinfo_value(const char *cpuinfo, const char *key, char *out,
			  size_t capacity)
{
	size_t length = strlen(key);
	struct cli_text text;

	cli_text_init(&text, out, capacity);
	while (cpuinfo && *cpuinfo) {
		const char *colon = cpuinfo + length;

		if (strncmp(cpuinfo, key, length) == 0) {
			colon += strspn(colon, " \t");
			if (*colon == ':') {
				colon += 1 + strspn(colon + 1, " \t");
				cli_text_clean(&text, colon,
					       strcspn(colon, "\n"));
				return;
			}
		}
		cpuinfo = strchr(cpuinfo, '\n');
		if (cpuinfo)
			cpuinfo++;
	}
}

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	while (*words) {
		size_t next = strcspn(words, " ");

		if (next == length && memcmp(words, word, length) == 0)
			return true;
		words += next;
		words += strspn(words, " ");
	}
	return false;
}

static void read_cpu(struct reader *reader)
{
	struct cli_facts *facts = reader->facts;
	char *cpuinfo = malloc(65536);
	char *flags = malloc(16384);
	char vendor[64];

	if (!cpuinfo || !flags)
		goto out;
	read_head(reader, "/proc/cpuinfo", cpuinfo, 65536);
	cpuinfo_value(cpuinfo, "model name", facts->cpu, sizeof(facts->cpu));
	cpuinfo_value(cpuinfo, "vendor_id", vendor, sizeof(vendor));
	cpuinfo_value(cpuinfo, "flags", flags, 16384);
	facts->intel = strcmp(vendor, "GenuineIntel") == 0;
	facts->amd = strcmp(vendor, "AuthenticAMD") == 0 ||
		     strcmp(vendor, "HygonGenuine") == 0;
	facts->vmx = has_word(flags, "vmx");
	facts->svm = has_word(flags, "svm");
	facts->hypervisor = has_word(flags, "hypervisor");
	facts->avx = has_word(flags, "avx");
	facts->avx2 = has_word(flags, "avx2");
	facts->avx512 = has_word(flags, "avx512f");
	facts->fsgsbase = has_word(flags, "fsgsbase");
out:
	free(cpuinfo);
	free(flags);
}

static void read_module(struct reader *reader, const char *name,
			struct cli_module *module)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	module->loaded = exists(reader, path);
	snprintf(path, sizeof(path), "/sys/module/%s/parameters/nested", name);
	read_line(reader, path, module->nested, sizeof(module->nested));
}

/* The name of a user or group of that number, from the local files. */
static void user_name(const struct reader *reader, uint32_t uid, char *out)
{
	char path[4096];
	struct passwd *entry;
	FILE *file;

	snprintf(out, CLI_FACT_MAX, "%u", uid);
	path_of(reader, "/etc/passwd", path, sizeof(path));
	file = fopen(path, "re");
	if (!file)
		return;
	while ((entry = fgetpwent(file)) != NULL) {
		if (entry->pw_uid != uid)
			continue;
		snprintf(out, CLI_FACT_MAX, "%s", entry->pw_name);
		break;
	}
	fclose(file);
}

static bool is_member(const struct group *entry, const char *user)
{
	for (char **name = entry->gr_mem; *name; name++) {
		if (strcmp(*name, user) == 0)
			return true;
	}
	return false;
}

/* The groups: kvm, that of /dev/kvm, and whether the user is in it. */
static void read_group(struct reader *reader, struct cli_device *device)
{
	struct cli_facts *facts = reader->facts;
	char path[4096];
	struct group *entry;
	FILE *file;

	if (device->present)
		snprintf(device->group, sizeof(device->group), "%u",
			 device->gid);
	for (size_t i = 0; i < reader->group_count; i++) {
		if (device->present && reader->groups[i] == device->gid)
			facts->in_group = true;
	}
	path_of(reader, "/etc/group", path, sizeof(path));
	file = fopen(path, "re");
	if (!file)
		return;
	while ((entry = fgetgrent(file)) != NULL) {
		if (strcmp(entry->gr_name, "kvm") == 0)
			facts->has_kvm_group = true;
		if (entry->gr_gid != device->gid || !device->present ||
		    facts->group_has_name)
			continue;
		snprintf(device->group, sizeof(device->group), "%s",
			 entry->gr_name);
		facts->listed_in_group = is_member(entry, facts->user);
		facts->group_has_name = true;
	}
	fclose(file);
}

static void read_device(struct reader *reader, const char *name,
			struct cli_device *device)
{
	char path[4096];
	struct stat about;

	path_of(reader, name, path, sizeof(path));
	if (stat(path, &about) != 0)
		return;
	device->present = true;
	/* A folder for tests holds plain files. */
	device->character = S_ISCHR(about.st_mode) || reader->root[0] != '\0';
	device->mode = about.st_mode & 07777;
	device->uid = about.st_uid;
	device->gid = about.st_gid;
	user_name(reader, device->uid, device->owner);
}

/* "always [madvise] never" -> "madvise" */
static void read_huge_pages(struct reader *reader)
{
	char line[128];
	const char *open;

	read_line(reader, "/sys/kernel/mm/transparent_hugepage/enabled", line,
		  sizeof(line));
	open = strchr(line, '[');
	if (open)
		snprintf(reader->facts->huge_pages,
			 sizeof(reader->facts->huge_pages), "%.*s",
			 (int)strcspn(open + 1, "]"), open + 1);
}

/* "Max locked memory         8388608              8388608   bytes" */
static void read_memlock(struct reader *reader)
{
	static const char key[] = "Max locked memory";
	char limits[4096];
	const char *line;

	read_head(reader, "/proc/self/limits", limits, sizeof(limits));
	line = strstr(limits, key);
	if (!line)
		return;
	line += sizeof(key) - 1;
	line += strspn(line, " ");
	snprintf(reader->facts->memlock, sizeof(reader->facts->memlock), "%.*s",
		 (int)strcspn(line, " \n"), line);
}

static void ask_system(struct reader *reader)
{
	struct cli_facts *facts = reader->facts;
	struct utsname name;
	int count;

	if (uname(&name) == 0) {
		snprintf(facts->kernel, sizeof(facts->kernel), "%s",
			 name.release);
		snprintf(facts->machine, sizeof(facts->machine), "%s",
			 name.machine);
	}
	facts->uid = geteuid();
	user_name(reader, facts->uid, facts->user);
	count = getgroups(GROUPS_MAX - 1, reader->groups);
	reader->group_count = count > 0 ? (size_t)count : 0;
	reader->groups[reader->group_count++] = getegid();
	for (size_t i = 0; i < mote_backend_count(); i++) {
		mote_backend_info *info =
			&facts->backends[facts->backend_count];

		if (facts->backend_count == CLI_BACKENDS_MAX)
			break;
		*info = (mote_backend_info)MOTE_BACKEND_INFO_INIT;
		if (mote_backend_probe(i, info, NULL) == MOTE_OK)
			facts->backend_count++;
	}
}

static void fake_backend(struct cli_facts *facts, const char *line)
{
	mote_backend_info *info = &facts->backends[facts->backend_count];
	char *name = facts->backend_names[facts->backend_count];

	if (facts->backend_count == CLI_BACKENDS_MAX)
		return;
	*info = (mote_backend_info)MOTE_BACKEND_INFO_INIT;
	if (sscanf(line, "%15s %u %d %255[^\n]", name, &info->reason,
		   &info->os_errno, info->text) < 3)
		return;
	info->name = name;
	facts->backend_count++;
}

static void fake_groups(struct reader *reader, const char *line)
{
	char *end;

	while (reader->group_count < GROUPS_MAX) {
		unsigned long gid = strtoul(line, &end, 10);

		if (end == line)
			return;
		reader->groups[reader->group_count++] = (gid_t)gid;
		line = end;
	}
}

static void fake_system(struct reader *reader)
{
	struct cli_facts *facts = reader->facts;
	char head[4096];
	char *rest = head;
	char *line;

	read_head(reader, "/mote-facts", head, sizeof(head));
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "backend ", 8) == 0)
			fake_backend(facts, line + 8);
		else if (strncmp(line, "groups ", 7) == 0)
			fake_groups(reader, line + 7);
		else if (strncmp(line, "user ", 5) == 0)
			(void)sscanf(line + 5, "%u %127s", &facts->uid,
				     facts->user);
		else if (strncmp(line, "kernel ", 7) == 0)
			(void)sscanf(line + 7, "%127s", facts->kernel);
		else if (strncmp(line, "machine ", 8) == 0)
			(void)sscanf(line + 8, "%127s", facts->machine);
	}
}

static bool in_container(const struct reader *reader)
{
	char line[64];

	if (exists(reader, "/.dockerenv") ||
	    exists(reader, "/run/.containerenv") ||
	    exists(reader, "/var/run/secrets/kubernetes.io"))
		return true;
	read_line(reader, "/run/systemd/container", line, sizeof(line));
	return line[0] != '\0';
}

void cli_facts_read(const char *root, struct cli_facts *facts)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	memset(facts, 0, sizeof(*facts));
	if (!reader)
		return;
	reader->root = root;
	reader->facts = facts;
	if (root[0])
		fake_system(reader);
	else
		ask_system(reader);
	(void)sscanf(facts->kernel, "%u.%u", &facts->kernel_major,
		     &facts->kernel_minor);
	read_cpu(reader);
	read_line(reader, "/sys/class/dmi/id/product_name", facts->product,
		  sizeof(facts->product));
	facts->container = in_container(reader);
	read_module(reader, "kvm", &facts->kvm);
	read_module(reader, "kvm_intel", &facts->kvm_intel);
	read_module(reader, "kvm_amd", &facts->kvm_amd);
	read_module(reader, "kvm_pvm", &facts->kvm_pvm);
	read_device(reader, "/dev/kvm", &facts->dev_kvm);
	read_group(reader, &facts->dev_kvm);
	read_device(reader, "/dev/mshv", &facts->dev_mshv);
	read_huge_pages(reader);
	read_line(reader, "/proc/sys/vm/overcommit_memory", facts->overcommit,
		  sizeof(facts->overcommit));
	read_memlock(reader);
	free(reader);
}
