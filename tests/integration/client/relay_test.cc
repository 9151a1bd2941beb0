// A Subscriber on the real relay, through what goes wrong between them.

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/webhook/poster.h"
#include "client/webhook/sample.h"
#include "enveloperelay/cursor_store.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/subscriber.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/relay_process.h"
#include "tests/support/silent_proxy.h"

namespace enveloperelay::client {
namespace {

using ::enveloperelay::testing::RelayProcess;
using ::enveloperelay::testing::SilentProxy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SubscriberOnRelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto relay = RelayProcess::Start({.stable_ports = true});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
  }

  // Posts a webhook and returns the sequence of its event.
  uint64_t Post() {
    const auto stored = poster().Post(
        SampleWebhook({.event = "envelope_completed"}, "e1", random_));
    EXPECT_TRUE(stored.ok()) << stored.status();
    return stored.ok() ? std::stoull(stored->sequence) : 0;
  }

  SubscriberOptions Options() const {
    SubscriberOptions options;
    options.target = relay_->grpc_target();
    options.request.set_start(v1::START_POSITION_EARLIEST);
    options.request.mutable_heartbeat_interval()->set_seconds(1);
    options.backoff_initial = absl::Milliseconds(20);
    options.backoff_max = absl::Milliseconds(200);
    return options;
  }

  // Waits for the next event; returns its sequence, 0 at the end.
  static uint64_t NextEvent(Subscriber& subscriber) {
    while (true) {
      const auto response = subscriber.Next();
      EXPECT_TRUE(response.ok()) << response.status();
      if (!response.ok() || *response == nullptr) return 0;
      if ((*response)->events_size() > 0) {
        EXPECT_EQ((*response)->events_size(), 1);
        return (*response)->events(0).sequence();
      }
    }
  }

  WebhookPoster& poster() {
    if (poster_ == nullptr) {
      poster_ = std::make_unique<WebhookPoster>(WebhookPoster::Options{
          .url = {.host = "127.0.0.1",
                  .port = std::to_string(relay_->ingress_port()),
                  .path = "/webhooks/signplus"}});
    }
    return *poster_;
  }

  std::unique_ptr<RelayProcess> relay_;
  std::unique_ptr<WebhookPoster> poster_;
  absl::BitGen random_;
};

TEST_F(SubscriberOnRelayTest, ReceivesEachEventAsItIsStored) {
  Subscriber subscriber(Options());

  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    ASSERT_EQ(Post(), sequence);
    EXPECT_EQ(NextEvent(subscriber), sequence);
  }
}

TEST_F(SubscriberOnRelayTest, GoesOnWhereItWasAfterTheRelayWasKilled) {
  Subscriber subscriber(Options());
  ASSERT_EQ(Post(), 1);
  ASSERT_EQ(NextEvent(subscriber), 1);

  for (uint64_t sequence = 2; sequence <= 5; ++sequence) {
    relay_->Kill();
    ASSERT_TRUE(relay_->Restart().ok());
    ASSERT_EQ(Post(), sequence);
    EXPECT_EQ(NextEvent(subscriber), sequence);
  }
}

TEST_F(SubscriberOnRelayTest, GoesOnWhereItWasAfterTheRelayWasDrained) {
  SubscriberOptions options = Options();
  std::vector<absl::Status> reasons;
  options.on_retry = [&](const absl::Status& status, absl::Duration) {
    reasons.push_back(status);
  };
  Subscriber subscriber(std::move(options));
  ASSERT_EQ(Post(), 1);
  ASSERT_EQ(NextEvent(subscriber), 1);

  uint64_t next = 0;
  std::thread listener([&] { next = NextEvent(subscriber); });
  const auto exit = relay_->Terminate();
  const absl::Status restarted = relay_->Restart();
  const uint64_t posted = Post();
  listener.join();

  EXPECT_TRUE(exit.ok()) << exit.status();
  EXPECT_TRUE(restarted.ok()) << restarted;
  EXPECT_EQ(posted, 2);
  EXPECT_EQ(next, 2);
  ASSERT_FALSE(reasons.empty());
  EXPECT_EQ(reasons.front(), absl::OkStatus());  // a planned end
}

TEST_F(SubscriberOnRelayTest, LeavesAConnectionThatFellSilent) {
  SilentProxy proxy(relay_->grpc_port());
  SubscriberOptions options = Options();
  options.target = proxy.address();
  absl::Status reason;
  options.on_retry = [&](const absl::Status& status, absl::Duration) {
    reason = status;
  };
  Subscriber subscriber(std::move(options));
  ASSERT_EQ(Post(), 1);
  ASSERT_EQ(NextEvent(subscriber), 1);

  proxy.Silence();
  ASSERT_EQ(Post(), 2);

  EXPECT_EQ(NextEvent(subscriber), 2);
  EXPECT_EQ(reason.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(reason.message()), HasSubstr("within 2s"));
}

TEST_F(SubscriberOnRelayTest, EndsWhenCaughtUp) {
  ASSERT_EQ(Post(), 1);
  ASSERT_EQ(Post(), 2);
  SubscriberOptions options = Options();
  options.request.set_until_caught_up(true);
  Subscriber subscriber(std::move(options));

  std::vector<uint64_t> sequences;
  const absl::Status status = subscriber.Run([&](const v1::EnvelopeEvent& e) {
    sequences.push_back(e.sequence());
    return absl::OkStatus();
  });

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(sequences, ElementsAre(1, 2));
}

TEST_F(SubscriberOnRelayTest, MovesItsCursorPastEventsThatItsFilterLeavesOut) {
  MemoryCursorStore store;
  SubscriberOptions options = Options();
  options.cursor_store = &store;
  options.request.mutable_filter()->add_envelope_ids("other");
  Subscriber subscriber(std::move(options));
  const auto first = subscriber.Next();
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string begin = (*first)->cursor();
  ASSERT_EQ(Post(), 1);

  std::string cursor = begin;
  while (cursor == begin) {
    const auto response = subscriber.Next();
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ((*response)->events_size(), 0);
    cursor = (*response)->cursor();
  }

  subscriber.Stop();
  ASSERT_TRUE(subscriber.Next().ok());
  EXPECT_EQ(store.Load().value_or("error"), cursor);
}

TEST_F(SubscriberOnRelayTest, RefusesTheCursorOfAnotherLog) {
  auto other = RelayProcess::Start();
  ASSERT_TRUE(other.ok()) << other.status();
  SubscriberOptions there = Options();
  there.target = (*other)->grpc_target();
  Subscriber subscriber_there(std::move(there));
  const auto first = subscriber_there.Next();
  ASSERT_TRUE(first.ok()) << first.status();
  SubscriberOptions options = Options();
  options.request.set_cursor((*first)->cursor());
  Subscriber subscriber(std::move(options));

  const absl::Status status = subscriber.Next().status();

  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  const auto info = GetErrorInfo(status);
  ASSERT_TRUE(info.has_value()) << status;
  EXPECT_EQ(info->reason, "CURSOR_UNKNOWN_LOG");
}

}  // namespace
}  // namespace enveloperelay::client
