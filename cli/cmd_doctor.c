/*
 * `mote doctor`: what this machine can do, and what to do about the rest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "diagnose.h"
#include "facts.h"
#include "harden.h"
#include "json.h"
#include "options.h"
#include "personality.h"
#include "terminal.h"

const char cli_doctor_help[] =
	"usage: mote doctor [options]\n"
	"\n"
	"Shows which hypervisors Mote can use on this machine and, where one\n"
	"cannot be used, why and what to do; and, tried with guests of some\n"
	"bytes, what kinds of guests each runs.\n"
	"\n"
	"  -j, --json         print one JSON object\n"
	"      --sysroot DIR  for tests: read /proc, /sys, /dev and /etc\n"
	"                     below DIR, and instead of asking the kernel,\n"
	"                     DIR/mote-facts\n"
	"  -h, --help         print this\n"
	"\n"
	"Exit status: 0 a hypervisor is ready; 5 none is; 2 wrong use.\n";

#define OPTION_SYSROOT 256

/* No errno: the machine is a made-up one. */
#define NOT_TRIED (-1)

struct checkup {
	bool help;
	bool json;
	const char *root;
	struct cli_failure failure;
	struct cli_facts facts;
	bool ready;
	int seccomp; /* of cli_harden_try, or NOT_TRIED */
	/* Of the backends that are ready; a made-up machine has none. */
	bool runs[CLI_BACKENDS_MAX][CLI_PERSONALITIES];
};

static void read_options(struct checkup *it, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "sysroot", required_argument, NULL, OPTION_SYSROOT },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	it->root = "";
	while ((option = cli_next_option(argc, argv, "+:jh", longs,
					 &it->failure)) != -1) {
		if (option == 'j')
			it->json = true;
		else if (option == 'h')
			it->help = true;
		else if (option == OPTION_SYSROOT)
			it->root = optarg;
	}
	if (optind < argc)
		cli_fail(&it->failure, CLI_EXIT_USAGE, MOTE_E_INVALID,
			 "takes no arguments");
}

/* What stands before the backend's own text, which may say the same. */
static const char *reason_words(uint32_t reason)
{
	switch ((mote_backend_reason)reason) {
	case MOTE_BACKEND_READY:
		return "ready";
	case MOTE_BACKEND_NO_DEVICE:
	case MOTE_BACKEND_NO_PERMISSION:
		return "not ready";
	case MOTE_BACKEND_TOO_OLD:
		return "too old";
	case MOTE_BACKEND_BROKEN:
		return "broken";
	}
	return "unknown";
}

#define MISSES_MAX 32

/* What a backend that is ready lacks, by number; NULL: no more. */
static const char *misses(const mote_backend_info *info, size_t number)
{
	mote_backend_info known = MOTE_BACKEND_INFO_INIT;

	if (info->reason != MOTE_BACKEND_READY)
		return NULL;
	for (size_t i = 0; i < mote_backend_count(); i++)
		if (mote_backend_probe(i, &known, NULL) == MOTE_OK &&
		    strcmp(known.name, info->name) == 0)
			return mote_backend_limit(i, number);
	return NULL;
}

/* A made-up machine runs nothing. */
static bool was_tried(const struct checkup *it, size_t backend)
{
	return it->root[0] == '\0' &&
	       it->facts.backends[backend].reason == MOTE_BACKEND_READY;
}

/* The name of another backend that runs it, or NULL. */
static const char *who_else(const struct checkup *it, size_t which)
{
	for (size_t i = 0; i < it->facts.backend_count; i++)
		if (it->runs[i][which])
			return it->facts.backends[i].name;
	return NULL;
}

static void print_guests(const struct checkup *it, size_t backend)
{
	const bool *runs = it->runs[backend];
	const char *word = "runs ";

	if (!was_tried(it, backend))
		return;
	printf("              ");
	for (size_t i = 0; i < CLI_PERSONALITIES; i++) {
		if (!runs[i])
			continue;
		printf("%s%s", word, cli_personality_name(i));
		word = ", ";
	}
	printf("%s\n", word[0] == 'r' ? "runs nothing" : "");
	for (size_t i = 0; i < CLI_PERSONALITIES; i++) {
		const char *other = who_else(it, i);

		if (!runs[i] && other)
			printf("              not %s: use --backend %s\n",
			       cli_personality_name(i), other);
		else if (!runs[i])
			printf("              not %s\n",
			       cli_personality_name(i));
	}
}

static void print_backends(const struct checkup *it)
{
	bool colour = cli_wants_colour(STDOUT_FILENO);
	struct cli_advice advice;

	printf("backends\n");
	for (size_t i = 0; i < it->facts.backend_count; i++) {
		const mote_backend_info *info = &it->facts.backends[i];
		bool ready = info->reason == MOTE_BACKEND_READY;

		printf("  %-10s  %s%s%s%s%s\n", info->name,
		       !colour ? ""
		       : ready ? CLI_GREEN
			       : CLI_RED,
		       reason_words(info->reason), colour ? CLI_PLAIN : "",
		       info->text[0] ? ": " : "", info->text);
		print_guests(it, i);
		for (size_t j = 0; j < MISSES_MAX && misses(info, j); j++)
			printf("              %s\n", misses(info, j));
		cli_diagnose(&it->facts, info, &advice);
		for (size_t j = 0; j < advice.count; j++) {
			bool command = advice.lines[j][0] == '$';

			printf("              %s%s\n", command ? "  " : "",
			       advice.lines[j]);
		}
	}
	if (it->facts.backend_count == 0)
		printf("  none in this build of Mote\n");
}

static void row(const char *name, const char *value)
{
	printf("  %-10s  %s\n", name, value[0] ? value : "unknown");
}

static void print_cpu(const struct cli_facts *facts)
{
	row("CPU", facts->cpu);
	printf("  %-10s ", "features");
	if (facts->vmx)
		printf(" vmx");
	if (facts->svm)
		printf(" svm");
	if (!facts->vmx && !facts->svm)
		printf(" (no vmx, no svm)");
	printf("%s%s%s%s\n", facts->avx ? " avx" : "",
	       facts->avx2 ? " avx2" : "", facts->avx512 ? " avx512" : "",
	       facts->fsgsbase ? " fsgsbase" : " (no fsgsbase)");
	if (facts->hypervisor)
		printf("  %-10s  a virtual machine%s%s\n", "running in",
		       facts->product[0] ? ": " : "", facts->product);
	else if (facts->product[0])
		row("hardware", facts->product);
	if (facts->container)
		row("container", "yes");
}

static void print_module(const char *name, const struct cli_module *module,
			 bool *any)
{
	if (!module->loaded)
		return;
	printf("%s%s", *any ? ", " : "  ", name);
	if (module->nested[0])
		printf(" (nested=%s)", module->nested);
	*any = true;
}

static void print_kernel(const struct cli_facts *facts)
{
	bool new_scan = facts->kernel_major > 6 ||
			(facts->kernel_major == 6 && facts->kernel_minor >= 7);
	bool any = false;

	printf("  %-10s  %s %s\n", "kernel", facts->kernel, facts->machine);
	printf("  %-10s", "modules");
	print_module("kvm", &facts->kvm, &any);
	print_module("kvm_intel", &facts->kvm_intel, &any);
	print_module("kvm_amd", &facts->kvm_amd, &any);
	print_module("kvm_pvm", &facts->kvm_pvm, &any);
	printf("%s\n", any ? "" : "  none of KVM's (it may be built in)");
	printf("  %-10s  %s\n", "dirty scan",
	       new_scan ? "PAGEMAP_SCAN (Linux 6.7)"
			: "/proc/self/pagemap (PAGEMAP_SCAN needs Linux 6.7)");
}

static void print_device(const char *name, const struct cli_device *device)
{
	if (!device->present)
		row(name, "absent");
	else
		printf("  %-10s  mode %04o, owner %s, group %s%s\n", name,
		       device->mode, device->owner,
		       device->group[0] ? device->group : "?",
		       device->character ? "" : " (not a character device!)");
}

static void print_machine(const struct cli_facts *facts)
{
	printf("\nmachine\n");
	print_cpu(facts);
	print_kernel(facts);
	print_device("/dev/kvm", &facts->dev_kvm);
	printf("  %-10s  %s\n", "/dev/mshv",
	       facts->dev_mshv.present
		       ? "present; this version of Mote does not use it"
		       : "absent");
	row("huge pages", facts->huge_pages);
	printf("  %-10s  %s%s\n", "overcommit",
	       facts->overcommit[0] ? facts->overcommit : "unknown",
	       strcmp(facts->overcommit, "2") == 0
		       ? " (large heaps may be refused; see --heap)"
		       : "");
	printf("  %-10s  %s\n", "memlock",
	       facts->memlock[0] ? facts->memlock : "unknown");
}

static void print_seccomp(int error)
{
	if (error == 0)
		row("seccomp", "mote run limits its system calls");
	else if (error == NOT_TRIED)
		row("seccomp", "not tried");
	else if (error == ENOTSUP)
		row("seccomp", "not built into this mote");
	else
		printf("  %-10s  mote run cannot limit its system calls: %s\n",
		       "seccomp", strerror(error));
}

static json_t *json_seccomp(int error)
{
	json_t *object = json_object();

	cli_json_set(object, "built_in", json_boolean(error != ENOTSUP));
	cli_json_set(object, "works", json_boolean(error == 0));
	cli_json_set(object, "errno", json_integer(error));
	return object;
}

static json_t *json_guests(const struct checkup *it, size_t backend)
{
	json_t *object;

	if (!was_tried(it, backend))
		return json_null();
	object = json_object();
	for (size_t i = 0; i < CLI_PERSONALITIES; i++)
		cli_json_set(object, cli_personality_name(i),
			     json_boolean(it->runs[backend][i]));
	return object;
}

static json_t *json_backends(const struct checkup *it)
{
	json_t *list = json_array();
	struct cli_advice advice;

	for (size_t i = 0; i < it->facts.backend_count; i++) {
		const mote_backend_info *info = &it->facts.backends[i];
		json_t *object = json_object();
		json_t *lines = json_array();
		json_t *limits = json_array();

		cli_diagnose(&it->facts, info, &advice);
		for (size_t j = 0; j < advice.count; j++)
			cli_json_append(lines,
					cli_json_text(advice.lines[j],
						      strlen(advice.lines[j])));
		cli_json_set(object, "name", json_string(info->name));
		cli_json_set(object, "ready",
			     json_boolean(info->reason == MOTE_BACKEND_READY));
		cli_json_set(object, "reason",
			     json_string(cli_reason_name(info->reason)));
		cli_json_set(object, "errno", json_integer(info->os_errno));
		cli_json_set(object, "text",
			     cli_json_text(info->text, strlen(info->text)));
		cli_json_set(object, "advice", lines);
		for (size_t j = 0; j < MISSES_MAX && misses(info, j); j++)
			cli_json_append(limits, json_string(misses(info, j)));
		cli_json_set(object, "limits", limits);
		cli_json_set(object, "guests", json_guests(it, i));
		cli_json_append(list, object);
	}
	return list;
}

static json_t *json_text_or_null(const char *text)
{
	return text[0] ? cli_json_text(text, strlen(text)) : json_null();
}

static json_t *json_module(const struct cli_module *module)
{
	json_t *object;

	if (!module->loaded)
		return json_null();
	object = json_object();
	cli_json_set(object, "nested", json_text_or_null(module->nested));
	return object;
}

static json_t *json_device(const struct cli_device *device)
{
	json_t *object;

	if (!device->present)
		return json_null();
	object = json_object();
	cli_json_set(object, "mode", json_sprintf("%04o", device->mode));
	cli_json_set(object, "owner", json_text_or_null(device->owner));
	cli_json_set(object, "group", json_text_or_null(device->group));
	return object;
}

static json_t *json_cpu(const struct cli_facts *facts)
{
	json_t *object = json_object();

	cli_json_set(object, "model", json_text_or_null(facts->cpu));
	cli_json_set(object, "vmx", json_boolean(facts->vmx));
	cli_json_set(object, "svm", json_boolean(facts->svm));
	cli_json_set(object, "hypervisor", json_boolean(facts->hypervisor));
	cli_json_set(object, "avx", json_boolean(facts->avx));
	cli_json_set(object, "avx2", json_boolean(facts->avx2));
	cli_json_set(object, "avx512", json_boolean(facts->avx512));
	cli_json_set(object, "fsgsbase", json_boolean(facts->fsgsbase));
	return object;
}

static json_t *json_machine(const struct checkup *it)
{
	const struct cli_facts *facts = &it->facts;
	json_t *object = json_object();
	json_t *modules = json_object();

	cli_json_set(modules, "kvm", json_module(&facts->kvm));
	cli_json_set(modules, "kvm_intel", json_module(&facts->kvm_intel));
	cli_json_set(modules, "kvm_amd", json_module(&facts->kvm_amd));
	cli_json_set(modules, "kvm_pvm", json_module(&facts->kvm_pvm));
	cli_json_set(object, "architecture", json_text_or_null(facts->machine));
	cli_json_set(object, "kernel", json_text_or_null(facts->kernel));
	cli_json_set(object, "cpu", json_cpu(facts));
	cli_json_set(object, "product", json_text_or_null(facts->product));
	cli_json_set(object, "container", json_boolean(facts->container));
	cli_json_set(object, "modules", modules);
	cli_json_set(object, "dev_kvm", json_device(&facts->dev_kvm));
	cli_json_set(object, "dev_mshv", json_device(&facts->dev_mshv));
	cli_json_set(object, "huge_pages",
		     json_text_or_null(facts->huge_pages));
	cli_json_set(object, "overcommit",
		     json_text_or_null(facts->overcommit));
	cli_json_set(object, "memlock", json_text_or_null(facts->memlock));
	cli_json_set(object, "seccomp",
		     it->seccomp == NOT_TRIED ? json_null() :
						json_seccomp(it->seccomp));
	return object;
}

static int print_json(const struct checkup *it)
{
	json_t *object = json_object();
	int error;

	cli_json_set(object, "error", cli_json_failure(&it->failure));
	if (it->failure.exit == CLI_EXIT_DONE) {
		cli_json_set(object, "ready", json_boolean(it->ready));
		cli_json_set(object, "backends", json_backends(it));
		cli_json_set(object, "machine", json_machine(it));
	}
	error = cli_json_print(object, NULL);
	json_decref(object);
	return error;
}

static int report(const struct checkup *it)
{
	int error = 0;
	int status;

	if (it->json) {
		error = print_json(it);
	} else if (it->failure.exit != CLI_EXIT_DONE) {
		cli_failure_print(&it->failure, "doctor");
	} else {
		print_backends(it);
		print_machine(&it->facts);
		print_seccomp(it->seccomp);
	}
	status = cli_end(&it->failure, "doctor", error);
	return status == CLI_EXIT_DONE && !it->ready ? CLI_EXIT_HOST : status;
}

static void examine(struct checkup *it)
{
	cli_facts_read(it->root, &it->facts);
	it->seccomp = it->root[0] == '\0' ? cli_harden_try() : NOT_TRIED;
	for (size_t i = 0; i < it->facts.backend_count; i++) {
		const mote_backend_info *info = &it->facts.backends[i];

		/* An emulator does not make a machine ready. */
		if (info->reason == MOTE_BACKEND_READY &&
		    strcmp(info->name, "soft") != 0)
			it->ready = true;
		if (was_tried(it, i))
			cli_personalities(info->name, it->runs[i]);
	}
}

int cli_cmd_doctor(int argc, char **argv)
{
	struct checkup *it = calloc(1, sizeof(*it));
	int status;

	if (!it) {
		fputs("mote doctor: out of memory\n", stderr);
		return CLI_EXIT_HOST;
	}
	cli_failure_init(&it->failure);
	read_options(it, argc, argv);
	if (it->help && it->failure.exit == CLI_EXIT_DONE) {
		free(it);
		return cli_print_help(cli_doctor_help);
	}
	if (it->failure.exit == CLI_EXIT_DONE)
		examine(it);
	status = report(it);
	free(it);
	return status;
}
