# What `cmake --install` puts in place: the programs, the protos, and the client
# library as a CMake package, EnvelopeRelay::client.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/EnvelopeRelay)

install(TARGETS envelope-relay envelopectl RUNTIME)
install(DIRECTORY proto/enveloperelay/v1
  DESTINATION ${CMAKE_INSTALL_DATADIR}/enveloperelay/proto/enveloperelay)

install(TARGETS enveloperelay_client relay_proto EXPORT EnvelopeRelayTargets
  ARCHIVE FILE_SET HEADERS)
install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/generated/enveloperelay/v1
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/enveloperelay FILES_MATCHING PATTERN "*.h")
install(EXPORT EnvelopeRelayTargets NAMESPACE EnvelopeRelay:: DESTINATION ${package_dir})
configure_package_config_file(cmake/EnvelopeRelayConfig.cmake.in
  ${PROJECT_BINARY_DIR}/EnvelopeRelayConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/EnvelopeRelayConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/EnvelopeRelayConfig.cmake
  ${PROJECT_BINARY_DIR}/EnvelopeRelayConfigVersion.cmake DESTINATION ${package_dir})
