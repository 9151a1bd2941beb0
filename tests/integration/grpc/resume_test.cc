// What a subscriber gets that is cut off again and again, and goes on with the
// cursor that it stored.
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

using ::testing::MatchesRegex;

class GrpcResumeTest : public GrpcRelayTest {
 protected:
  // Cuts every connection of this process to the relay's gRPC port, as a
  // network does: no call of any library is told.
  void CutConnections() const {
    DIR* const directory = opendir("/proc/self/fd");
    ASSERT_NE(directory, nullptr);
    while (const dirent* entry = readdir(directory)) {
      int fd = 0;
      if (!absl::SimpleAtoi(entry->d_name, &fd)) continue;
      sockaddr_in6 peer = {};  // has its port where sockaddr_in has it
      socklen_t size = sizeof(peer);
      if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
          ntohs(peer.sin6_port) == relay_->grpc_port()) {
        shutdown(fd, SHUT_RDWR);
      }
    }
    closedir(directory);
  }
};

TEST_F(GrpcResumeTest, EveryEventComesInOrderThoughEachMessageIsTheLast) {
  constexpr uint64_t kEvents = 2000;
  Start();
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  v1::SubscribeRequest request = From(GetLog().earliest_cursor());
  // A part of the run is live, the rest read back.
  std::thread poster([this] { Post({.count = kEvents}); });

  uint64_t handled = 0;  // all up to here are
  uint64_t cuts = 0;
  bool repeat_due = false;  // the last batch was not finished
  while (handled < kEvents) {
    request.set_max_batch_events(random() % 3 + 1);
    EventStream stream(NewChannel(), request);
    const auto first = stream.Next();
    ASSERT_TRUE(first.has_value());
    EXPECT_TRUE(first->has_info());
    EXPECT_EQ(first->cursor(), request.cursor());
    if (random() % 4 == 0) {  // cut after a message without events
      CutConnections();
      ++cuts;
      continue;
    }
    const auto batch = stream.NextBatch();
    ASSERT_TRUE(batch.has_value());
    CutConnections();
    ++cuts;
    uint64_t next = handled + 1;
    for (const v1::EnvelopeEvent& event : batch->events()) {
      ASSERT_EQ(event.sequence(), next++);
    }
    // Now and then the subscriber fails before it has handled the batch, which
    // then comes again, and nothing but it.
    repeat_due = !repeat_due && random() % 4 == 0;
    if (repeat_due) continue;
    handled = next - 1;
    request.set_cursor(batch->cursor());
  }
  poster.join();
  EXPECT_EQ(handled, kEvents);
  EXPECT_GE(cuts, kEvents / 3);
}

TEST_F(GrpcResumeTest, TheRestOfAStreamAfterACutIsOfTheTransport) {
  Start();
  EventStream stream(channel_, {});
  ASSERT_TRUE(stream.Next().has_value());
  CutConnections();
  EXPECT_EQ(stream.End().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GrpcResumeTest, TheCursorOfAnEventResumesRightAfterIt) {
  Start();
  Post({.count = 50});
  EventStream all(channel_, FromEarliest());
  const auto batch = all.NextBatch();
  ASSERT_TRUE(batch.has_value());
  for (const v1::EnvelopeEvent& event : batch->events()) {
    EXPECT_THAT(event.cursor(), MatchesRegex("[A-Za-z0-9_-]+"));
    if (event.sequence() == 50) break;
    EventStream rest(channel_, From(event.cursor()));
    const auto next = rest.NextBatch();
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(next->events(0).sequence(), event.sequence() + 1);
  }
}

TEST_F(GrpcResumeTest, EventsOfOneEnvelopeKeepTheirOrderEverywhere) {
  constexpr size_t kEnvelopes = 8;
  constexpr size_t kEventsEach = 40;
  Start();
  EventStream live(channel_, {});
  ASSERT_TRUE(live.Next().has_value());
  // An envelope's webhooks are posted one after the other, told apart by what
  // `data.file_name` says.
  std::vector<std::thread> posters;
  for (size_t e = 0; e < kEnvelopes; ++e) {
    posters.emplace_back([this, e] {
      auto connection = RawConnection::Connect(relay_->ingress_port());
      ASSERT_TRUE(connection.ok()) << connection.status();
      for (size_t i = 0; i < kEventsEach; ++i) {
        const std::string body = absl::StrCat(
            R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"e)",
            e, R"(","file_name":")", i, R"("}})");
        ASSERT_TRUE(
            connection->Send(RawRequest("POST", "/webhooks/signplus", body))
                .ok());
        ASSERT_EQ(connection->Read()->status, 200);
      }
    });
  }
  // Checks each event against the count so far of its envelope.
  std::map<std::string, size_t> counts;
  size_t total = 0;
  const auto check = [&](const auto& events) {
    for (const v1::EnvelopeEvent& event : events) {
      ASSERT_EQ(event.file_name(), absl::StrCat(counts[event.envelope_id()]++));
      ++total;
    }
  };
  while (total < kEnvelopes * kEventsEach) {
    const auto batch = live.NextBatch();
    ASSERT_TRUE(batch.has_value());
    ASSERT_NO_FATAL_FAILURE(check(batch->events()));
  }
  for (std::thread& poster : posters) poster.join();

  // The same when read back, whole or by envelope.
  counts.clear();
  v1::ListEventsRequest request;
  v1::ListEventsResponse page;
  request.set_page_size(4096);
  ASSERT_TRUE(List(request, page).ok());
  EXPECT_EQ(page.events_size(), kEnvelopes * kEventsEach);
  check(page.events());
  counts.clear();
  request.mutable_filter()->add_envelope_ids("e3");
  ASSERT_TRUE(List(request, page).ok());
  EXPECT_EQ(page.events_size(), kEventsEach);
  check(page.events());
}

TEST_F(GrpcResumeTest, AResumedStreamSurvivesARestartOfTheRelay) {
  Start();
  Post({.count = 20});
  std::string cursor;
  {
    v1::SubscribeRequest request = FromEarliest();
    request.set_max_batch_events(7);
    EventStream stream(channel_, request);
    cursor = stream.NextBatch()->cursor();
  }
  relay_->Kill();
  ASSERT_TRUE(relay_->Restart().ok());
  ConnectStub();
  EventStream stream(channel_, From(cursor));
  EXPECT_EQ(stream.Next()->backlog(), 13);
  EXPECT_EQ(stream.NextBatch()->events(0).sequence(), 8);
}

}  // namespace
}  // namespace enveloperelay::testing
