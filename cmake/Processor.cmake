# MOTE_PROCESSOR: the machine that all this is built for, by the name that its
# folder of src/arch has. What differs: src/hv/kvm, and tests that look into it.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
	set(MOTE_PROCESSOR aarch64)
else()
	set(MOTE_PROCESSOR amd64)
endif()
