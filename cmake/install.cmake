# An installed tree that find_package(cobra) understands: cobra::cobra is the whole engine.
include(CMakePackageConfigHelpers)

get_property(COBRA_ROOMS GLOBAL PROPERTY COBRA_ROOMS)
list(REMOVE_ITEM COBRA_ROOMS cobra_cli cobra_data cobra_eval cobra_scenes cobra_bench cobra_chart)  # the program's own; not part of the library

add_library(cobra_engine INTERFACE)
set_target_properties(cobra_engine PROPERTIES EXPORT_NAME cobra)
target_include_directories(cobra_engine INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(cobra_engine INTERFACE cxx_std_20)
target_link_libraries(cobra_engine INTERFACE cobra_runtime)
add_library(cobra::cobra ALIAS cobra_engine)

install(TARGETS cobra_engine ${COBRA_ROOMS} EXPORT cobraTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS cobra RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${PROJECT_SOURCE_DIR}/models/cobra-tiny.gguf DESTINATION ${CMAKE_INSTALL_DATADIR}/cobra/models)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/cobra DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cobra)
install(EXPORT cobraTargets NAMESPACE cobra:: DESTINATION ${package_dir})
install(FILES ${PROJECT_SOURCE_DIR}/cmake/cobraConfig.cmake ${PROJECT_SOURCE_DIR}/cmake/dependencies.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/cobraConfigVersion.cmake DESTINATION ${package_dir})
write_basic_package_version_file(cobraConfigVersion.cmake COMPATIBILITY SameMinorVersion)
