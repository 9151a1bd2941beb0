// A disk that takes no more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/support/child_process.h"
#include "tests/support/event_stream.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;

uintmax_t LargestFile(const std::string& directory) {
  uintmax_t largest = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.is_regular_file()) {
      largest = std::max(largest, entry.file_size());
    }
  }
  return largest;
}

std::string Webhook(int number) {
  return RawRequest(
      "POST", "/webhooks/signplus",
      absl::StrCat(R"({"hook":{"event":"envelope_voided"},)",
                   R"("data":{"envelope_id":"e)", number, R"("}})"));
}

// The envelopes of all events in the log.
std::vector<std::string> ReadEnvelopes(const RelayProcess& relay) {
  v1::SubscribeRequest request;
  request.set_start(v1::START_POSITION_EARLIEST);
  request.set_until_caught_up(true);
  EventStream stream(Connect(relay.grpc_target()), request);
  std::vector<std::string> envelopes;
  while (const auto response = stream.Next()) {
    for (const v1::EnvelopeEvent& event : response->events()) {
      envelopes.push_back(event.envelope_id());
    }
  }
  EXPECT_TRUE(stream.Finish().ok());
  return envelopes;
}

TEST(FailureTest, EndsWithOneWhenAWriteFailsAndLosesNothingAcknowledged) {
  auto relay = RelayProcess::Start();
  ASSERT_TRUE(relay.ok()) << relay.status();
  auto connection = RawConnection::Connect((*relay)->ingress_port());
  ASSERT_TRUE(connection.ok()) << connection.status();
  std::vector<std::string> acknowledged;
  const auto post = [&] {
    const int number = static_cast<int>(acknowledged.size());
    EXPECT_TRUE(connection->Send(Webhook(number)).ok());
    const absl::StatusOr<RawResponse> answer = connection->Read();
    EXPECT_TRUE(answer.ok()) << answer.status();
    if (answer->status == 200)
      acknowledged.push_back(absl::StrCat("e", number));
    return *answer;
  };
  for (int i = 0; i < 10; ++i) ASSERT_EQ(post().status, 200);

  // No file may grow beyond a little more than it has.
  const rlimit limit = {
      .rlim_cur = LargestFile((*relay)->data_dir()) + 16 * 1024,
      .rlim_max = RLIM_INFINITY};
  ASSERT_EQ(prlimit((*relay)->pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  RawResponse answer = post();
  while (answer.status == 200 && acknowledged.size() < 10'000) answer = post();

  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("UNAVAILABLE"));
  EXPECT_NE(answer.Field("retry-after"), "");
  EXPECT_EQ((*relay)->WaitForExit(absl::Seconds(30)).value(),
            (ExitStatus{.code = 1}));
  EXPECT_THAT((*relay)->Log(), HasSubstr("the event log has failed"));
  ASSERT_TRUE((*relay)->Restart().ok());
  // The one that failed may be there or not.
  std::vector<std::string> stored = ReadEnvelopes(**relay);
  ASSERT_GE(stored.size(), acknowledged.size());
  ASSERT_LE(stored.size(), acknowledged.size() + 1);
  stored.resize(acknowledged.size());
  EXPECT_EQ(stored, acknowledged);
}

TEST(FailureTest, RefusesWebhooksWithoutEndingWhileTheDiskIsNearlyFull) {
  auto relay =
      RelayProcess::Start({.arguments = {"--disk-reserve-bytes=1TiB"}});
  ASSERT_TRUE(relay.ok()) << relay.status();

  const auto answer = Fetch((*relay)->ingress_port(), Webhook(1));

  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 503);
  EXPECT_NE(answer->Field("retry-after"), "");
  EXPECT_EQ((*relay)->Terminate().value(), (ExitStatus{.code = 0}));
}

}  // namespace
}  // namespace enveloperelay::testing
