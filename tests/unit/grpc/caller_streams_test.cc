#include "server/grpc/caller_streams.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"

namespace enveloperelay {
namespace {

// The metric, by principal.
std::map<std::string, double> Collect(const prometheus::Registry& registry) {
  std::map<std::string, double> streams;
  for (const prometheus::MetricFamily& family : registry.Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      streams[metric.label.at(0).value] = metric.gauge.value;
    }
  }
  return streams;
}

TEST(CallerStreamsTest, CountsTheStreamsOfEach) {
  prometheus::Registry registry;
  CallerStreams streams(registry);
  streams.Add("token:a");
  streams.Add("token:a");
  streams.Add("token:b");
  EXPECT_EQ(streams.Count("token:a"), 2);
  EXPECT_EQ(streams.Count("token:c"), 0);
  using Expected = std::map<std::string, double>;
  EXPECT_EQ(Collect(registry),
            (Expected{{"other", 0}, {"token:a", 2}, {"token:b", 1}}));
  streams.Remove("token:a");
  streams.Remove("token:b");
  EXPECT_EQ(Collect(registry), (Expected{{"other", 0}, {"token:a", 1}}));
}

TEST(CallerStreamsTest, LabelsSoManyAndNoMore) {
  prometheus::Registry registry;
  CallerStreams streams(registry);
  for (size_t i = 0; i < CallerStreams::kLabelsMax + 5; ++i) {
    streams.Add(absl::StrCat("token:", i));
  }
  EXPECT_EQ(Collect(registry).size(), CallerStreams::kLabelsMax + 1);
  EXPECT_EQ(Collect(registry).at("other"), 5);
  for (size_t i = 0; i < CallerStreams::kLabelsMax + 5; ++i) {
    streams.Remove(absl::StrCat("token:", i));
  }
  EXPECT_EQ(Collect(registry).size(), 1);
  EXPECT_EQ(Collect(registry).at("other"), 0);
}

}  // namespace
}  // namespace enveloperelay
