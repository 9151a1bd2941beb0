#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_INGRESS_INGRESS_SERVER_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_INGRESS_INGRESS_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/base/clock.h"
#include "server/ingress/server.h"
#include "tests/support/memory_event_log.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {

// An ingress in this process, over a log that a test may hold up or break.
class IngressServerTest : public ::testing::Test {
 protected:
  static constexpr char kBody[] =
      R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"e1"}})";

  // The default limits.
  static IngressOptions Options() {
    return {.http = {.address = {.ip = "127.0.0.1"},
                     .threads = 2,
                     .body_bytes_max = 4096}};
  }

  void Start(IngressOptions options = Options()) {
    auto server = IngressServer::Start(std::move(options), log_, Clock::Real(),
                                       registry_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  RawConnection Connect() const {
    auto connection = RawConnection::Connect(server_->port());
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }

  static std::string Post(std::string_view body = kBody,
                          std::string_view fields = "") {
    return RawRequest("POST", "/webhooks/signplus", body, fields);
  }
  // A webhook of an envelope of its own.
  static std::string PostEnvelope(int number) {
    return Post(
        R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":")" +
        std::to_string(number) + R"("}})");
  }

  // Waits, for as long as a connection would, until it holds.
  static bool Eventually(const std::function<bool()>& condition) {
    const absl::Time deadline = absl::Now() + RawConnection::kPatience;
    while (!condition()) {
      if (absl::Now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  // The value of a metric of the ingress: of one with labels that where this
  // label has this value; of a histogram how often it was observed.
  double Metric(const std::string& name, const std::string& value = "",
                const std::string& label_name = "reason") const {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != "envelope_relay_ingress_" + name) continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        for (const auto& label : metric.label) {
          if (label.name == label_name && label.value == value) {
            return metric.counter.value + metric.gauge.value;
          }
        }
        if (metric.label.empty()) {
          return metric.counter.value + metric.gauge.value +
                 static_cast<double>(metric.histogram.sample_count);
        }
      }
    }
    ADD_FAILURE() << "no metric " << name << " " << value;
    return -1;
  }

  MemoryEventLog log_;
  prometheus::Registry registry_;
  std::unique_ptr<IngressServer> server_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_INGRESS_INGRESS_SERVER_H_
