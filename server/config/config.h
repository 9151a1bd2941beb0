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

  Address grpc_address;
  bool insecure_grpc = false;

  Address admin_address;

  absl::Duration retention_age;  // 0: events are kept whatever their age
  uint64_t retention_bytes = 0;  // 0: events are kept whatever their size
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_CONFIG_CONFIG_H_
