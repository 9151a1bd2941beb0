#include "tests/load/report.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace enveloperelay::load {
namespace {

namespace json = boost::json;

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1
                            ? values[middle]
                            : (values[middle - 1] + values[middle]) / 2;
  return {.median = median, .min = values.front(), .max = values.back()};
}

std::vector<double> Rates(const std::vector<Sample>& samples) {
  std::vector<double> rates;
  rates.reserve(samples.size());
  for (const Sample& sample : samples) rates.push_back(sample.per_second);
  return rates;
}

std::vector<double> Ratios(const Figure& figure) {
  const size_t rounds = std::min(figure.relay.size(), figure.bare.size());
  std::vector<double> ratios;
  ratios.reserve(rounds);
  for (size_t i = 0; i < rounds; ++i) {
    ratios.push_back(figure.relay[i].per_second / figure.bare[i].per_second);
  }
  return ratios;
}

double Micros(absl::Duration duration) {
  return absl::ToDoubleMicroseconds(duration);
}

std::string SampleLine(std::string_view who, const Sample& sample) {
  std::string line = absl::StrFormat(
      "    %-12s %9.0f /s   processor µs each: server %5.2f, client %5.2f",
      std::string(who), sample.per_second, Micros(sample.server_cpu),
      Micros(sample.client_cpu));
  if (sample.median_latency > absl::ZeroDuration()) {
    absl::StrAppendFormat(&line, "   latency ms: median %.2f, p99 %.2f",
                          absl::ToDoubleMilliseconds(sample.median_latency),
                          absl::ToDoubleMilliseconds(sample.p99_latency));
  }
  return line + "\n";
}

std::string FigureText(const Figure& figure) {
  std::string text = absl::StrCat("\n", figure.name, "\n");
  const std::vector<double> ratios = Ratios(figure);
  for (size_t i = 0; i < ratios.size(); ++i) {
    absl::StrAppendFormat(&text, "  round %d: %.2f\n", i + 1, ratios[i]);
    text += SampleLine("relay", figure.relay[i]);
    text += SampleLine(figure.baseline, figure.bare[i]);
  }
  const Spread ratio = SpreadOf(ratios);
  absl::StrAppendFormat(&text,
                        "  median: relay %.0f /s, %s %.0f /s\n"
                        "  ratio:  %.2f (%.2f to %.2f), aim %.1f\n",
                        SpreadOf(Rates(figure.relay)).median, figure.baseline,
                        SpreadOf(Rates(figure.bare)).median, ratio.median,
                        ratio.min, ratio.max, figure.aim);
  return text;
}

std::string FootprintText(const Footprint& footprint) {
  std::string text = absl::StrCat("\n", footprint.name, "\n");
  for (const Usage& usage : footprint.usages) {
    absl::StrAppendFormat(
        &text, "  %-20s %5.2f cores, %6.1f MiB resident, %d threads\n",
        usage.when, usage.cores,
        static_cast<double>(usage.resident_bytes) / (1U << 20U), usage.threads);
  }
  absl::StrAppendFormat(&text, "  all settled %.2f s after the last event\n",
                        absl::ToDoubleSeconds(footprint.lag));
  return text;
}

json::object ToJson(const Footprint& footprint) {
  json::array usages;
  for (const Usage& usage : footprint.usages) {
    usages.push_back(json::object{{"when", usage.when},
                                  {"cores", usage.cores},
                                  {"resident_bytes", usage.resident_bytes},
                                  {"threads", usage.threads}});
  }
  return {{"name", footprint.name},
          {"usages", std::move(usages)},
          {"lag_micros", Micros(footprint.lag)}};
}

json::array ToJson(const std::vector<Sample>& samples) {
  json::array array;
  for (const Sample& sample : samples) {
    array.push_back(
        json::object{{"per_second", sample.per_second},
                     {"server_cpu_micros", Micros(sample.server_cpu)},
                     {"client_cpu_micros", Micros(sample.client_cpu)},
                     {"median_latency_micros", Micros(sample.median_latency)},
                     {"p99_latency_micros", Micros(sample.p99_latency)}});
  }
  return array;
}

json::object ToJson(const Figure& figure) {
  const Spread ratio = SpreadOf(Ratios(figure));
  return {{"name", figure.name},
          {"baseline", figure.baseline},
          {"relay_per_second", SpreadOf(Rates(figure.relay)).median},
          {"bare_per_second", SpreadOf(Rates(figure.bare)).median},
          {"ratio", ratio.median},
          {"ratio_min", ratio.min},
          {"ratio_max", ratio.max},
          {"aim", figure.aim},
          {"relay_rounds", ToJson(figure.relay)},
          {"bare_rounds", ToJson(figure.bare)}};
}

}  // namespace

std::string ToText(const Report& report) {
  std::string text = absl::StrFormat(
      "%s\n%s\n%d cores of %s, %s, fdatasync of 4 KiB %.2f ms\n",
      report.command,
      absl::FormatTime("%Y-%m-%d %H:%M UTC", report.time, absl::UTCTimeZone()),
      report.machine.cores, report.machine.cpu_model, report.machine.kernel,
      absl::ToDoubleMilliseconds(report.sync_time));
  for (const Figure& figure : report.figures) text += FigureText(figure);
  for (const Footprint& footprint : report.footprints) {
    text += FootprintText(footprint);
  }
  return text;
}

std::string ToJson(const Report& report) {
  json::array figures;
  for (const Figure& figure : report.figures) figures.push_back(ToJson(figure));
  json::array footprints;
  for (const Footprint& footprint : report.footprints) {
    footprints.push_back(ToJson(footprint));
  }
  return json::serialize(json::object{
      {"time",
       absl::FormatTime(absl::RFC3339_sec, report.time, absl::UTCTimeZone())},
      {"command", report.command},
      {"cores", report.machine.cores},
      {"cpu_model", report.machine.cpu_model},
      {"kernel", report.machine.kernel},
      {"fdatasync_micros", Micros(report.sync_time)},
      {"figures", std::move(figures)},
      {"footprints", std::move(footprints)}});
}

}  // namespace enveloperelay::load
