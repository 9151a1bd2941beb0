#ifndef ENVELOPE_RELAY_SERVER_CONFIG_CONFIG_H_
#define ENVELOPE_RELAY_SERVER_CONFIG_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "server/base/address.h"
#include "server/base/logging.h"

namespace enveloperelay {

// What the process was told to do: one field an option, of the same name. What
// each means, its default and its range stand in options.cc; a Config made by
// LoadConfig is within them.
struct Config {
  std::string data_dir;
  std::string ports_file;  // empty: none is written
  absl::Duration drain_timeout;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;

  Address ingress_address;
  std::string ingress_token_file;  // empty: no token is asked for
  bool insecure_ingress = false;
  uint64_t ingress_max_body_bytes = 0;
  absl::Duration dedup_window;
  uint64_t ingress_threads = 0;  // 0: by the number of processors
  uint64_t ingress_connections_max = 0;
  absl::Duration ingress_header_timeout;
  absl::Duration ingress_idle_timeout;
  absl::Duration ingress_body_grace;
  uint64_t ingress_body_rate_min = 0;  // bytes a second

  absl::Duration retention_age;  // 0: events are kept whatever their age
  uint64_t retention_bytes = 0;  // 0: events are kept whatever their size
  uint64_t quarantine_max = 0;   // 0: no body is kept
  uint64_t quarantine_bytes_max = 0;
  absl::Duration quarantine_age;  // 0: bodies are kept whatever their age

  uint64_t disk_reserve_bytes = 0;
  uint64_t log_cache_bytes = 0;
  uint64_t log_pending_bytes_max = 0;
  uint64_t log_recent_bytes_max = 0;

  Address grpc_address;
  bool insecure_grpc = false;
  uint64_t grpc_threads = 0;
  uint64_t streams_max = 0;
  uint64_t unary_calls_max = 0;
  uint64_t filter_bytes_max = 0;
  uint64_t subscriptions_max = 0;
  uint64_t subscription_unsettled_max = 0;
  uint64_t subscription_dead_letters_max = 0;
  absl::Duration stream_max_age;
  absl::Duration stream_stall_timeout;

  Address admin_address;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_CONFIG_CONFIG_H_
