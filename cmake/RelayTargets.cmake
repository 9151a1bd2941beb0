# Flags for the project's own code; they never reach generated or installed code.
add_library(relay_flags INTERFACE)
target_compile_options(relay_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi
  -Wold-style-cast -Wimplicit-fallthrough
  $<$<BOOL:${RELAY_WERROR}>:-Werror>)

# Links several times faster than ld where it is installed.
find_program(RELAY_MOLD mold)
if(RELAY_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# relay_library(log SRCS a.cc HDRS a.h DEPS relay::base absl::status)
function(relay_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;HDRS;DEPS")
  add_library(relay_${name} STATIC ${arg_SRCS})
  add_library(relay::${name} ALIAS relay_${name})
  target_sources(relay_${name} PUBLIC FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${arg_HDRS})
  target_link_libraries(relay_${name} PUBLIC ${arg_DEPS} PRIVATE relay_flags)
  set_target_properties(relay_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()

# relay_binary(envelope-relay SRCS main.cc DEPS relay::server)
function(relay_binary name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS")
  add_executable(${name} ${arg_SRCS})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} relay_flags)
endfunction()

# relay_test(log_unit_test LABEL unit SRCS a_test.cc DEPS relay::log [SERIAL] [TIMEOUT 120])
#
# Every TEST of the sources becomes a test of ctest. SERIAL keeps others from
# running beside it, for tests that measure memory or load the whole machine.
function(relay_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "LABEL;TIMEOUT" "SRCS;DEPS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SRCS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main relay_flags)
  set(serial)
  if(arg_SERIAL)
    set(serial RUN_SERIAL TRUE)
  endif()
  # unit_tests, integration_tests: all programs with that label.
  if(NOT TARGET ${arg_LABEL}_tests)
    add_custom_target(${arg_LABEL}_tests)
  endif()
  add_dependencies(${arg_LABEL}_tests ${name})
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} ${serial})
endfunction()
