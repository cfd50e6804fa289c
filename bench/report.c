#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"

#define MACHINE_MAX 256

/* The processor's name, or what uname calls it. */
static void cpu_name(char *name, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	struct utsname uts;
	char line[256];

	name[0] = '\0';
	while (file && !name[0] && fgets(line, sizeof(line), file)) {
		const char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !value)
			continue;
		snprintf(name, size, "%s", value + 1 + strspn(value + 1, " "));
		name[strcspn(name, "\n")] = '\0';
	}
	if (file)
		fclose(file);
	if (!name[0] && uname(&uts) == 0)
		snprintf(name, size, "%s", uts.machine);
}

/* Which of KVM's modules does the work. */
static const char *hypervisor(void)
{
	static const char *const names[] = { "kvm_pvm", "kvm_amd",
					     "kvm_intel" };
	char path[64];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", names[i]);
		if (access(path, F_OK) == 0)
			return names[i];
	}
	return "kvm";
}

static void machine(char text[MACHINE_MAX])
{
	struct utsname uts;
	char cpu[128];
	int major = 0;
	int minor = 0;

	cpu_name(cpu, sizeof(cpu));
	if (uname(&uts) != 0 ||
	    sscanf(uts.release, "%d.%d", &major, &minor) != 2)
		major = 0;
	snprintf(text, MACHINE_MAX, "%s, %ld CPUs, Linux %d.%d, %s", cpu,
		 sysconf(_SC_NPROCESSORS_ONLN), major, minor, hypervisor());
}

static void print_row(const struct bench_figure *figure, FILE *out)
{
	const struct bench_stat *stat = &figure->stat;
	const char *verdict = "";
	char goal[32] = "";
	int digits = stat->median < 10 ? 3 : 1;

	if (figure->goal > 0) {
		bool good = figure->at_least ? stat->median >= figure->goal :
					       stat->median <= figure->goal;

		snprintf(goal, sizeof(goal), "%s%.4g",
			 figure->at_least ? ">" : "", figure->goal);
		verdict = good ? "ok" : figure->at_least ? "under" : "over";
	}
	fprintf(out, "%-17s %9.*f %9.*f %9.*f %-3s %6zu %6s %-5s %s\n",
		figure->name, digits, stat->median, digits, stat->low, digits,
		stat->high, figure->unit, stat->samples, goal, verdict,
		figure->text);
}

void bench_print_table(const struct bench *bench, FILE *out)
{
	char text[MACHINE_MAX];
	int pass;
	size_t i;

	machine(text);
	fprintf(out, "%s\n", text);
	fprintf(out, "low, high: 95 %% bootstrap interval of the median%s\n\n",
		bench->options.quick ? "; --quick: too few samples to quote"
				     : "");
	for (pass = 0; pass < 2; pass++) {
		fprintf(out, "%s%-17s %9s %9s %9s %-3s %6s %6s\n",
			pass ? "\n" : "", pass ? "for reading" : "ratio",
			"median", "low", "high", "", "n", pass ? "" : "goal");
		for (i = 0; i < bench->figure_count; i++)
			if (bench->figures[i].is_ratio == (pass == 0))
				print_row(&bench->figures[i], out);
	}
}

static void print_string(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void print_figures(const struct bench *bench, bool ratios, FILE *out)
{
	const char *comma = "";
	size_t i;

	for (i = 0; i < bench->figure_count; i++) {
		const struct bench_figure *figure = &bench->figures[i];

		if (figure->is_ratio != ratios)
			continue;
		fprintf(out, "%s\n    ", comma);
		print_string(figure->name, out);
		fprintf(out,
			": {\"median\": %.6g, \"low\": %.6g, \"high\": %.6g, "
			"\"samples\": %zu",
			figure->stat.median, figure->stat.low,
			figure->stat.high, figure->stat.samples);
		if (figure->goal > 0)
			fprintf(out, ", \"%s\": %.6g",
				figure->at_least ? "goal_at_least" : "goal",
				figure->goal);
		if (!ratios) {
			fputs(", \"unit\": ", out);
			print_string(figure->unit, out);
		}
		fputc('}', out);
		comma = ",";
	}
}

void bench_print_json(const struct bench *bench, FILE *out)
{
	char text[MACHINE_MAX];

	machine(text);
	fputs("{\n  \"machine\": ", out);
	print_string(text, out);
	fputs(",\n  \"ratios\": {", out);
	print_figures(bench, true, out);
	fputs("\n  },\n  \"figures\": {", out);
	print_figures(bench, false, out);
	fputs("\n  }\n}\n", out);
}
