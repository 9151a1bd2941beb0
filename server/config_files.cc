#include "server/config_files.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"
#include "prometheus/registry.h"
#include "server/access/access.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/base/text.h"
#include "server/config/config.h"
#include "server/grpc/certificates.h"
#include "server/http/tls_context.h"
#include "server/ingress/keys.h"

namespace enveloperelay {
namespace {

// Collects what is wrong, by option.
class Problems {
 public:
  void Add(std::string_view option, const absl::Status& status) {
    if (status.ok()) return;
    problems_.push_back(absl::StrCat(ToAbsl(option), ": ", status.message()));
  }
  // Takes what was read into `field`, if it could be.
  template <typename Read, typename Field>
  void Add(std::string_view option, absl::StatusOr<Read> read, Field& field) {
    Add(option, read.status());
    if (read.ok()) field = *std::move(read);
  }

  std::vector<std::string> Take() && { return std::move(problems_); }

 private:
  std::vector<std::string> problems_;
};

}  // namespace

ConfigFiles::ConfigFiles(const Config& config, const Clock& clock,
                         prometheus::Registry& registry)
    : keys(std::make_shared<IngressKeys>(registry)),
      access(clock, {.certificates = !config.grpc_tls_client_ca_file.empty(),
                     .token_file = config.grpc_token_file,
                     .policy_file = config.grpc_policy_file}) {}

std::vector<std::string> ConfigFiles::Read(const Config& config) {
  Problems problems;
  if (!config.ingress_token_file.empty()) {
    problems.Add(
        "--ingress-token-file",
        IngressKeys::WatchTokens(keys, config.ingress_token_file, watched));
  }
  if (!config.ingress_signing_secret_file.empty()) {
    problems.Add("--ingress-signing-secret-file",
                 IngressKeys::WatchSigningSecrets(
                     keys, config.ingress_signing_secret_file, watched));
  }
  if (!config.ingress_tls_cert_file.empty()) {
    problems.Add(
        "--ingress-tls-cert-file",
        TlsContext::Watch({.certificate = config.ingress_tls_cert_file,
                           .key = config.ingress_tls_key_file,
                           .client_ca = config.ingress_tls_client_ca_file},
                          watched),
        ingress_tls);
  }
  if (!config.grpc_tls_cert_file.empty()) {
    problems.Add(
        "--grpc-tls-cert-file",
        Certificates::Load({.certificate = config.grpc_tls_cert_file,
                            .key = config.grpc_tls_key_file,
                            .client_ca = config.grpc_tls_client_ca_file},
                           watched),
        grpc_certificates);
  }
  problems.Add("--grpc-token-file", access.WatchTokens(watched));
  problems.Add("--grpc-policy-file", access.WatchPolicy(watched));
  if (!config.admin_tls_cert_file.empty()) {
    problems.Add(
        "--admin-tls-cert-file",
        TlsContext::Watch({.certificate = config.admin_tls_cert_file,
                           .key = config.admin_tls_key_file,
                           .client_ca = config.admin_tls_client_ca_file},
                          watched),
        admin_tls);
  }
  return std::move(problems).Take();
}

std::vector<prometheus::MetricFamily> ConfigFiles::Collect() const {
  prometheus::MetricFamily not_after = MakeFamily(
      "envelope_relay_tls_certificate_not_after_timestamp_seconds",
      "End of validity of the certificate in force, by port; 0: no TLS.",
      prometheus::MetricType::Gauge);
  const auto add = [&not_after](const char* port, const auto& certificates) {
    AddValue("port", port,
             certificates == nullptr
                 ? 0
                 : ToUnixSecondsOrZero(certificates->not_after()),
             not_after);
  };
  add("ingress", ingress_tls);
  add("grpc", grpc_certificates);
  add("admin", admin_tls);
  return {std::move(not_after)};
}

}  // namespace enveloperelay
