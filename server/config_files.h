#ifndef ENVELOPE_RELAY_SERVER_CONFIG_FILES_H_
#define ENVELOPE_RELAY_SERVER_CONFIG_FILES_H_

#include <string>

#include "server/access/access.h"
#include "server/config/config.h"
#include "server/grpc/certificates.h"
#include "server/http/tls_context.h"

namespace enveloperelay {

// The files that options name.
TlsFiles IngressTlsFilesOf(const Config& config);
TlsFiles AdminTlsFilesOf(const Config& config);
CertificateFiles GrpcCertificateFilesOf(const Config& config);
AccessOptions AccessOptionsOf(const Config& config);

// What is wrong with what stands in them, one line for each option or group of
// options; empty: nothing. What is odd but allowed may be logged.
std::string ProblemsOfFiles(const Config& config);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_CONFIG_FILES_H_
