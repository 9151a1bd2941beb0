#include "server/admin/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "prometheus/metric_family.h"
#include "server/base/metrics.h"
#include "server/base/text.h"

namespace enveloperelay {
namespace {

double Seconds(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return absl::ToDoubleSeconds(absl::DurationFromTimespec(now));
}

std::optional<ProcessStat> ReadStat() {
  std::ifstream file("/proc/self/stat");
  return ParseProcessStat(
      std::string(std::istreambuf_iterator<char>(file), {}));
}

// Descriptors that are open; nothing: they cannot be counted.
std::optional<size_t> CountDescriptors() {
  std::error_code error;
  size_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end;
       !error && it != end; it.increment(error)) {
    ++count;
  }
  if (error || count == 0) return std::nullopt;
  return count - 1;  // one was that of the directory
}

}  // namespace

std::optional<ProcessStat> ParseProcessStat(std::string_view text) {
  // The second field is the program's name in parentheses, and may hold any
  // character. Numbers below are those of the manual.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(ToAbsl(text.substr(name_end + 1)), absl::ByAnyChar(" \n"),
                     absl::SkipEmpty());
  const auto read = [&fields](size_t number, uint64_t& value) {
    constexpr size_t kFirst = 3;
    return number - kFirst < fields.size() &&
           absl::SimpleAtoi(fields[number - kFirst], &value);
  };
  ProcessStat stat;
  uint64_t user_ticks = 0;
  uint64_t kernel_ticks = 0;
  if (!read(14, user_ticks) || !read(15, kernel_ticks) ||
      !read(20, stat.threads) || !read(22, stat.start_ticks) ||
      !read(23, stat.virtual_bytes) || !read(24, stat.resident_pages)) {
    return std::nullopt;
  }
  stat.cpu_ticks = user_ticks + kernel_ticks;
  return stat;
}

ProcessMetrics::ProcessMetrics()
    : boot_time_(Seconds(CLOCK_REALTIME) - Seconds(CLOCK_BOOTTIME)) {}

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  if (const std::optional<ProcessStat> stat = ReadStat()) {
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
    families.push_back(
        MakeCounter("process_cpu_seconds_total",
                    "Processor time taken, in user mode and in the kernel.",
                    static_cast<double>(stat->cpu_ticks) / ticks));
    families.push_back(
        MakeGauge("process_resident_memory_bytes", "Memory held.",
                  static_cast<double>(stat->resident_pages) * page_bytes));
    families.push_back(MakeGauge("process_virtual_memory_bytes",
                                 "Size of the address space.",
                                 static_cast<double>(stat->virtual_bytes)));
    families.push_back(MakeGauge("process_threads", "Threads.",
                                 static_cast<double>(stat->threads)));
    families.push_back(
        MakeGauge("process_start_time_seconds", "When the process was started.",
                  boot_time_ + static_cast<double>(stat->start_ticks) / ticks));
  }
  if (const std::optional<size_t> open = CountDescriptors()) {
    families.push_back(MakeGauge("process_open_fds", "File descriptors open.",
                                 static_cast<double>(*open)));
  }
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.push_back(MakeGauge("process_max_fds",
                                 "File descriptors that may be open.",
                                 static_cast<double>(limit.rlim_cur)));
  }
  return families;
}

}  // namespace enveloperelay
