#include "server/base/metrics.h"

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace enveloperelay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Text(const prometheus::Collectable& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.Collect());
}

// A gauge and a family of counters that are looked up.
class LookedUp final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::MetricFamily lost =
        MakeFamily("lost_total", "Lost.", prometheus::MetricType::Counter);
    AddValue("name", "a", 1, lost);
    AddValue("name", "b", 2, lost);
    return {MakeGauge("level", "Level.", 7), lost,
            MakeCounter("seconds_total", "Seconds.", 1.5)};
  }
};

TEST(MetricsTest, SourcesAreShownTogether) {
  prometheus::Registry registry;
  AddCounter(registry, "done_total", "Done.").Increment(3);
  AddGauge(registry, "open", "Open.").Set(4);
  AddHistogram(registry, "took_seconds", "Took.", {1, 2}).Observe(1.5);
  const LookedUp looked_up;
  MetricSources sources;
  sources.Add(registry);
  EXPECT_EQ(Text(sources), Text(registry));
  sources.Add(looked_up);
  EXPECT_THAT(
      Text(sources),
      AllOf(HasSubstr("# TYPE done_total counter\ndone_total 3\n"),
            HasSubstr("\nopen 4\n"),
            HasSubstr("\ntook_seconds_bucket{le=\"2\"} 1\n"),
            HasSubstr("# HELP level Level.\n# TYPE level gauge\nlevel 7\n"),
            HasSubstr("# TYPE lost_total counter\nlost_total{name=\"a\"} 1\n"
                      "lost_total{name=\"b\"} 2\n"),
            HasSubstr("\nseconds_total 1.5\n")));
}

TEST(MetricsTest, ATimeIsSecondsOrZero) {
  EXPECT_EQ(ToUnixSecondsOrZero(absl::FromUnixMillis(1'500)), 1.5);
  EXPECT_EQ(ToUnixSecondsOrZero(absl::InfinitePast()), 0);
  EXPECT_EQ(ToUnixSecondsOrZero(absl::InfiniteFuture()), 0);
}

}  // namespace
}  // namespace enveloperelay
