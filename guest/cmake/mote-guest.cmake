# CMake toolchain for Mote guests:
#	cmake -DCMAKE_TOOLCHAIN_FILE=<SDK>/cmake/mote-guest.cmake ...
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

# In the build tree, in the SDK itself, and installed.
find_program(MOTE_CC_PROGRAM mote-cc
	HINTS
		"${CMAKE_CURRENT_LIST_DIR}/../bin"
		"${CMAKE_CURRENT_LIST_DIR}/../../bin"
		"${CMAKE_CURRENT_LIST_DIR}/../../../../bin"
	NO_CMAKE_FIND_ROOT_PATH REQUIRED)
set(CMAKE_C_COMPILER "${MOTE_CC_PROGRAM}")
set(CMAKE_EXECUTABLE_SUFFIX_C ".elf")

# Programs run here; headers, libraries and packages are the guest's.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
if(NOT CMAKE_FIND_ROOT_PATH)
	get_filename_component(CMAKE_FIND_ROOT_PATH
		"${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
endif()
