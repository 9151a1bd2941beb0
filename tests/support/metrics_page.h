#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_METRICS_PAGE_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_METRICS_PAGE_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace enveloperelay::testing {

// A page of metrics in Prometheus's text format, as the relay writes it: no
// label's value has a comma, a quote or a brace in it.
class MetricsPage {
 public:
  using Labels = std::map<std::string, std::string>;
  struct Sample {
    std::string name;
    Labels labels;
    double value = 0;
  };

  // What is no sample and no comment fails the test.
  explicit MetricsPage(std::string text);

  const std::string& text() const { return text_; }
  // "counter", by name.
  const std::map<std::string, std::string>& types() const { return types_; }
  // Those of a name; of a histogram those of its name with a suffix.
  std::vector<Sample> Samples(std::string_view name) const;
  // That of a series; not a number, and the test fails, if there is none.
  double Value(std::string_view name, const Labels& labels = {}) const;

 private:
  std::string text_;
  std::map<std::string, std::string> types_;
  std::vector<Sample> samples_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_METRICS_PAGE_H_
