# MOTE_PROCESSOR: the machine that all this is built for, by the name that its
# folder of src/arch has. What differs: src/hv/kvm, and tests that look into it.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
	set(MOTE_PROCESSOR aarch64)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
	set(MOTE_PROCESSOR amd64)
else()
	message(FATAL_ERROR "Mote knows no processor "
		"\"${CMAKE_SYSTEM_PROCESSOR}\": x86_64 and aarch64")
endif()
