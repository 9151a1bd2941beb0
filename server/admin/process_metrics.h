#ifndef ENVELOPE_RELAY_SERVER_ADMIN_PROCESS_METRICS_H_
#define ENVELOPE_RELAY_SERVER_ADMIN_PROCESS_METRICS_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace enveloperelay {

// What /proc/PID/stat says of a process; see proc(5).
struct ProcessStat {
  uint64_t cpu_ticks = 0;  // in user mode and in the kernel
  uint64_t threads = 0;
  uint64_t start_ticks = 0;  // since the machine was started
  uint64_t virtual_bytes = 0;
  uint64_t resident_pages = 0;

  friend bool operator==(const ProcessStat&, const ProcessStat&) = default;
};

// Reads the text of that file. Nothing: it is not one.
std::optional<ProcessStat> ParseProcessStat(std::string_view text);

// What this process takes: the metrics process_* that Prometheus's own client
// libraries have, too. Those that the kernel does not tell are left out.
// Thread-safe.
class ProcessMetrics final : public prometheus::Collectable {
 public:
  ProcessMetrics();

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // Seconds since the Unix epoch.
  const double boot_time_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_ADMIN_PROCESS_METRICS_H_
