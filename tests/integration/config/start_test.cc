#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/status/statusor.h"
#include "tests/support/child_process.h"
#include "tests/support/relay_process.h"

namespace enveloperelay {
namespace {

using testing::ExitStatus;
using testing::FinishedCommand;
using ::testing::HasSubstr;
using testing::RelayProcess;
using testing::RunRelay;

TEST(StartTest, ExitsWithZeroAfterSigterm) {
  absl::StatusOr<std::unique_ptr<RelayProcess>> relay = RelayProcess::Start();
  ASSERT_TRUE(relay.ok()) << relay.status();

  EXPECT_EQ((*relay)->Terminate().value(), (ExitStatus{.code = 0}));
}

TEST(StartTest, ExitsWithTwoWhenAnOptionIsNotAllowed) {
  const FinishedCommand run = RunRelay({"--drain-timeout=soon"});

  EXPECT_EQ(run.status, (ExitStatus{.code = 2}));
  EXPECT_THAT(run.errors,
              HasSubstr("--drain-timeout: 'soon' from the command line"));
}

TEST(StartTest, PrintsVersionAndHelpOnStandardOutput) {
  const FinishedCommand version = RunRelay({"--version"});
  EXPECT_EQ(version.status, (ExitStatus{.code = 0}));
  EXPECT_THAT(version.output, HasSubstr("envelope-relay "));
  const FinishedCommand help = RunRelay({"--help"});
  EXPECT_EQ(help.status, (ExitStatus{.code = 0}));
  EXPECT_THAT(help.output, HasSubstr("--data-dir"));
}

}  // namespace
}  // namespace enveloperelay
