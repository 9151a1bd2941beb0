#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_METRICS_METRICS_RELAY_TEST_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_METRICS_METRICS_RELAY_TEST_H_

#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/integration/subscriptions/subscriptions_relay_test.h"
#include "tests/support/child_process.h"
#include "tests/support/eventually.h"
#include "tests/support/files.h"
#include "tests/support/metrics_page.h"
#include "tests/support/raw_http.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {

// The relay as it is shipped, and its metrics.
class MetricsRelayTest : public SubscriptionsRelayTest {
 protected:
  MetricsPage Scrape() const {
    const auto response =
        Fetch(relay_->admin_port(), RawRequest("GET", "/metrics"));
    EXPECT_TRUE(response.ok()) << response.status();
    return MetricsPage(response.ok() ? response->body : "");
  }
  double Value(std::string_view name,
               const MetricsPage::Labels& labels = {}) const {
    return Scrape().Value(name, labels);
  }
  // For what is counted after somebody has been told.
  bool Becomes(std::string_view name, double value,
               const MetricsPage::Labels& labels = {}) const {
    return Eventually([&] { return Scrape().Value(name, labels) == value; });
  }

  // Prometheus's own check has nothing to say of the page.
  static void ExpectNoComplaint(const MetricsPage& page) {
    const TempDir directory;
    const std::string file = directory.File("metrics");
    WriteFileAtOnce(file, page.text());
    const FinishedCommand check = RunCommand(
        {.program = "/bin/sh",
         .arguments = {"-c", "promtool check metrics < \"$1\"", "sh", file}});
    EXPECT_EQ(check.status, ExitStatus{.code = 0})
        << check.output << check.errors;
    EXPECT_EQ(check.output + check.errors, "");
  }
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_METRICS_METRICS_RELAY_TEST_H_
