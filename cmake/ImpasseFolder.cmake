# impasse_folder(NAME DIR [FOLDERS folder...] [DEPENDS lib...] [LIBRARIES target...] [SOURCES file...]
#   [TEST_DEPENDS lib...] [TEST_TIMEOUT s])
#   A static library of all *.c in DIR (and in the FOLDERS below it) but *_test.c, and one test for each *_test.c beside
#   them.
#   Its face is a directory that holds nothing but a link to DIR under DIR's own path: `#include "DIR/x.h"` works for
#   those who name NAME in DEPENDS and for nobody else. DEPENDS is PRIVATE, so faces do not travel on.
# impasse_headers(NAME DIR FILES file...)   the same for headers without a library.

function(impasse_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE IMPASSE_VERSION="${PROJECT_VERSION}")
  if(IMPASSE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(IMPASSE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${IMPASSE_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${IMPASSE_SANITIZE})
  endif()
endfunction()

function(impasse_face name dir)
  get_filename_component(parent ${dir} DIRECTORY)
  set(face ${CMAKE_BINARY_DIR}/faces/${name})
  file(MAKE_DIRECTORY ${face}/${parent})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${dir} ${face}/${dir} SYMBOLIC)
endfunction()

function(impasse_folder name dir)
  cmake_parse_arguments(arg "" "TEST_TIMEOUT" "FOLDERS;DEPENDS;LIBRARIES;SOURCES;TEST_DEPENDS" ${ARGN})
  set(full ${CMAKE_SOURCE_DIR}/${dir})
  set(folders ${full})
  foreach(folder IN LISTS arg_FOLDERS)
    list(APPEND folders ${full}/${folder})
  endforeach()
  list(TRANSFORM folders APPEND /*.c OUTPUT_VARIABLE source_patterns)
  list(TRANSFORM folders APPEND /*_test.c OUTPUT_VARIABLE test_patterns)
  impasse_face(${name} ${dir})
  set(sources ${arg_SOURCES})
  if(NOT sources)
    file(GLOB sources CONFIGURE_DEPENDS ${source_patterns})
    list(FILTER sources EXCLUDE REGEX "_test\\.c$")
  endif()
  if(NOT sources) # a folder whose first file is still to be written
    file(WRITE ${CMAKE_BINARY_DIR}/empty_${name}.c "typedef int empty_folder;\n")
    set(sources ${CMAKE_BINARY_DIR}/empty_${name}.c)
  endif()
  add_library(${name} STATIC ${sources})
  impasse_compile_options(${name})
  target_include_directories(${name} PUBLIC ${CMAKE_BINARY_DIR}/faces/${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} ${arg_LIBRARIES})
  if(IMPASSE_TESTS)
    file(GLOB tests CONFIGURE_DEPENDS ${test_patterns})
    foreach(test IN LISTS tests)
      get_filename_component(stem ${test} NAME_WE)
      impasse_test(${name}.${stem} SOURCES ${test} DEPENDS ${name} ${arg_DEPENDS} ${arg_TEST_DEPENDS}
        LIBRARIES ${arg_LIBRARIES} TIMEOUT ${arg_TEST_TIMEOUT})
    endforeach()
  endif()
endfunction()

function(impasse_headers name dir)
  cmake_parse_arguments(arg "" "" "FILES" ${ARGN})
  set(face ${CMAKE_BINARY_DIR}/faces/${name})
  file(MAKE_DIRECTORY ${face}/${dir})
  foreach(header IN LISTS arg_FILES)
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${dir}/${header} ${face}/${dir}/${header} SYMBOLIC)
  endforeach()
  add_library(${name} INTERFACE)
  target_include_directories(${name} INTERFACE ${face})
endfunction()

# impasse_ctest(NAME COMMAND word... [DIRECTORY dir] [ENVIRONMENT x=y...] [LABELS l...] [TIMEOUT s] [FIXTURES property f...]
#   [WAITS])
#   The ctest entry BUILD/NAME, BUILD being the name of the build directory: one ctest runs several builds (see run), and
#   what it knows of a test goes by nothing but the name. Runs in the source tree, for two minutes at most. Two tests that
#   only wait most of the time (WAITS) share a processor: a slot of ctest -j is half a one.
function(impasse_ctest name)
  cmake_parse_arguments(arg "WAITS" "DIRECTORY;TIMEOUT" "COMMAND;ENVIRONMENT;LABELS;FIXTURES" ${ARGN})
  if(NOT arg_DIRECTORY)
    set(arg_DIRECTORY ${CMAKE_SOURCE_DIR})
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  set(slots 2)
  if(arg_WAITS)
    set(slots 1)
  endif()
  get_filename_component(build ${CMAKE_BINARY_DIR} NAME)
  add_test(NAME ${build}/${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${arg_DIRECTORY})
  set_tests_properties(${build}/${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77 PROCESSORS ${slots}
    ENVIRONMENT "${arg_ENVIRONMENT}" LABELS "${arg_LABELS}" ${arg_FIXTURES})
endfunction()

# impasse_test(NAME SOURCES file... [DEPENDS lib...] [LIBRARIES target...] [ENVIRONMENT x=y...] [TIMEOUT s])
#   A cmocka program and its ctest entry of the same name.
function(impasse_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;DEPENDS;LIBRARIES;ENVIRONMENT" ${ARGN})
  string(REPLACE "." "_" program test_${name})
  add_executable(${program} ${arg_SOURCES})
  impasse_compile_options(${program})
  target_link_libraries(${program} PRIVATE ${arg_DEPENDS} ${arg_LIBRARIES} PkgConfig::CMOCKA m)
  impasse_ctest(${name} COMMAND ${program} ENVIRONMENT ${arg_ENVIRONMENT} TIMEOUT ${arg_TIMEOUT})
endfunction()
