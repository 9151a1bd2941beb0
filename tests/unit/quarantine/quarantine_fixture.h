#ifndef ENVELOPE_RELAY_TESTS_UNIT_QUARANTINE_QUARANTINE_FIXTURE_H_
#define ENVELOPE_RELAY_TESTS_UNIT_QUARANTINE_QUARANTINE_FIXTURE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "gtest/gtest.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/log/state_store.h"
#include "server/quarantine/metrics.h"
#include "server/quarantine/quarantine.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_state_store.h"

namespace enveloperelay::testing {

// A quarantine over a store in memory.
class QuarantineTest : public ::testing::Test {
 protected:
  static constexpr v1::QuarantineReason kMalformed =
      v1::QUARANTINE_REASON_MALFORMED_JSON;
  static constexpr v1::QuarantineReason kNoEvent =
      v1::QUARANTINE_REASON_NOT_AN_ENVELOPE_EVENT;

  QuarantineTest() { Start(); }

  // Starts it, again if it was there, as a new process does.
  void Start(const QuarantineLimits& limits = {}) {
    registry_ = std::make_unique<prometheus::Registry>();
    quarantine_ =
        std::make_unique<Quarantine>(limits, store_, clock_, *registry_);
    const absl::Status loaded = quarantine_->Load();
    ASSERT_TRUE(loaded.ok()) << loaded;
  }

  RefusedWebhook Make(std::string body,
                      v1::QuarantineReason reason = kMalformed) const {
    return {.reason = reason,
            .detail = "what is wrong",
            .content_type = "application/json",
            .body = std::move(body),
            .receive_time = clock_.Now()};
  }
  // What came of it; nothing if it is not answered yet.
  std::shared_ptr<std::optional<absl::Status>> StartKeep(
      RefusedWebhook webhook) {
    auto answer = std::make_shared<std::optional<absl::Status>>();
    quarantine_->Keep(std::move(webhook), [answer](absl::Status status) {
      EXPECT_FALSE(answer->has_value());
      *answer = std::move(status);
    });
    return answer;
  }
  absl::Status Keep(RefusedWebhook webhook) {
    return StartKeep(std::move(webhook))
        ->value_or(absl::UnknownError("not answered"));
  }
  void MustKeep(std::string body, v1::QuarantineReason reason = kMalformed) {
    const absl::Status kept = Keep(Make(std::move(body), reason));
    EXPECT_TRUE(kept.ok()) << kept;
  }

  std::vector<v1::QuarantinedWebhook> All(
      const Quarantine::Selection& selection = {}) const {
    std::vector<v1::QuarantinedWebhook> all;
    for (const auto& listed : quarantine_->List(selection, SIZE_MAX)) {
      auto webhook = quarantine_->Get(listed.id, /*with_body=*/true);
      EXPECT_TRUE(webhook.ok()) << webhook.status();
      if (webhook.ok()) all.push_back(*std::move(webhook));
    }
    return all;
  }
  std::vector<std::string> Bodies(
      const Quarantine::Selection& selection = {}) const {
    std::vector<std::string> bodies;
    for (const auto& webhook : All(selection)) bodies.push_back(webhook.body());
    return bodies;
  }
  std::vector<std::string> Ids() const {
    std::vector<std::string> ids;
    for (const auto& webhook : All()) ids.push_back(webhook.id());
    return ids;
  }

  absl::StatusOr<size_t> Remove(const std::vector<std::string>& ids) {
    absl::StatusOr<size_t> removed = absl::UnknownError("not answered");
    quarantine_->Remove(ids, QuarantineExit::kDeleted,
                        [&removed](absl::StatusOr<size_t> count) {
                          removed = std::move(count);
                        });
    return removed;
  }

  size_t entries() const { return store_.entry_count(StateTable::kQuarantine); }

  // A counter or gauge of the quarantine; with that value of its label, if it
  // has one.
  double Metric(const std::string& name, const std::string& label = "") const {
    for (const prometheus::MetricFamily& family : registry_->Collect()) {
      if (family.name != "envelope_relay_quarantine_" + name) continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        if (metric.label.empty() || metric.label[0].value == label) {
          return metric.counter.value + metric.gauge.value;
        }
      }
    }
    ADD_FAILURE() << "no metric " << name << " " << label;
    return -1;
  }

  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  MemoryStateStore store_;
  std::unique_ptr<prometheus::Registry> registry_;
  std::unique_ptr<Quarantine> quarantine_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_UNIT_QUARANTINE_QUARANTINE_FIXTURE_H_
