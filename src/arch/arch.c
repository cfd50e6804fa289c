#include "arch/arch.h"

#include <stdio.h>
#include <string.h>

const struct mti_arch *const mti_archs[] = {
	&mti_arch_amd64,
	&mti_arch_aarch64,
};

const size_t mti_arch_count = sizeof(mti_archs) / sizeof(mti_archs[0]);

const struct mti_arch *mti_arch_find(uint32_t machine)
{
	size_t i;

	for (i = 0; i < mti_arch_count; i++)
		if (mti_archs[i]->machine == machine)
			return mti_archs[i];
	return NULL;
}

const struct mti_arch *mti_arch_named(const char *name)
{
	size_t i;

	for (i = 0; i < mti_arch_count; i++)
		if (strcmp(mti_archs[i]->name, name) == 0)
			return mti_archs[i];
	return NULL;
}

static const struct mti_arch *const bare_archs[] = {
	&mti_arch_i686,
	&mti_arch_amd64,
};

#define BARE_ARCHS (sizeof(bare_archs) / sizeof(bare_archs[0]))

const struct mti_arch *mti_arch_find_bare(uint32_t machine)
{
	size_t i;

	for (i = 0; i < BARE_ARCHS; i++)
		if (bare_archs[i]->machine == machine)
			return bare_archs[i];
	return NULL;
}

const struct mti_arch *mti_arch_named_bare(const char *name)
{
	size_t i;

	for (i = 0; i < BARE_ARCHS; i++)
		if (strcmp(bare_archs[i]->name, name) == 0)
			return bare_archs[i];
	return NULL;
}

uint64_t mti_cpu_state_get(const struct mti_cpu_state *state,
			   enum mti_cpu_part part)
{
	return part < MTI_CPU_WORD_0 ? state->bases[part - MTI_CPU_BASE_0]
				     : state->words[part - MTI_CPU_WORD_0];
}

void mti_cpu_state_set(struct mti_cpu_state *state, enum mti_cpu_part part,
		       uint64_t value)
{
	if (part < MTI_CPU_WORD_0)
		state->bases[part - MTI_CPU_BASE_0] = value;
	else
		state->words[part - MTI_CPU_WORD_0] = (uint32_t)value;
}

void mti_arch_list(char *text, size_t size)
{
	size_t used = 0;
	size_t i;

	text[0] = '\0';
	for (i = 0; i < mti_arch_count && used < size; i++)
		used += (size_t)snprintf(text + used, size - used,
					 "%s%u (%s)", i == 0 ? "" : " or ",
					 mti_archs[i]->machine,
					 mti_archs[i]->title);
}
