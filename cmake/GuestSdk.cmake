# The guest SDK: its own CMake project, because it is built for another
# machine and must not see one flag of the host's build (sanitizers!).
#
# It puts itself together in sdk/ of the build tree, and bin/mote-cc.
# MOTE_SDK_STAMP changes when a file of these does: guests depend on it.

set(MOTE_SDK_DIR "${PROJECT_BINARY_DIR}/sdk")
set(MOTE_SDK_STAMP "${PROJECT_BINARY_DIR}/sdk.sha256")
set(MOTE_GUEST_CC "${PROJECT_BINARY_DIR}/bin/mote-cc")

if(NOT MOTE_GUEST OR NOT EXISTS "${PROJECT_SOURCE_DIR}/guest/CMakeLists.txt")
	return()
endif()

include(ExternalProject)

# A cross build has guests for the machine that it is for.
set(cross_args "")
if(CMAKE_CROSSCOMPILING)
	set(cross_args
		# There is no libc for it to try programs with.
		-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY
		"-DMOTE_MUSL_ROOT=${CMAKE_SYSROOT}"
		-DCMAKE_SYSTEM_NAME=Linux
		"-DCMAKE_SYSTEM_PROCESSOR=${CMAKE_SYSTEM_PROCESSOR}"
		"-DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}")
endif()

ExternalProject_Add(mote-guest
	SOURCE_DIR "${PROJECT_SOURCE_DIR}/guest"
	BINARY_DIR "${PROJECT_BINARY_DIR}/guest"
	STAMP_DIR "${PROJECT_BINARY_DIR}/guest-stamp"
	TMP_DIR "${PROJECT_BINARY_DIR}/guest-stamp/tmp"
	CMAKE_ARGS
		"-DMOTE_SDK_DIR=${MOTE_SDK_DIR}"
		"-DMOTE_SDK_BIN_DIR=${PROJECT_BINARY_DIR}/bin"
		"-DCMAKE_INSTALL_PREFIX=${CMAKE_INSTALL_PREFIX}"
		"-DCMAKE_INSTALL_BINDIR=${CMAKE_INSTALL_BINDIR}"
		-DCMAKE_EXPORT_COMPILE_COMMANDS=ON
		${cross_args}
	# ninja in ninja is a fraction of a second when there is nothing to do.
	BUILD_ALWAYS ON
	BUILD_COMMAND "${CMAKE_COMMAND}" --build <BINARY_DIR>
	COMMAND "${CMAKE_COMMAND}"
		"-DSDK=${MOTE_SDK_DIR}"
		"-DCC=${MOTE_GUEST_CC}"
		"-DSTAMP=${MOTE_SDK_STAMP}"
		-P "${PROJECT_SOURCE_DIR}/cmake/StampSdk.cmake"
	BUILD_BYPRODUCTS "${MOTE_SDK_STAMP}" "${MOTE_GUEST_CC}"
	INSTALL_COMMAND ""
	LOG_CONFIGURE ON
	LOG_MERGED_STDOUTERR ON
	LOG_OUTPUT_ON_FAILURE ON)

# The same for aarch64, where there is a compiler for it and Debian's musl
# ("tools/arm64-sysroot cross" puts that into build/cross). It adds to the SDK
# of mote-guest.
set(MOTE_CROSS "${PROJECT_SOURCE_DIR}/build/cross/aarch64" CACHE PATH
	"Where Debian's musl-dev for aarch64 is unpacked")
find_program(MOTE_AARCH64_CC aarch64-linux-gnu-gcc)
if(MOTE_AARCH64_CC AND NOT MOTE_PROCESSOR STREQUAL "aarch64" AND
	(EXISTS "${MOTE_CROSS}/usr/lib/aarch64-linux-musl/libc.a" OR
	EXISTS "/usr/lib/aarch64-linux-musl/libc.a"))
	ExternalProject_Add(mote-guest-aarch64
		SOURCE_DIR "${PROJECT_SOURCE_DIR}/guest"
		BINARY_DIR "${PROJECT_BINARY_DIR}/guest-aarch64"
		STAMP_DIR "${PROJECT_BINARY_DIR}/guest-aarch64-stamp"
		TMP_DIR "${PROJECT_BINARY_DIR}/guest-aarch64-stamp/tmp"
		CMAKE_ARGS
			"-DMOTE_SDK_DIR=${MOTE_SDK_DIR}"
			-DMOTE_SDK_SECOND=ON
			# There is no libc for it to try programs with.
			-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY
			"-DMOTE_MUSL_ROOT=${MOTE_CROSS}"
			-DCMAKE_SYSTEM_NAME=Linux
			-DCMAKE_SYSTEM_PROCESSOR=aarch64
			"-DCMAKE_C_COMPILER=${MOTE_AARCH64_CC}"
		BUILD_ALWAYS ON
		BUILD_COMMAND "${CMAKE_COMMAND}" --build <BINARY_DIR>
		INSTALL_COMMAND ""
		LOG_CONFIGURE ON
		LOG_MERGED_STDOUTERR ON
		LOG_OUTPUT_ON_FAILURE ON)
	# Its stamp is of the whole SDK.
	add_dependencies(mote-guest mote-guest-aarch64)
else()
	message(STATUS "Guests for aarch64: no compiler, or no musl-dev of it")
endif()

# mote_add_guest(TARGET SOURCE... [OUTPUT FILE] [FLAGS FLAG...] [HEADERS FILE...])
#
# Builds a guest program with this build's mote-cc, by default into
# TARGET.elf in the current binary directory; for aarch64 with the flag
# --target=aarch64, if there is a target mote-guest-aarch64. The path is the
# target property MOTE_GUEST_FILE.
function(mote_add_guest target)
	cmake_parse_arguments(PARSE_ARGV 1 guest "" "OUTPUT" "FLAGS;HEADERS")
	set(output "${guest_OUTPUT}")
	if(NOT output)
		set(output "${CMAKE_CURRENT_BINARY_DIR}/${target}.elf")
	endif()
	set(sources "")
	foreach(source IN LISTS guest_UNPARSED_ARGUMENTS)
		cmake_path(ABSOLUTE_PATH source
			BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
		list(APPEND sources "${source}")
	endforeach()
	cmake_path(GET output PARENT_PATH folder)
	file(MAKE_DIRECTORY "${folder}")
	add_custom_command(
		OUTPUT "${output}"
		COMMAND "${MOTE_GUEST_CC}" -O2 -g -Wall -Wextra
			${guest_FLAGS} -o "${output}" ${sources}
		DEPENDS ${sources} ${guest_HEADERS} "${MOTE_SDK_STAMP}"
		COMMENT "Building guest ${target}"
		VERBATIM)
	add_custom_target(${target} ALL DEPENDS "${output}")
	add_dependencies(${target} mote-guest)
	set_target_properties(${target} PROPERTIES
		MOTE_GUEST_FILE "${output}")
endfunction()
