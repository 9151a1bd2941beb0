#include "server/base/metrics.h"

#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "prometheus/client_metric.h"
#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"
#include "prometheus/registry.h"
#include "server/base/check.h"
#include "server/base/mutex.h"

namespace enveloperelay {
namespace {

void Append(prometheus::ClientMetric metric, double value,
            prometheus::MetricFamily& family) {
  if (family.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    RELAY_CHECK(family.type == prometheus::MetricType::Gauge);
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
}

}  // namespace

prometheus::Gauge& AddGauge(prometheus::Registry& registry,
                            const std::string& name, const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(
      {});
}

prometheus::Counter& AddCounter(prometheus::Registry& registry,
                                const std::string& name,
                                const std::string& help) {
  return prometheus::BuildCounter()
      .Name(name)
      .Help(help)
      .Register(registry)
      .Add({});
}

prometheus::Histogram& AddHistogram(
    prometheus::Registry& registry, const std::string& name,
    const std::string& help,
    const prometheus::Histogram::BucketBoundaries& buckets) {
  return prometheus::BuildHistogram()
      .Name(name)
      .Help(help)
      .Register(registry)
      .Add({}, buckets);
}

prometheus::MetricFamily MakeFamily(std::string name, std::string help,
                                    prometheus::MetricType type) {
  return {.name = std::move(name),
          .help = std::move(help),
          .type = type,
          .metric = {}};
}

prometheus::MetricFamily MakeGauge(std::string name, std::string help,
                                   double value) {
  prometheus::MetricFamily family = MakeFamily(std::move(name), std::move(help),
                                               prometheus::MetricType::Gauge);
  Append({}, value, family);
  return family;
}

prometheus::MetricFamily MakeCounter(std::string name, std::string help,
                                     double value) {
  prometheus::MetricFamily family = MakeFamily(std::move(name), std::move(help),
                                               prometheus::MetricType::Counter);
  Append({}, value, family);
  return family;
}

void AddValue(std::string label_name, std::string label_value, double value,
              prometheus::MetricFamily& family) {
  prometheus::ClientMetric metric;
  metric.label.push_back(
      {.name = std::move(label_name), .value = std::move(label_value)});
  Append(std::move(metric), value, family);
}

double ToUnixSecondsOrZero(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return 0;
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

void MetricSources::Add(const prometheus::Collectable& source) {
  const MutexLock lock(mutex_);
  sources_.push_back(&source);
}

std::vector<prometheus::MetricFamily> MetricSources::Collect() const {
  std::vector<const prometheus::Collectable*> sources;
  {
    const MutexLock lock(mutex_);
    sources = sources_;
  }
  std::vector<prometheus::MetricFamily> all;
  for (const prometheus::Collectable* source : sources) {
    std::vector<prometheus::MetricFamily> families = source->Collect();
    all.insert(all.end(), std::make_move_iterator(families.begin()),
               std::make_move_iterator(families.end()));
  }
  return all;
}

}  // namespace enveloperelay
