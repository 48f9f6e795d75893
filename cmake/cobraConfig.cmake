# find_package(cobra): the engine's libraries and what they link.
set(COBRA_TESTS OFF)
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/cobraTargets.cmake)
