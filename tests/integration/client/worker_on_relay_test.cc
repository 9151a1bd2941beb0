// Workers on the real relay, which is killed while they work.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/webhook/poster.h"
#include "client/webhook/sample.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/worker.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::client {
namespace {

using ::enveloperelay::testing::Eventually;
using ::enveloperelay::testing::RelayProcess;
using ::testing::ElementsAre;
using ::testing::SizeIs;

// What handlers have seen, by envelope, in the order in which they began.
class Seen {
 public:
  void Add(const v1::EnvelopeEvent& event) {
    const std::scoped_lock lock(mutex_);
    sequences_[event.envelope_id()].push_back(event.sequence());
    all_.insert(event.sequence());
  }
  size_t count() const {
    const std::scoped_lock lock(mutex_);
    return all_.size();
  }
  std::map<std::string, std::vector<uint64_t>> sequences() const {
    const std::scoped_lock lock(mutex_);
    return sequences_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<uint64_t>> sequences_;
  std::set<uint64_t> all_;
};

class WorkerOnRelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto relay = RelayProcess::Start({.stable_ports = true});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
    v1::CreateSubscriptionRequest request;
    request.mutable_subscription()->set_name("billing");
    request.mutable_subscription()->set_start(v1::START_POSITION_EARLIEST);
    v1::CreateSubscriptionResponse response;
    grpc::ClientContext context;
    const grpc::Status created =
        Subscriptions()->CreateSubscription(&context, request, &response);
    ASSERT_TRUE(created.ok()) << created.error_message();
  }

  std::unique_ptr<v1::SubscriptionService::Stub> Subscriptions() const {
    return v1::SubscriptionService::NewStub(grpc::CreateChannel(
        relay_->grpc_target(), grpc::InsecureChannelCredentials()));
  }
  v1::Subscription Billing() const {
    v1::GetSubscriptionRequest request;
    request.set_name("billing");
    v1::GetSubscriptionResponse response;
    grpc::ClientContext context;
    const grpc::Status status =
        Subscriptions()->GetSubscription(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.subscription();
  }
  bool IsSettled() const {
    const v1::Subscription billing = Billing();
    return billing.backlog() == 0 && billing.outstanding() == 0;
  }

  // Posts `count` webhooks of each of `envelopes` envelopes, in turn.
  void Post(int envelopes, int count) {
    WebhookPoster poster(
        {.url = {.host = "127.0.0.1",
                 .port = std::to_string(relay_->ingress_port()),
                 .path = "/webhooks/signplus"}});
    for (int i = 0; i < envelopes * count; ++i) {
      const auto stored =
          poster.Post(SampleWebhook({.event = "envelope_completed"},
                                    absl::StrCat("e", i % envelopes), random_));
      ASSERT_TRUE(stored.ok()) << stored.status();
    }
  }

  WorkerOptions Options() const {
    return {.target = relay_->grpc_target(),
            .subscription = "billing",
            .concurrency = 4,
            .backoff_initial = absl::Milliseconds(20),
            .backoff_max = absl::Milliseconds(200)};
  }

  std::unique_ptr<RelayProcess> relay_;
  absl::BitGen random_;
};

TEST_F(WorkerOnRelayTest, ShareTheEventsAndKeepTheOrderThroughKills) {
  constexpr int kEnvelopes = 20;
  constexpr int kEach = 15;
  Seen seen;
  const auto handle = [&seen](const v1::EnvelopeEvent& event) {
    seen.Add(event);
    return Handled::Done();
  };
  Worker one(Options());
  Worker two(Options());
  absl::Status ended_one;
  absl::Status ended_two;
  std::thread first([&] { ended_one = one.Run(handle); });
  std::thread second([&] { ended_two = two.Run(handle); });
  for (int round = 0; round < 3; ++round) {
    Post(kEnvelopes, kEach / 3);
    relay_->Kill();
    ASSERT_TRUE(relay_->Restart().ok());
  }
  // What a stream that was killed had in hand waits for its worker's return.
  EXPECT_TRUE(
      Eventually([&] { return seen.count() == size_t{kEnvelopes} * kEach; }));
  EXPECT_TRUE(Eventually([&] { return IsSettled(); }));
  one.Stop();
  two.Stop();
  first.join();
  second.join();

  EXPECT_TRUE(ended_one.ok()) << ended_one;
  EXPECT_TRUE(ended_two.ok()) << ended_two;
  EXPECT_THAT(seen.sequences(), SizeIs(kEnvelopes));
  for (const auto& [envelope, sequences] : seen.sequences()) {
    // A repeat starts again at an event that was seen, never behind it.
    std::set<uint64_t> before;
    for (const uint64_t sequence : sequences) {
      EXPECT_TRUE(before.contains(sequence) || before.empty() ||
                  sequence > *before.rbegin())
          << sequence << " of " << envelope << " was overtaken";
      before.insert(sequence);
    }
    EXPECT_THAT(before, SizeIs(kEach));
  }
}

TEST_F(WorkerOnRelayTest, SettleAsTheirHandlersSay) {
  Post(/*envelopes=*/3, /*count=*/1);
  Worker worker(Options());
  Seen seen;
  absl::Status ended;
  std::thread thread([&] {
    ended = worker.Run([&](const v1::EnvelopeEvent& event, uint32_t attempt) {
      seen.Add(event);
      if (event.sequence() == 1) return Handled::Done();
      if (event.sequence() == 2) return Handled::DeadLetter("no such customer");
      return attempt < 3 ? Handled::Retry({.delay = absl::ZeroDuration()})
                         : Handled::Done();
    });
  });
  EXPECT_TRUE(Eventually([&] { return IsSettled(); }));
  worker.Stop();
  thread.join();

  EXPECT_TRUE(ended.ok()) << ended;
  EXPECT_THAT(seen.sequences()["e2"], ElementsAre(3, 3, 3));
  v1::ListDeadLettersRequest request;
  request.set_subscription("billing");
  v1::ListDeadLettersResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(
      Subscriptions()->ListDeadLetters(&context, request, &response).ok());
  ASSERT_EQ(response.dead_letters_size(), 1);
  EXPECT_EQ(response.dead_letters(0).event().sequence(), 2);
  EXPECT_EQ(response.dead_letters(0).reason(), "no such customer");
}

TEST_F(WorkerOnRelayTest, GiveBackWhatIsOnItsWayWhenTheyStop) {
  constexpr int kEvents = 1500;
  constexpr int kWorkers = 8;
  Post(/*envelopes=*/kEvents, /*count=*/1);
  Seen seen;
  for (int i = 0; i < kWorkers; ++i) {
    // More is on its way than a worker takes at a time.
    WorkerOptions options = Options();
    options.max_outstanding_events = 200;
    options.max_batch_events = 50;
    Worker worker(std::move(options));
    std::atomic<int> handled = 0;
    const absl::Status ended = worker.Run([&](const v1::EnvelopeEvent& event) {
      seen.Add(event);
      if (++handled == 60) worker.Stop();
      return Handled::Done();
    });
    EXPECT_TRUE(ended.ok()) << ended;
    // The leases are for 30 s.
    EXPECT_TRUE(Eventually([&] { return Billing().outstanding() == 0; },
                           absl::Seconds(10)))
        << Billing().ShortDebugString();
  }
  EXPECT_LT(seen.count(), kEvents);

  Worker last(Options());
  absl::Status ended;
  std::thread thread([&] {
    ended = last.Run([&](const v1::EnvelopeEvent& event) {
      seen.Add(event);
      return Handled::Done();
    });
  });
  EXPECT_TRUE(
      Eventually([&] { return seen.count() == kEvents; }, absl::Seconds(15)));
  EXPECT_TRUE(Eventually([&] { return IsSettled(); }));
  last.Stop();
  thread.join();

  EXPECT_TRUE(ended.ok()) << ended;
  EXPECT_EQ(seen.count(), kEvents);
}

}  // namespace
}  // namespace enveloperelay::client
