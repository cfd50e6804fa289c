# Functions that tests/ and fuzz/ are written with.
#
# Labels:
#	full	too slow for every commit
#	soak	hours
#	quick	neither of the two; added here, never written
#	once	does not depend on compiler or sanitizers: only run in dev
# Others (unit, vm, cli, check, install, fuzz) name the part that is tested.

# mote_add_test(NAME SOURCES FILE... [LABELS LABEL...] [GUESTS TARGET...]
#               [LIBRARIES TARGET...] [TIMEOUT SECONDS] [SERIAL])
#
# A cmocka program linked with the static library, so that it may call
# internal functions. For each of GUESTS (made with mote_add_guest) the
# macro GUEST_<target> is the path of its file, '-' and '.' turned into '_'.
# SERIAL: the test measures time and must run alone.
function(mote_add_test name)
	cmake_parse_arguments(PARSE_ARGV 1 test
		"SERIAL" "TIMEOUT" "SOURCES;LABELS;GUESTS;LIBRARIES")
	if(test_UNPARSED_ARGUMENTS)
		message(FATAL_ERROR
			"mote_add_test ${name}: ${test_UNPARSED_ARGUMENTS}?")
	endif()
	if(NOT test_TIMEOUT)
		set(test_TIMEOUT 60)
	endif()
	add_executable(${name} ${test_SOURCES})
	target_include_directories(${name} PRIVATE
		"${PROJECT_SOURCE_DIR}/src"
		"${PROJECT_SOURCE_DIR}"
		"${PROJECT_SOURCE_DIR}/tests")
	target_link_libraries(${name} PRIVATE
		mote_static mote_flags PkgConfig::CMOCKA ${test_LIBRARIES})
	foreach(guest IN LISTS test_GUESTS)
		string(MAKE_C_IDENTIFIER "GUEST_${guest}" macro)
		get_target_property(file ${guest} MOTE_GUEST_FILE)
		target_compile_definitions(${name} PRIVATE
			"${macro}=\"${file}\"")
		add_dependencies(${name} ${guest})
	endforeach()
	if(TARGET mote-soft)
		mote_link_soft("${CMAKE_CURRENT_BINARY_DIR}")
		add_dependencies(${name} mote-soft)
	endif()
	add_test(NAME ${name} COMMAND ${name})
	mote_test_properties(${name} "${test_TIMEOUT}" "${test_SERIAL}"
		${test_LABELS})
endfunction()

# mote_add_script_test(NAME COMMAND ARG... [LABELS LABEL...]
#                      [ENVIRONMENT NAME=VALUE...] [TIMEOUT SECONDS] [SERIAL])
#
# Any other program: 0 is passed, 77 is skipped.
function(mote_add_script_test name)
	cmake_parse_arguments(PARSE_ARGV 1 test
		"SERIAL" "TIMEOUT" "COMMAND;LABELS;ENVIRONMENT")
	if(NOT test_TIMEOUT)
		set(test_TIMEOUT 60)
	endif()
	add_test(NAME ${name} COMMAND ${test_COMMAND})
	mote_test_properties(${name} "${test_TIMEOUT}" "${test_SERIAL}"
		${test_LABELS})
	set_property(TEST ${name} APPEND PROPERTY
		ENVIRONMENT ${test_ENVIRONMENT})
endfunction()

# MOTE_REQUIRE_HV=kvm in ctest's own environment reaches every test: tests
# that would skip for want of a hypervisor then fail.
function(mote_test_properties name timeout serial)
	set(labels ${ARGN})
	if(NOT "full" IN_LIST labels AND NOT "soak" IN_LIST labels)
		list(APPEND labels quick)
	endif()
	set_tests_properties(${name} PROPERTIES
		LABELS "${labels}"
		TIMEOUT "${timeout}"
		SKIP_RETURN_CODE 77
		RUN_SERIAL "${serial}"
		ENVIRONMENT "ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=1;UBSAN_OPTIONS=print_stacktrace=1")
endfunction()
