# Writes the hash of every file below SDK to STAMP if it has changed, and the
# link BIN/mote-cc.
file(GLOB_RECURSE files LIST_DIRECTORIES false RELATIVE "${SDK}" "${SDK}/*")
list(SORT files)
set(text "")
foreach(file IN LISTS files)
	file(SHA256 "${SDK}/${file}" hash)
	string(APPEND text "${hash}  ${file}\n")
endforeach()

set(old "")
if(EXISTS "${STAMP}")
	file(READ "${STAMP}" old)
endif()
if(NOT text STREQUAL old)
	file(WRITE "${STAMP}" "${text}")
endif()

file(MAKE_DIRECTORY "${BIN}")
if(NOT IS_SYMLINK "${BIN}/mote-cc")
	file(CREATE_LINK ../sdk/bin/mote-cc "${BIN}/mote-cc" SYMBOLIC)
endif()
