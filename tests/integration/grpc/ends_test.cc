// The planned ends of streams: of age, and when the relay is told to stop.
#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/raw_call.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

class GrpcEndsTest : public GrpcRelayTest {};

TEST_F(GrpcEndsTest, StreamsEndByThemselvesAtTheirAge) {
  Start({"--stream-max-age=2s"});
  Post({.count = 1});
  std::vector<std::unique_ptr<EventStream>> streams;
  const absl::Time start = absl::Now();
  for (int i = 0; i < 20; ++i) {
    streams.push_back(std::make_unique<EventStream>(channel_, FromEarliest()));
    const auto first = streams.back()->Next();
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->info().max_stream_age().seconds(), 2);
  }
  for (const auto& stream : streams) {
    std::optional<v1::SubscribeResponse> last;
    while (auto response = stream->Next()) last = std::move(response);
    EXPECT_TRUE(stream->Finish().ok());
    ASSERT_TRUE(last.has_value());
    EXPECT_EQ(last->end().reason(), v1::END_REASON_MAX_AGE);
    EXPECT_TRUE(last->end().has_retry_delay());
    EXPECT_EQ(last->cursor(), GetLog().latest_cursor());
  }
  // 20 % less than the age at least.
  EXPECT_GE(absl::Now() - start, absl::Seconds(1.6));
}

TEST_F(GrpcEndsTest, TheAgesOfStreamsAreSpread) {
  Start({"--stream-max-age=2s"});
  std::vector<absl::Duration> ages(16);
  std::vector<std::thread> clients;
  for (absl::Duration& age : ages) {
    clients.emplace_back([this, &age] {
      EventStream stream(channel_, {});
      ASSERT_TRUE(stream.Next().has_value());
      const absl::Time start = absl::Now();
      EXPECT_TRUE(stream.End().ok());
      age = absl::Now() - start;
    });
  }
  for (std::thread& client : clients) client.join();
  // Of 0.8 s that they are spread over.
  const auto [least, most] = std::minmax_element(ages.begin(), ages.end());
  EXPECT_GE(*least, absl::Seconds(1.5));
  EXPECT_GE(*most - *least, absl::Seconds(0.2));
}

TEST_F(GrpcEndsTest, SigtermEndsEveryStreamAsPlannedAndLosesNothing) {
  Start();
  RawCall watch(channel_, "/grpc.health.v1.Health/Watch", "");
  EXPECT_EQ(watch.Next(), "\x08\x01");  // SERVING
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(
        std::make_unique<EventStream>(NewChannel(), FromEarliest()));
    ASSERT_TRUE(streams.back()->Next().has_value());
  }
  // Posts until the relay takes no more.
  uint64_t acknowledged = 0;
  std::thread poster([this, &acknowledged] {
    auto connection = RawConnection::Connect(relay_->ingress_port());
    ASSERT_TRUE(connection.ok()) << connection.status();
    while (PostOne(*connection, "env-" + std::to_string(acknowledged)) == 200) {
      ++acknowledged;
    }
  });
  // Some of it has been delivered when the end comes.
  ASSERT_TRUE(streams[0]->NextBatch().has_value());
  relay_->Signal(SIGTERM);

  EXPECT_EQ(watch.Next(), "\x08\x02");  // NOT_SERVING
  std::string cursor;
  for (const auto& stream : streams) {
    std::optional<v1::SubscribeResponse> last;
    while (auto response = stream->Next()) last = std::move(response);
    EXPECT_TRUE(stream->Finish().ok());
    ASSERT_TRUE(last.has_value());
    EXPECT_EQ(last->end().reason(), v1::END_REASON_SERVER_DRAINING);
    EXPECT_TRUE(last->end().has_retry_delay());
    cursor = last->cursor();
  }
  poster.join();
  const auto exit = relay_->WaitForExit();
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 0) << relay_->Log();

  // Whatever was acknowledged is there, and the cursor goes on in it.
  ASSERT_GT(acknowledged, 0);
  ASSERT_TRUE(relay_->Restart().ok());
  ConnectStub();
  EXPECT_GE(GetLog().latest_sequence(), acknowledged);
  v1::SubscribeRequest request = From(cursor);
  request.set_until_caught_up(true);
  EXPECT_TRUE(EventStream(channel_, request).End().ok());
}

TEST_F(GrpcEndsTest, AStuckReaderDoesNotKeepTheRelayFromEndingInTime) {
  Start({"--drain-timeout=6s", "--stream-stall-timeout=7s"});
  Post({.count = 150, .padding_bytes = 200'000});
  EventStream stuck(channel_, FromEarliest());
  // From here on the stream has ended, but for what nobody takes from it.
  ASSERT_TRUE(relay_->WaitForLog("READER_STALLED").ok());
  const absl::Time start = absl::Now();
  relay_->Signal(SIGTERM);
  const auto exit = relay_->WaitForExit(absl::Seconds(30));
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 0) << relay_->Log();
  EXPECT_LT(absl::Now() - start, absl::Seconds(15));
}

}  // namespace
}  // namespace enveloperelay::testing
