// Rows of the error table that streams have in common, as a worker meets them,
// and one of SeekSubscription.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/damage.h"
#include "tests/integration/subscriptions/subscriptions_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/status_details.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class SubscriptionErrorsTest : public SubscriptionsRelayTest {};

TEST_F(SubscriptionErrorsTest, ADamagedRecordEndsTheWorkersStream) {
  constexpr size_t kEvents = 400;
  StartRelay();
  Create();
  Post({.count = kEvents, .padding_bytes = 3000});
  ASSERT_TRUE(relay_->Terminate().ok());
  DamageTheLargestTable(relay_->data_dir());
  RestartRelay();
  EventStream stream(channel_, As("w"));
  uint64_t last = 0;
  while (const auto response = stream.Next()) {
    for (const v1::EnvelopeEvent& event : response->events()) {
      last = event.sequence();
    }
  }
  const StatusDetails details = ExpectError(
      stream.Finish(), grpc::StatusCode::DATA_LOSS, "RECORD_CORRUPT");
  ASSERT_TRUE(details.metadata.contains("sequence"));
  EXPECT_GT(std::stoull(details.metadata.at("sequence")), last);
  EXPECT_LT(last, kEvents);
}

TEST_F(SubscriptionErrorsTest, AWorkerThatReadsNothingIsStalled) {
  StartRelay({"--stream-stall-timeout=2s"});
  Create();
  Post({.count = 150, .padding_bytes = 200'000});
  EventStream stream(channel_, As("w"));
  const absl::Status stalled = relay_->WaitForLog("READER_STALLED");
  ASSERT_TRUE(stalled.ok()) << stalled;
  ExpectError(stream.End(), grpc::StatusCode::ABORTED, "READER_STALLED");
}

TEST_F(SubscriptionErrorsTest, WorkersCountAgainstTheLimitOfStreams) {
  StartRelay({"--streams-max=1"});
  Create();
  EventStream first(channel_, As("w"));
  ASSERT_TRUE(first.Next().has_value());
  EventStream second(channel_, As("v"));
  const StatusDetails details = ExpectError(
      second.End(), grpc::StatusCode::RESOURCE_EXHAUSTED, "STREAM_LIMIT");
  EXPECT_GT(details.retry_delay, absl::ZeroDuration());
}

TEST_F(SubscriptionErrorsTest, ASeekPastTheEndOfTheLogIsAhead) {
  // A log that was put back to an older state: its directory, copied.
  StartRelay();
  Create();
  PostOf({"e1"});
  const std::string copy = relay_->data_dir() + "-copy";
  ASSERT_TRUE(relay_->Terminate().ok());
  std::filesystem::copy(relay_->data_dir(), copy,
                        std::filesystem::copy_options::recursive);
  RestartRelay();
  PostOf({"e2", "e3"});
  const std::string cursor = GetLog().latest_cursor();
  ASSERT_TRUE(relay_->Terminate().ok());
  std::filesystem::remove_all(relay_->data_dir());
  std::filesystem::rename(copy, relay_->data_dir());
  RestartRelay();
  v1::SeekSubscriptionRequest request;
  request.set_name("billing");
  request.set_cursor(cursor);
  v1::SeekSubscriptionResponse response;
  const StatusDetails details =
      ExpectError(Call(&Subscriptions::SeekSubscription, request, response),
                  grpc::StatusCode::OUT_OF_RANGE, "CURSOR_AHEAD");
  EXPECT_THAT(details.metadata, ElementsAre(Pair("latestSequence", "1")));
}

}  // namespace
}  // namespace enveloperelay::testing
