#include "tests/support/metrics_page.h"

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "tests/support/files.h"

namespace enveloperelay::testing {
namespace {

// `a="1",b="2"`
MetricsPage::Labels ParseLabels(const std::string& text) {
  MetricsPage::Labels labels;
  const std::vector<std::string> parts =
      absl::StrSplit(text, ',', absl::SkipEmpty());
  for (const std::string& label : parts) {
    const size_t equals = label.find("=\"");
    EXPECT_TRUE(equals != std::string::npos && label.back() == '"') << label;
    if (equals == std::string::npos) continue;
    labels[label.substr(0, equals)] =
        label.substr(equals + 2, label.size() - equals - 3);
  }
  return labels;
}

// `name{a="1"} 2`
MetricsPage::Sample ParseSample(const std::string& line) {
  MetricsPage::Sample sample;
  const size_t space = line.rfind(' ');
  EXPECT_NE(space, std::string::npos) << line;
  const std::string series = line.substr(0, space);
  const size_t brace = series.find('{');
  sample.name = series.substr(0, brace);
  if (brace != std::string::npos) {
    EXPECT_EQ(series.back(), '}') << line;
    sample.labels =
        ParseLabels(series.substr(brace + 1, series.size() - brace - 2));
  }
  EXPECT_TRUE(absl::SimpleAtod(line.substr(space + 1), &sample.value)) << line;
  return sample;
}

std::string ToText(std::string_view name, const MetricsPage::Labels& labels) {
  return std::string(name) + "{" +
         absl::StrJoin(labels, ",", absl::PairFormatter("=")) + "}";
}

}  // namespace

MetricsPage::MetricsPage(std::string text) : text_(std::move(text)) {
  for (const std::string& line : Lines(text_)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] != "#") {
      samples_.push_back(ParseSample(line));
    } else if (words.size() == 4 && words[1] == "TYPE") {
      EXPECT_TRUE(types_.emplace(words[2], words[3]).second)
          << words[2] << " is there twice";
    }
  }
}

std::vector<MetricsPage::Sample> MetricsPage::Samples(
    std::string_view name) const {
  std::vector<Sample> found;
  for (const Sample& sample : samples_) {
    const std::string_view all = sample.name;
    if (!all.starts_with(name)) continue;
    const std::string_view suffix = all.substr(name.size());
    if (suffix.empty() || suffix == "_bucket" || suffix == "_sum" ||
        suffix == "_count") {
      found.push_back(sample);
    }
  }
  return found;
}

double MetricsPage::Value(std::string_view name, const Labels& labels) const {
  for (const Sample& sample : samples_) {
    if (sample.name == name && sample.labels == labels) return sample.value;
  }
  ADD_FAILURE() << "no " << ToText(name, labels);
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace enveloperelay::testing
