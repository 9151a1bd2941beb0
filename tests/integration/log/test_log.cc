#include "tests/integration/log/test_log.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"
#include "prometheus/registry.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "tests/support/append.h"
#include "tests/support/log_range.h"

namespace enveloperelay::testing {

void TestLog::Fill(int first, int last, size_t payload_bytes) {
  std::latch answered(last - first + 1);
  for (int i = first; i <= last; ++i) {
    const std::string payload = Noise(static_cast<uint32_t>(i), payload_bytes);
    log_->Append(MakeEvent({.event_id = absl::StrCat("event-", i),
                            .receive_time = kStart + absl::Seconds(i),
                            .payload = payload}),
                 [&answered](const absl::StatusOr<Appended>& appended) {
                   EXPECT_TRUE(appended.ok()) << appended.status();
                   answered.count_down();
                 });
  }
  answered.wait();
}

std::vector<uint64_t> TestLog::ReadAll(Sequence after) {
  std::vector<uint64_t> all;
  const Sequence end = log_->Bounds().latest;
  while (after < end) {
    const absl::StatusOr<LogRange> range =
        log_->Read(after, {.events_max = 1000, .bytes_max = size_t{1} << 20});
    if (!range.ok()) {
      ADD_FAILURE() << "after " << after.value << ": " << range.status();
      return all;
    }
    for (const uint64_t sequence : Sequences(*range)) all.push_back(sequence);
    after = range->end;
  }
  return all;
}

std::string TestLog::Noise(uint32_t seed, size_t bytes) {
  std::mt19937 random(seed);
  std::string noise(bytes, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  return noise;
}

void WithDatabase(
    const std::string& dir,
    const std::function<void(rocksdb::DB&, const ColumnFamilies&)>& work) {
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, dir, &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(names.size());
  for (const std::string& name : names) {
    descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions());
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, dir, descriptors, &handles, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  ColumnFamilies families;
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    families[handle->GetName()] = handle;
  }
  work(*db, families);
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    EXPECT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  }
}

double MetricValue(const prometheus::Collectable& metrics,
                   const std::string& name) {
  for (const prometheus::MetricFamily& family : metrics.Collect()) {
    if (family.name != name) continue;
    switch (family.type) {
      case prometheus::MetricType::Counter:
        return family.metric.at(0).counter.value;
      case prometheus::MetricType::Gauge:
        return family.metric.at(0).gauge.value;
      default:
        return static_cast<double>(family.metric.at(0).histogram.sample_count);
    }
  }
  ADD_FAILURE() << "no metric " << name;
  return 0;
}

}  // namespace enveloperelay::testing
