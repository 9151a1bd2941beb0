// The installed package, used by a project outside of the tree.

#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child_process.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay {
namespace {

using ::enveloperelay::testing::Command;
using ::enveloperelay::testing::ExitStatus;
using ::enveloperelay::testing::FinishedCommand;
using ::enveloperelay::testing::RelayProcess;
using ::enveloperelay::testing::RunCommand;
using ::enveloperelay::testing::TempDir;

constexpr ExitStatus kSuccess{.code = 0, .signal = 0};

TEST(PackageTest, IsFoundBuiltAndRunByAProjectOutsideOfTheTree) {
  const TempDir directory;
  const std::string prefix = directory.File("prefix");
  const std::string build = directory.File("build");
  for (const Command& command :
       {Command{
            .program = CMAKE_PROGRAM,
            .arguments = {"--install", RELAY_BUILD_DIR, "--prefix", prefix}},
        Command{.program = CMAKE_PROGRAM,
                .arguments = {"-S", PACKAGE_PROJECT_DIR, "-B", build,
                              "-DCMAKE_PREFIX_PATH=" + prefix,
                              "-DCMAKE_CXX_COMPILER=" CXX_COMPILER,
                              "-DCMAKE_CXX_FLAGS=" CXX_FLAGS}},
        Command{.program = CMAKE_PROGRAM, .arguments = {"--build", build}}}) {
    const FinishedCommand finished = RunCommand(command, absl::Minutes(4));
    ASSERT_EQ(finished.status, kSuccess) << finished.output << finished.errors;
  }
  const auto relay = RelayProcess::Start();
  ASSERT_TRUE(relay.ok()) << relay.status();
  const FinishedCommand sent = RunCommand(
      {.program = prefix + "/bin/envelopectl",
       .arguments = {
           "send", "--event", "all", "--envelope-id", "e1", "--ingress",
           absl::StrFormat("127.0.0.1:%d", (*relay)->ingress_port())}});
  ASSERT_EQ(sent.status, kSuccess) << sent.errors;
  const Command billing{
      .program = build + "/billing",
      .arguments = {(*relay)->grpc_target(), directory.File("cursor")}};

  const FinishedCommand first = RunCommand(billing);
  const FinishedCommand second = RunCommand(billing);

  EXPECT_EQ(first.status, kSuccess) << first.errors;
  EXPECT_EQ(first.output,
            "envelope_audit_trail e1\n"
            "envelope_audit_trail e1\n"
            "envelope_audit_trail e1\n"
            "envelope_completed e1\n"
            "envelope_expired e1\n"
            "envelope_declined e1\n"
            "envelope_voided e1\n");
  EXPECT_EQ(second.status, kSuccess) << second.errors;
  EXPECT_EQ(second.output, "");
}

}  // namespace
}  // namespace enveloperelay
