// envelopectl's commands of the quarantine as users run them, on a relay.
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/quarantine/quarantine_relay_test.h"
#include "tests/support/child_process.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr ExitStatus kSuccess{.code = 0, .signal = 0};
constexpr ExitStatus kFailure{.code = 1, .signal = 0};

class EnvelopectlQuarantineTest : public QuarantineRelayTest {
 protected:
  FinishedCommand Ctl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "quarantine");
    return RunCommand(
        {.program = ENVELOPECTL_BINARY,
         .arguments = std::move(arguments),
         .environment = {{"ENVELOPE_RELAY_GRPC", relay_->grpc_target()}}});
  }
};

TEST_F(EnvelopectlQuarantineTest, ListsAndGets) {
  StartRelay();
  PostBody(kMissing);
  PostBody("{\"a\":");
  PostBody(kMissing);
  const std::string id = All()[0].id();

  const FinishedCommand list = Ctl({"list", "-o", "table"});
  const FinishedCommand json = Ctl({"list", "--reason", "malformed-json"});
  const FinishedCommand get = Ctl({"get", id, "-o", "table"});
  const FinishedCommand unknown = Ctl({"get", "unknown"});

  EXPECT_EQ(list.status, kSuccess) << list.errors;
  EXPECT_THAT(list.output, AllOf(StartsWith("ID "), HasSubstr("\n" + id),
                                 HasSubstr("malformed_json"),
                                 HasSubstr("data.envelope_id is missing\n")));
  EXPECT_THAT(
      json.output,
      AllOf(HasSubstr("\"reason\":\"QUARANTINE_REASON_MALFORMED_JSON\""),
            HasSubstr("\"bodyBytes\":5")));
  EXPECT_THAT(get.output,
              AllOf(StartsWith("id:                " + id + "\n"),
                    HasSubstr("count:             2\n"),
                    EndsWith("\n\n" + std::string(kMissing) + "\n")));
  EXPECT_EQ(unknown.status, kFailure);
  EXPECT_THAT(unknown.errors, AllOf(HasSubstr("no webhook of this id"),
                                    HasSubstr("envelopectl quarantine list")));
}

TEST_F(EnvelopectlQuarantineTest, Retries) {
  StartRelay();
  PostBody(kMissing);
  PostBody(kVoided, "Content-Type: text/plain\r\n");
  const std::string missing = All()[0].id();
  const std::string voided = All()[1].id();

  const FinishedCommand dry = Ctl({"retry", "--all", "--dry-run"});
  EXPECT_EQ(dry.status, kSuccess) << dry.errors;
  EXPECT_THAT(All(), SizeIs(2));
  const FinishedCommand both = Ctl({"retry", missing, voided, "-o", "table"});
  EXPECT_EQ(both.status, kFailure);
  EXPECT_THAT(both.output,
              AllOf(HasSubstr("\n" + missing +
                              "  refused            -  data."
                              "envelope_id is missing\n"),
                    HasSubstr("\n" + voided + "  stored             1  ")));
  EXPECT_THAT(both.errors, HasSubstr("1 of 2 could not be stored as events"));
  EXPECT_THAT(All(), SizeIs(1));
  EXPECT_EQ(Ctl({"retry", "--all"}).status, kSuccess);
  EXPECT_EQ(GetLog().latest_sequence(), 1);
}

TEST_F(EnvelopectlQuarantineTest, Deletes) {
  StartRelay();
  for (const char* const body : {"a", "b", "{}"}) PostBody(body);

  EXPECT_EQ(Ctl({"delete", "--all", "--dry-run", "-o", "table"}).output,
            "3 webhooks would be deleted\n");
  EXPECT_EQ(Ctl({"delete", All()[0].id(), "-o", "table"}).output,
            "1 webhook deleted\n");
  EXPECT_EQ(Ctl({"delete", "--all", "--reason", "malformed_json", "-o", "json"})
                .output,
            "{\"deleted\":1}\n");
  EXPECT_THAT(All(), SizeIs(1));
  EXPECT_EQ(Ctl({"delete", "--all"}).status, kSuccess);
  EXPECT_THAT(All(), IsEmpty());
}

}  // namespace
}  // namespace enveloperelay::testing
