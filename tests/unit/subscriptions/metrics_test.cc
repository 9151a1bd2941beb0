#include "server/subscriptions/metrics.h"

#include <cmath>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"
#include "server/base/check.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/stream/reader.h"
#include "server/subscriptions/filter_budget.h"
#include "server/subscriptions/mailbox.h"
#include "server/subscriptions/settings.h"
#include "server/subscriptions/state.h"
#include "server/subscriptions/subscription.h"
#include "server/subscriptions/subscriptions.h"
#include "tests/support/append.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_event_log.h"
#include "tests/support/memory_state_store.h"
#include "tests/unit/stream/fake_steps.h"

namespace enveloperelay {
namespace {

using testing::AppendAndWait;
using ::testing::ElementsAre;
using testing::FakeSteps;
using testing::MakeEvent;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// Steps subscriptions when the test says so.
class FakeHost final : public SubscriptionHost {
 public:
  void Add(std::shared_ptr<Subscription> subscription,
           std::function<void()> on_expired) override {
    Hosted& hosted = hosted_[subscription.get()];
    hosted.subscription = std::move(subscription);
    hosted.subscription->Host(hosted.steps, std::move(on_expired));
  }
  void Release(const Subscription& subscription) override {
    if (on_release_) on_release_();
    const auto hosted = hosted_.find(&subscription);
    hosted->second.subscription->Close();
    hosted_.erase(hosted);
  }
  void SetOnRelease(std::function<void()> on_release) {
    on_release_ = std::move(on_release);
  }
  // Until none has a reason to step.
  void Run(const EventLog& log) {
    for (bool again = true; again;) {
      again = false;
      for (auto& [key, hosted] : hosted_) {
        hosted.steps.Run(log, [&] {
          hosted.subscription->Step();
          again = true;
        });
      }
    }
  }
  // Steps those that are to step at once; says how many that were.
  int RunOnce() {
    std::vector<Subscription*> due;
    for (auto& [key, hosted] : hosted_) {
      if (hosted.steps.TakeSoon()) due.push_back(hosted.subscription.get());
    }
    for (Subscription* subscription : due) subscription->Step();
    return static_cast<int>(due.size());
  }
  void Advance(absl::Duration duration, const EventLog& log) {
    for (auto& [key, hosted] : hosted_) {
      hosted.steps.Advance(duration, log, [&] { hosted.subscription->Step(); });
    }
  }

 private:
  struct Hosted {
    FakeSteps steps;
    std::shared_ptr<Subscription> subscription;
  };
  std::map<const Subscription*, Hosted> hosted_;
  std::function<void()> on_release_;
};

class SubscriptionMetricsTest : public ::testing::Test {
 protected:
  ~SubscriptionMetricsTest() override { subscriptions_->Close(); }

  Subscription::Environment MakeEnvironment() {
    return {.log = log_,
            .store = store_,
            .clock = clock_,
            .filters = filters_,
            .limits = {},
            .random = [] { return 0.5; },
            .random_bits = [] { return 1; }};
  }
  // As a restart of the relay.
  void Restart() {
    subscriptions_->Close();
    subscriptions_ =
        std::make_unique<Subscriptions>(MakeEnvironment(), 10, host_);
    ASSERT_TRUE(subscriptions_->Load().ok());
  }
  void Create(const std::string& name, const v1::EventFilter& filter = {}) {
    v1::Subscription proto;
    proto.set_name(name);
    *proto.mutable_filter() = filter;
    absl::StatusOr<SubscriptionSettings> settings = CheckSettings(proto, "");
    RELAY_CHECK(settings.ok());
    RELAY_CHECK(subscriptions_->Create(*std::move(settings), {}).ok());
  }
  // Events received a second after each other, from kNow on.
  void Append(int count) {
    for (int i = 0; i < count; ++i) {
      const auto number = static_cast<int64_t>(log_.Bounds().latest.value);
      RELAY_CHECK(
          AppendAndWait(
              log_, MakeEvent({.event_id = absl::StrCat(number),
                               .envelope_id = absl::StrCat(number),
                               .receive_time = kNow + absl::Seconds(number)}))
              .ok());
    }
  }
  void Run() { host_.Run(log_); }
  static v1::EventFilter OfEnvelope(const std::string& envelope_id) {
    v1::EventFilter filter;
    filter.add_envelope_ids(envelope_id);
    return filter;
  }

  // Values by subscription; a name without the beginning that all have.
  std::map<std::string, double> Values(const std::string& name) const {
    for (const prometheus::MetricFamily& family :
         CollectSubscriptions(*subscriptions_)) {
      if (family.name != "envelope_relay_subscription_" + name) continue;
      std::map<std::string, double> values;
      for (const prometheus::ClientMetric& metric : family.metric) {
        EXPECT_EQ(metric.label.at(0).name, "subscription");
        values[metric.label.at(0).value] =
            family.type == prometheus::MetricType::Counter
                ? metric.counter.value
                : metric.gauge.value;
      }
      return values;
    }
    ADD_FAILURE() << "no metric " << name;
    return {};
  }
  double Value(const std::string& name) const {
    return Values(name).at("orders");
  }

  testing::MemoryEventLog log_;
  testing::MemoryStateStore store_;
  testing::FakeClock clock_{kNow};
  FilterBudget filters_{1 << 20};
  FakeHost host_;
  std::unique_ptr<Subscriptions> subscriptions_ =
      std::make_unique<Subscriptions>(MakeEnvironment(), 10, host_);
};

TEST_F(SubscriptionMetricsTest, EachSubscriptionIsThereFromItsFirstStepOn) {
  EXPECT_THAT(Values("backlog_events"), ElementsAre());
  Create("orders");
  Create("billing");
  EXPECT_THAT(Values("backlog_events"), ElementsAre());
  Run();
  for (const char* const name :
       {"backlog_events", "outstanding_events", "retrying_events",
        "dead_letters", "oldest_unsettled_timestamp_seconds",
        "lost_events_total"}) {
    EXPECT_THAT(Values(name),
                ElementsAre(Pair("billing", 0), Pair("orders", 0)))
        << name;
  }
}

TEST_F(SubscriptionMetricsTest, TheBacklogIsThatOfNow) {
  Create("orders");
  Append(3);
  Run();
  EXPECT_EQ(Value("backlog_events"), 3);
  EXPECT_EQ(Value("oldest_unsettled_timestamp_seconds"),
            absl::ToUnixSeconds(kNow));
  // Nobody works on it, so nothing steps it.
  Append(2);
  EXPECT_EQ(Value("backlog_events"), 5);
}

TEST_F(SubscriptionMetricsTest, SaysHowItStandsAfterARestart) {
  Create("orders");
  Append(3);
  Run();
  Restart();
  EXPECT_THAT(Values("backlog_events"), ElementsAre());
  Run();
  EXPECT_EQ(Value("backlog_events"), 3);
}

TEST_F(SubscriptionMetricsTest, AStartReadsOneAfterTheOther) {
  const std::vector<std::string> names = {"first", "second", "third"};
  for (const std::string& name : names) Create(name);
  Run();
  Restart();
  for (size_t read = 0; read < names.size(); ++read) {
    EXPECT_THAT(Values("backlog_events"), SizeIs(read));
    EXPECT_EQ(host_.RunOnce(), 1);
  }
  EXPECT_THAT(Values("backlog_events"), SizeIs(names.size()));
  EXPECT_EQ(host_.RunOnce(), 0);
}

TEST_F(SubscriptionMetricsTest, TheNextIsReadWhenOneHasLookedThroughTheLog) {
  Create("first", OfEnvelope("none"));
  Create("second");
  Run();
  // More than is looked at in one step.
  const std::string payload(LogReader::kScanBytesMax, 'x');
  for (const char* const id : {"1", "2"}) {
    RELAY_CHECK(
        AppendAndWait(log_, MakeEvent({.event_id = id, .payload = payload}))
            .ok());
  }
  Restart();
  for (const double left : {1, 0}) {
    EXPECT_EQ(host_.RunOnce(), 1);
    EXPECT_THAT(Values("backlog_events"), ElementsAre(Pair("first", left)));
  }
  Run();
  EXPECT_THAT(Values("backlog_events"),
              ElementsAre(Pair("first", 0), Pair("second", 2)));
}

TEST_F(SubscriptionMetricsTest, AStartGoesOnAfterOneThatIsDeletedOrUnreadable) {
  for (const char* const name : {"first", "second", "third"}) Create(name);
  Run();
  store_.Write({{.table = StateTable::kSubscriptions,
                 .key = StateKey(StateKind::kHead, "second"),
                 .value = "\xff",
                 .range_end = {}}},
               [](const absl::Status& status) { RELAY_CHECK(status.ok()); });
  Restart();
  ASSERT_TRUE(
      subscriptions_->Delete("first", "", [](const absl::StatusOr<bool>&) {})
          .ok());
  Run();
  EXPECT_THAT(Values("backlog_events"), ElementsAre(Pair("third", 0)));
}

TEST_F(SubscriptionMetricsTest, OneThatCannotBeReadNowIsReadLater) {
  Create("orders");
  Run();
  Restart();
  store_.SetReadError(absl::UnavailableError("the disk is gone"));
  Run();
  EXPECT_THAT(Values("backlog_events"), ElementsAre());
  store_.SetReadError(absl::OkStatus());
  host_.Advance(absl::Seconds(5), log_);
  EXPECT_EQ(Value("backlog_events"), 0);
}

TEST_F(SubscriptionMetricsTest, OneThatNobodyWorksOnIsNotWokenByEachCommit) {
  Create("orders", OfEnvelope("none"));
  Run();
  Append(2);
  EXPECT_EQ(host_.RunOnce(), 0);
  Run();
  EXPECT_EQ(Value("backlog_events"), 2);
  host_.Advance(absl::Seconds(10), log_);
  EXPECT_EQ(Value("backlog_events"), 0);
}

TEST_F(SubscriptionMetricsTest, OneThatIsWorkedOnIsWokenByEachCommit) {
  Create("orders", OfEnvelope("none"));
  Run();
  FakeSteps worker_steps;
  const auto orders = subscriptions_->Find("orders");
  ASSERT_TRUE(orders.ok());
  ASSERT_TRUE((*orders)
                  ->Join({.worker_id = "w", .peer = ""},
                         std::make_shared<Mailbox>(worker_steps))
                  .ok());
  Run();
  Append(2);
  Run();
  EXPECT_EQ(Value("backlog_events"), 0);
}

TEST_F(SubscriptionMetricsTest, SayNotThatAllIsSettledWhereTheLogIsDamaged) {
  Create("orders");
  Append(2);
  log_.Damage(Sequence{1});
  Run();
  EXPECT_EQ(Value("backlog_events"), 2);
  EXPECT_TRUE(std::isnan(Value("oldest_unsettled_timestamp_seconds")));
}

TEST_F(SubscriptionMetricsTest, AreThereWhileOneIsReleased) {
  int releases = 0;
  host_.SetOnRelease([&] {
    // Would wait for ever if the mutex were held.
    EXPECT_THAT(Values("backlog_events"), ElementsAre());
    ++releases;
  });
  Create("orders");
  Run();
  ASSERT_TRUE(
      subscriptions_->Delete("orders", "", [](const absl::StatusOr<bool>&) {})
          .ok());
  Create("orders");
  subscriptions_->Close();
  EXPECT_EQ(releases, 2);
  host_.SetOnRelease(nullptr);
}

TEST_F(SubscriptionMetricsTest, CountsWhatRetentionTakesFromOneThatIsNotUsed) {
  Create("orders");
  Append(10);
  Run();
  log_.SetEarliest(Sequence{5});
  EXPECT_EQ(Value("lost_events_total"), 0);
  // Being asked has made it look.
  Run();
  EXPECT_EQ(Value("lost_events_total"), 4);
  EXPECT_EQ(Value("backlog_events"), 6);
  EXPECT_EQ(Value("oldest_unsettled_timestamp_seconds"),
            absl::ToUnixSeconds(kNow + absl::Seconds(4)));
}

TEST_F(SubscriptionMetricsTest, CountsWhatIsInTheHandsOfWorkersAndWaits) {
  Create("orders");
  Append(3);
  Run();
  FakeSteps worker_steps;
  const auto mailbox = std::make_shared<Mailbox>(worker_steps);
  const auto orders = subscriptions_->Find("orders");
  ASSERT_TRUE(orders.ok());
  const auto worker = (*orders)->Join({.worker_id = "w", .peer = ""}, mailbox);
  ASSERT_TRUE(worker.ok());
  (*orders)->Ready(*worker);
  Run();
  EXPECT_EQ(Value("outstanding_events"), 3);
  // Its lease ends without a word.
  ASSERT_TRUE(mailbox->Take().has_value());
  clock_.Advance(absl::Hours(1));
  (*orders)->Leave(*worker);
  Run();
  EXPECT_EQ(Value("outstanding_events"), 0);
  EXPECT_EQ(Value("retrying_events"), 3);
  EXPECT_EQ(Value("backlog_events"), 3);
}

TEST_F(SubscriptionMetricsTest, OneThatIsDeletedIsGone) {
  Create("orders");
  Run();
  ASSERT_TRUE(
      subscriptions_->Delete("orders", "", [](const absl::StatusOr<bool>&) {})
          .ok());
  EXPECT_THAT(Values("backlog_events"), ElementsAre());
}

}  // namespace
}  // namespace enveloperelay
