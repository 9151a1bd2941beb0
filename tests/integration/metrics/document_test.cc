// deploy/METRICS.md lists what there is on /metrics, and nothing else.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/metrics/metrics_relay_test.h"
#include "tests/support/files.h"
#include "tests/support/metrics_page.h"
#include "tests/support/raw_http.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

using LabelSets = std::set<MetricsPage::Labels>;

// A row of the tables.
struct Documented {
  std::string type;
  std::set<std::string> label_names;
  // All that there are; none if they are not listed.
  LabelSets label_sets;
};

// What stands between pairs of backquotes.
std::vector<std::string> Quoted(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '`');
  std::vector<std::string> quoted;
  for (size_t i = 1; i < parts.size(); i += 2) quoted.push_back(parts[i]);
  return quoted;
}

// "`status`, `reason`: `200 STORED`, …", or "`token`", or nothing.
void ParseLabels(const std::string& cell, Documented& documented) {
  const std::vector<std::string> halves = absl::StrSplit(cell, ':');
  const std::vector<std::string> names = Quoted(halves[0]);
  documented.label_names.insert(names.begin(), names.end());
  if (halves.size() < 2) return;
  for (const std::string& values : Quoted(halves[1])) {
    const std::vector<std::string> each = absl::StrSplit(values, ' ');
    ASSERT_EQ(each.size(), names.size()) << values;
    MetricsPage::Labels labels;
    for (size_t i = 0; i < each.size(); ++i) labels[names[i]] = each[i];
    documented.label_sets.insert(labels);
  }
}

std::map<std::string, Documented> ReadDocument() {
  std::map<std::string, Documented> metrics;
  for (const std::string& line : Lines(ContentOf(RELAY_METRICS_MD))) {
    if (!line.starts_with("| `")) continue;
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    EXPECT_EQ(cells.size(), 6) << line;
    if (cells.size() != 6) continue;
    EXPECT_NE(absl::StripAsciiWhitespace(cells[4]), "") << line;
    Documented& documented = metrics[Quoted(cells[1]).at(0)];
    documented.type = std::string(absl::StripAsciiWhitespace(cells[2]));
    ParseLabels(cells[3], documented);
  }
  return metrics;
}

// The names of a sample's labels, but for the one of a histogram's buckets.
std::set<std::string> NamesOf(const MetricsPage::Labels& labels) {
  std::set<std::string> names;
  for (const auto& [name, value] : labels) {
    if (name != "le") names.insert(name);
  }
  return names;
}

class DocumentTest : public MetricsRelayTest {
 protected:
  // With a token and a subscription, so that no metric is without a series.
  void StartWithAll() {
    WriteFileAtOnce(directory_.File("tokens"),
                    "signplus whtok_0123456789abcdef\n");
    StartRelay({"--ingress-token-file=" + directory_.File("tokens")});
    page_at_start_ = Scrape();
    Create();
    ASSERT_TRUE(Eventually([this] {
      return !Scrape()
                  .Samples("envelope_relay_subscription_dead_letters")
                  .empty();
    }));
    page_ = Scrape();
  }

  const std::map<std::string, Documented> document_ = ReadDocument();
  TempDir directory_;
  MetricsPage page_at_start_{""};
  MetricsPage page_{""};
};

TEST_F(DocumentTest, ListsEveryMetricWithItsTypeAndNoOther) {
  ASSERT_NO_FATAL_FAILURE(StartWithAll());
  std::map<std::string, std::string> types;
  for (const auto& [name, documented] : document_) {
    types[name] = documented.type;
  }
  EXPECT_THAT(types, Not(IsEmpty()));
  EXPECT_EQ(page_.types(), types);
}

TEST_F(DocumentTest, ListsTheLabelsOfEachMetric) {
  ASSERT_NO_FATAL_FAILURE(StartWithAll());
  for (const auto& [name, documented] : document_) {
    const std::vector<MetricsPage::Sample> samples = page_.Samples(name);
    EXPECT_THAT(samples, Not(IsEmpty())) << name;
    LabelSets label_sets;
    for (const MetricsPage::Sample& sample : samples) {
      EXPECT_EQ(NamesOf(sample.labels), documented.label_names) << name;
      label_sets.insert(sample.labels);
    }
    if (!documented.label_sets.empty()) {
      EXPECT_EQ(label_sets, documented.label_sets) << name;
    }
  }
}

TEST_F(DocumentTest, EverySeriesThatIsListedStandsAtZeroAtTheStart) {
  ASSERT_NO_FATAL_FAILURE(StartWithAll());
  // The first start writes what the log is, and syncs that.
  const std::set<std::string> moves = {
      "envelope_relay_log_fsync_duration_seconds", "process_cpu_seconds_total"};
  size_t looked_at = 0;
  for (const auto& [name, documented] : document_) {
    const bool is_listed = !documented.label_sets.empty();
    if ((documented.type == "gauge" && !is_listed) || moves.contains(name)) {
      continue;
    }
    LabelSets label_sets;
    for (const MetricsPage::Sample& sample : page_at_start_.Samples(name)) {
      EXPECT_EQ(sample.value, 0) << sample.name;
      label_sets.insert(sample.labels);
      ++looked_at;
    }
    if (is_listed) {
      EXPECT_EQ(label_sets, documented.label_sets) << name;
    }
  }
  EXPECT_GT(looked_at, 100);
}

TEST_F(DocumentTest, PrometheusHasNoComplaint) {
  ASSERT_NO_FATAL_FAILURE(StartWithAll());
  ExpectNoComplaint(page_at_start_);
  ExpectNoComplaint(page_);
}

}  // namespace
}  // namespace enveloperelay::testing
