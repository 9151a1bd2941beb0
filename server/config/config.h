#ifndef ENVELOPE_RELAY_SERVER_CONFIG_CONFIG_H_
#define ENVELOPE_RELAY_SERVER_CONFIG_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/base/address.h"
#include "server/base/logging.h"
#include "server/base/network.h"

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
  std::string ingress_token_file;           // empty: no token is asked for
  std::string ingress_signing_secret_file;  // empty: no signature is asked for
  std::vector<Network> ingress_sources;     // empty: from anywhere
  std::vector<Network> ingress_trusted_proxies;
  bool insecure_ingress = false;
  uint64_t ingress_max_body_bytes = 0;
  absl::Duration dedup_window;
  std::string ingress_tls_cert_file;  // empty: no TLS
  std::string ingress_tls_key_file;
  std::string ingress_tls_client_ca_file;  // empty: none is asked for
  uint64_t ingress_threads = 0;            // 0: by the number of processors
  uint64_t ingress_connections_max = 0;
  uint64_t ingress_connections_per_address_max = 0;  // 0: without limit
  absl::Duration ingress_connection_age_max;
  absl::Duration ingress_header_timeout;
  absl::Duration ingress_idle_timeout;
  absl::Duration ingress_body_grace;
  uint64_t ingress_body_rate_min = 0;  // bytes a second
  // A second; 0: without limit.
  uint64_t ingress_rate_max = 0;
  uint64_t ingress_rate_per_address_max = 0;
  uint64_t ingress_wrong_tokens_per_address_max = 0;

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
  std::string grpc_tls_cert_file;       // empty: no TLS
  std::string grpc_tls_key_file;        // given if and only if the one above is
  std::string grpc_tls_client_ca_file;  // empty: clients show no certificate
  std::string grpc_token_file;          // empty: no token makes a caller known
  std::string grpc_policy_file;         // empty: who is known may do everything
  uint64_t grpc_threads = 0;
  uint64_t streams_max = 0;
  uint64_t streams_per_caller_max = 0;
  uint64_t unary_calls_max = 0;
  uint64_t filter_bytes_max = 0;
  uint64_t subscriptions_max = 0;
  uint64_t subscription_unsettled_max = 0;
  uint64_t subscription_dead_letters_max = 0;
  absl::Duration stream_max_age;
  absl::Duration stream_stall_timeout;

  Address admin_address;
  bool insecure_admin = false;
  std::string admin_tls_cert_file;  // empty: no TLS
  std::string admin_tls_key_file;
  std::string admin_tls_client_ca_file;  // empty: none is asked for
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_CONFIG_CONFIG_H_
