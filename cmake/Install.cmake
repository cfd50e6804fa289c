# Everything below the prefix is relocatable: mote.pc and the CMake package
# find the rest from where they lie.
include(CMakePackageConfigHelpers)

install(TARGETS mote_static EXPORT MoteTargets
	ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
	INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS mote_shared EXPORT MoteTargets
	LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
	INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET mote-soft)
	install(TARGETS mote-soft
		LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/mote)
endif()
install(DIRECTORY include/mote DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
	FILES_MATCHING PATTERN "*.h")

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Mote)
install(EXPORT MoteTargets NAMESPACE Mote:: DESTINATION ${package_dir})
configure_package_config_file(cmake/MoteConfig.cmake.in
	"${PROJECT_BINARY_DIR}/MoteConfig.cmake"
	INSTALL_DESTINATION ${package_dir}
	NO_SET_AND_CHECK_MACRO)
# 0.x promises nothing between minor versions.
write_basic_package_version_file(
	"${PROJECT_BINARY_DIR}/MoteConfigVersion.cmake"
	COMPATIBILITY SameMinorVersion)
install(FILES
	"${PROJECT_BINARY_DIR}/MoteConfig.cmake"
	"${PROJECT_BINARY_DIR}/MoteConfigVersion.cmake"
	DESTINATION ${package_dir})

# From the folder of mote.pc to the prefix, so that the file may move.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
	BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig"
	OUTPUT_VARIABLE pc_prefix)
configure_file(cmake/mote.pc.in "${PROJECT_BINARY_DIR}/mote.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/mote.pc"
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET mote-guest)
	# At install time: the prefix may be another than at configure time.
	install(CODE "
		execute_process(
			COMMAND \"${CMAKE_COMMAND}\"
				--install \"${PROJECT_BINARY_DIR}/guest\"
				--prefix \"\${CMAKE_INSTALL_PREFIX}\"
			COMMAND_ERROR_IS_FATAL ANY)")
endif()
if(TARGET mote-guest-aarch64)
	install(CODE "
		execute_process(
			COMMAND \"${CMAKE_COMMAND}\"
				--install \"${PROJECT_BINARY_DIR}/guest-aarch64\"
				--prefix \"\${CMAKE_INSTALL_PREFIX}\"
			COMMAND_ERROR_IS_FATAL ANY)")
endif()

foreach(section IN ITEMS 1 3 7)
	if(IS_DIRECTORY "${PROJECT_SOURCE_DIR}/man/man${section}")
		install(DIRECTORY man/man${section}
			DESTINATION ${CMAKE_INSTALL_MANDIR}
			FILES_MATCHING PATTERN "*.${section}")
	endif()
endforeach()
# With docs/ in its place, so that the links between them work.
install(FILES LICENSE NOTICE README.md CHANGELOG.md CONTRIBUTING.md
	DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES tools/packages.txt DESTINATION ${CMAKE_INSTALL_DOCDIR}/tools)
# PROTOCOL.md refers to them for those who write a runtime of their own.
install(DIRECTORY abi DESTINATION ${CMAKE_INSTALL_DOCDIR}
	FILES_MATCHING PATTERN "*.h")
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
	FILES_MATCHING PATTERN "*.md")
