/*
 * Makes a program's engines copy pages in another way: the linker sends its
 * mote_engine_new() here. MOTE_TEST_MEMORY is what mote_engine_options.memory
 * becomes where a test leaves it alone, or unset.
 */
#include <stdlib.h>

#include <mote/mote.h>

mote_status __real_mote_engine_new(const mote_engine_options *options,
				   mote_engine **engine, mote_error *err);
mote_status __wrap_mote_engine_new(const mote_engine_options *options,
				   mote_engine **engine, mote_error *err);

mote_status __wrap_mote_engine_new(const mote_engine_options *options,
				   mote_engine **engine, mote_error *err)
{
	mote_engine_options changed = MOTE_ENGINE_OPTIONS_INIT;
	const char *memory = getenv("MOTE_TEST_MEMORY");

	if (options)
		changed = *options;
	/* One of another size is about that, and one that has it knows why. */
	if (!memory || !*memory || changed.struct_size != sizeof(changed) ||
	    changed.memory)
		return __real_mote_engine_new(options, engine, err);
	changed.memory = memory;
	return __real_mote_engine_new(&changed, engine, err);
}
