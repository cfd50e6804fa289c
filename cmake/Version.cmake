# mote_version, from the one place that states it; for this project and that
# of the guest SDK.
set(version_header "${CMAKE_CURRENT_LIST_DIR}/../include/mote/version.h")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
	"${version_header}")
file(STRINGS "${version_header}" version_line
	REGEX "^#define MOTE_VERSION_STRING ")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" mote_version "${version_line}")
