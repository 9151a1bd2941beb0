#include "server/config_files.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/access/access.h"
#include "server/access/policy.h"
#include "server/access/token_file.h"
#include "server/base/watched_files.h"
#include "server/config/config.h"
#include "server/grpc/certificates.h"
#include "server/http/tls_context.h"
#include "server/ingress/signature.h"
#include "server/ingress/tokens.h"

namespace enveloperelay {
namespace {

template <typename T>
absl::Status CheckParsed(const std::string& path) {
  const absl::StatusOr<std::string> text =
      ReadFile(path, WatchedFiles::kFileBytesMax);
  if (!text.ok()) return text.status();
  return T::Parse(*text, path).status();
}

absl::Status CheckTls(const TlsFiles& files) {
  WatchedFiles once;
  return TlsContext::Watch(files, once).status();
}

absl::Status CheckTls(const CertificateFiles& files) {
  WatchedFiles once;
  return Certificates::Load(files, once).status();
}

}  // namespace

TlsFiles IngressTlsFilesOf(const Config& config) {
  return {.certificate = config.ingress_tls_cert_file,
          .key = config.ingress_tls_key_file,
          .client_ca = config.ingress_tls_client_ca_file};
}

TlsFiles AdminTlsFilesOf(const Config& config) {
  return {.certificate = config.admin_tls_cert_file,
          .key = config.admin_tls_key_file,
          .client_ca = config.admin_tls_client_ca_file};
}

CertificateFiles GrpcCertificateFilesOf(const Config& config) {
  return {.certificate = config.grpc_tls_cert_file,
          .key = config.grpc_tls_key_file,
          .client_ca = config.grpc_tls_client_ca_file};
}

AccessOptions AccessOptionsOf(const Config& config) {
  return {.certificates = !config.grpc_tls_client_ca_file.empty(),
          .token_file = config.grpc_token_file,
          .policy_file = config.grpc_policy_file};
}

std::string ProblemsOfFiles(const Config& config) {
  std::vector<std::string> problems;
  // Checks what `path`, or a group of files with it, holds.
  const auto check = [&problems](const char* option, const std::string& path,
                                 const auto& status_of) {
    if (path.empty()) return;
    const absl::Status status = status_of(path);
    if (status.ok()) return;
    problems.push_back(
        absl::StrCat(option, ": ", std::string(status.message())));
  };
  check("--ingress-token-file", config.ingress_token_file,
        [](const std::string& path) { return TokenSet::Load(path).status(); });
  check("--ingress-signing-secret-file", config.ingress_signing_secret_file,
        [](const std::string& path) {
          return SigningSecrets::Load(path).status();
        });
  check("--ingress-tls-cert-file", config.ingress_tls_cert_file,
        [&config](const std::string& /*path*/) {
          return CheckTls(IngressTlsFilesOf(config));
        });
  check("--grpc-tls-cert-file", config.grpc_tls_cert_file,
        [&config](const std::string& /*path*/) {
          return CheckTls(GrpcCertificateFilesOf(config));
        });
  check("--grpc-token-file", config.grpc_token_file, CheckParsed<TokenFile>);
  check("--grpc-policy-file", config.grpc_policy_file, CheckParsed<Policy>);
  check("--admin-tls-cert-file", config.admin_tls_cert_file,
        [&config](const std::string& /*path*/) {
          return CheckTls(AdminTlsFilesOf(config));
        });
  return absl::StrJoin(problems, "\n");
}

}  // namespace enveloperelay
