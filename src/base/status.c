/*
 * The public name and text functions: the tables of error.h and value.h.
 */
#include <mote/error.h>
#include <mote/value.h>
#include <mote/version.h>

const char *mote_status_name(mote_status status)
{
#define CASE(name, number, poisons, text) \
	case MOTE_##name:                 \
		return "MOTE_" #name;
	switch (status) {
		MOTE_STATUS_MAP(CASE)
	}
#undef CASE
	return "MOTE_E_UNKNOWN";
}

const char *mote_status_text(mote_status status)
{
#define CASE(name, number, poisons, text) \
	case MOTE_##name:                 \
		return text;
	switch (status) {
		MOTE_STATUS_MAP(CASE)
	}
#undef CASE
	return "unknown status";
}

const char *mote_fault_text(mote_fault_kind kind)
{
#define CASE(name, number, text)   \
	case MOTE_FAULT_##name:    \
		return text;
	switch (kind) {
		MOTE_FAULT_MAP(CASE)
	}
#undef CASE
	return "unknown fault";
}

const char *mote_type_name(mote_type type)
{
#define CASE(name, number, letter, text) \
	case MOTE_TYPE_##name:           \
		return text;
	switch (type) {
		MOTE_TYPE_MAP(CASE)
	}
#undef CASE
	return "?";
}

uint32_t mote_version(void)
{
	return MOTE_VERSION;
}

const char *mote_version_string(void)
{
	return MOTE_VERSION_STRING;
}
