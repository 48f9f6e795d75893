# A room is one folder under src/: a static library of its *.cc files and, where *_test.cc files stand beside them,
# one test program. A room may include only the rooms it names in DEPS (tests/include_graph_test.py checks the includes).

# Warnings, and no fused multiply-add that the source does not ask for: rounding is the same on every machine. GCC 12's
# maybe-uninitialized sees ghosts in std::vector at -O3.
add_library(cobra_warnings INTERFACE)
target_compile_options(cobra_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-unknown-pragmas
                                                $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> -ffp-contract=off
                                                $<$<BOOL:${COBRA_WERROR}>:-Werror>)

# For code that takes longer to compile than to run: a third of the time, for next to no speed.
set(COBRA_QUICK_TO_COMPILE $<$<CONFIG:Release>:-O1>)

# cobra_room(name DEPS room... LIBS library...)
function(cobra_room name)
  cmake_parse_arguments(ROOM "" "" "DEPS;LIBS;TEST_LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ROOM_DEPS PREPEND cobra_)

  add_library(cobra_${name} STATIC ${sources})
  target_include_directories(cobra_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                                                  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  target_link_libraries(cobra_${name} PUBLIC ${ROOM_DEPS} PRIVATE $<BUILD_INTERFACE:cobra_warnings> ${ROOM_LIBS})
  set_property(GLOBAL APPEND PROPERTY COBRA_ROOMS cobra_${name})

  if(COBRA_TESTS AND tests)
    cobra_test(${name}_test ${tests} LIBS cobra_${name} ${ROOM_TEST_LIBS})
  endif()
endfunction()

# cobra_test(name source... LIBS library...): a GoogleTest program whose cases ctest lists one by one.
function(cobra_test name)
  cmake_parse_arguments(TEST "" "" "LIBS" ${ARGN})
  add_executable(${name} ${TEST_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE COBRA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_compile_options(${name} PRIVATE ${COBRA_QUICK_TO_COMPILE})
  target_link_libraries(${name} PRIVATE ${TEST_LIBS} cobra_warnings GTest::gtest GTest::gtest_main GTest::gmock)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
endfunction()
