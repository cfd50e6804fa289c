# Flags as INTERFACE targets, all linked PRIVATE: a user of the library gets
# none of them.
#
#	mote_warnings	what our own code must be clean of
#	mote_hardening	exploit mitigations
#	mote_sanitizers	MOTE_SANITIZERS and MOTE_COVERAGE

include(CheckCCompilerFlag)

# Appends those of the given flags that the compiler knows.
function(mote_supported_flags out)
	set(flags "")
	foreach(flag IN LISTS ARGN)
		string(MAKE_C_IDENTIFIER "mote_have${flag}" name)
		check_c_compiler_flag(${flag} ${name})
		if(${name})
			list(APPEND flags ${flag})
		endif()
	endforeach()
	set(${out} ${flags} PARENT_SCOPE)
endfunction()

# One quiet line instead of one for every flag.
set(CMAKE_REQUIRED_QUIET ON)

add_library(mote_warnings INTERFACE)
mote_supported_flags(warnings
	-Wall
	-Wextra
	-Wconversion
	-Wshadow
	-Wstrict-prototypes
	-Wmissing-prototypes
	-Wold-style-definition
	-Wformat=2
	-Wundef
	-Wvla
	-Wpointer-arith
	-Wwrite-strings
	-Wredundant-decls
	-Wimplicit-fallthrough
	-Wlogical-op
	-Wduplicated-cond)
# clang: KVM's own structs end in arrays that callers put storage behind.
mote_supported_flags(flexible -Wgnu-variable-sized-type-not-at-end)
if(flexible)
	list(APPEND warnings -Wno-gnu-variable-sized-type-not-at-end)
endif()
if(MOTE_ANALYZER)
	mote_supported_flags(analyzer -fanalyzer)
	list(APPEND warnings ${analyzer})
endif()
if(MOTE_WERROR)
	list(APPEND warnings -Werror)
endif()
target_compile_options(mote_warnings INTERFACE
	$<$<COMPILE_LANGUAGE:C>:${warnings}>)

add_library(mote_sanitizers INTERFACE)
if(MOTE_SANITIZERS)
	set(sanitize
		-fsanitize=${MOTE_SANITIZERS}
		-fno-sanitize-recover=all
		-fno-omit-frame-pointer)
	target_compile_options(mote_sanitizers INTERFACE ${sanitize})
	target_link_options(mote_sanitizers INTERFACE ${sanitize})
endif()
if(MOTE_LIBFUZZER)
	target_compile_options(mote_sanitizers INTERFACE
		-fsanitize=fuzzer-no-link)
endif()
if(MOTE_COVERAGE)
	target_compile_options(mote_sanitizers INTERFACE --coverage)
	target_link_options(mote_sanitizers INTERFACE --coverage)
endif()

# Sanitizers see more without the mitigations: these hide uninitialised
# variables and intercept the functions that they want to intercept.
add_library(mote_hardening INTERFACE)
if(MOTE_HARDENING AND NOT MOTE_SANITIZERS)
	mote_supported_flags(hardening
		-fstack-protector-strong
		-fstack-clash-protection
		-fcf-protection
		-ftrivial-auto-var-init=pattern
		-fno-delete-null-pointer-checks)
	target_compile_options(mote_hardening INTERFACE ${hardening}
		$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
		$<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
	target_link_options(mote_hardening INTERFACE
		-Wl,-z,relro
		-Wl,-z,now
		-Wl,-z,noexecstack)
endif()

# What every C file of the project is compiled with.
add_library(mote_flags INTERFACE)
target_compile_definitions(mote_flags INTERFACE _GNU_SOURCE
	$<$<BOOL:${MOTE_CHECK_RESTORE}>:MOTE_CHECK_RESTORE>)
target_link_libraries(mote_flags INTERFACE
	mote_warnings mote_hardening mote_sanitizers)

unset(CMAKE_REQUIRED_QUIET)
