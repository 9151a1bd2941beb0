#ifndef ENVELOPE_RELAY_SERVER_PORTS_FILE_H_
#define ENVELOPE_RELAY_SERVER_PORTS_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "server/server.h"

namespace enveloperelay {

// Writes `{"ingress":1,"grpc":2,"admin":3}` to `path`, which is replaced in
// one step: a reader sees the old file or the whole new one.
// Errors: that of the failed system call, naming the file.
absl::Status WritePortsFile(const std::string& path, const Ports& ports);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_PORTS_FILE_H_
