#include "server/admin/process_metrics.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"

namespace enveloperelay {
namespace {

// From proc(5), with each field's number where no other number is needed.
constexpr char kStat[] =
    "1 (a) b (c) S 4 5 6 7 8 9 10 11 12 13 1400 15 16 17 18 19 20 21 2200 "
    "230000 2400 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44\n";

std::map<std::string, double> Values(const ProcessMetrics& metrics) {
  std::map<std::string, double> values;
  for (const prometheus::MetricFamily& family : metrics.Collect()) {
    values[family.name] = family.type == prometheus::MetricType::Counter
                              ? family.metric.at(0).counter.value
                              : family.metric.at(0).gauge.value;
  }
  return values;
}

TEST(ProcessMetricsTest, ReadsWhatTheKernelSays) {
  const std::optional<ProcessStat> stat = ParseProcessStat(kStat);
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->cpu_ticks, 1400 + 15);
  EXPECT_EQ(stat->threads, 20);
  EXPECT_EQ(stat->start_ticks, 2200);
  EXPECT_EQ(stat->virtual_bytes, 230'000);
  EXPECT_EQ(stat->resident_pages, 2400);
}

TEST(ProcessMetricsTest, ReadsNothingElse) {
  for (const char* const text : {"", "1 (a", "1 (a) S 4 5",
                                 "1 (a) S 4 5 6 7 8 9 10 11 12 13 x 15 16 17 "
                                 "18 19 20 21 22 23 24 25"}) {
    EXPECT_EQ(ParseProcessStat(text), std::nullopt) << text;
  }
}

TEST(ProcessMetricsTest, SaysWhatThisProcessTakes) {
  const ProcessMetrics metrics;
  const std::map<std::string, double> before = Values(metrics);
  ASSERT_EQ(before.size(), 7);
  EXPECT_EQ(before.at("process_threads"), 1);
  EXPECT_GT(before.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(before.at("process_virtual_memory_bytes"),
            before.at("process_resident_memory_bytes"));
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  EXPECT_LE(before.at("process_start_time_seconds"), now + 1);
  EXPECT_GE(before.at("process_start_time_seconds"), now - 600);
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(before.at("process_max_fds"), limit.rlim_cur);

  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  EXPECT_EQ(Values(metrics).at("process_open_fds"),
            before.at("process_open_fds") + 1);
  close(file);
  // Time is told in ticks of 10 ms.
  while (Values(metrics).at("process_cpu_seconds_total") <=
         before.at("process_cpu_seconds_total")) {
  }
}

}  // namespace
}  // namespace enveloperelay
