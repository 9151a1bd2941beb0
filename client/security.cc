#include "client/security.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <ios>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "enveloperelay/security.h"
#include "grpcpp/client_context.h"
#include "grpcpp/security/credentials.h"

namespace enveloperelay::client {
namespace {

constexpr size_t kFileBytesMax = size_t{1} << 20;
constexpr size_t kTokenBytesMax = 256;

absl::StatusOr<std::string> ReadPem(const std::string& path,
                                    std::string_view kind) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (file.bad() || !file.eof()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "cannot read %s: %s", path,
        text.size() > kFileBytesMax ? std::string("it is larger than 1 MiB")
                                    : std::generic_category().message(errno)));
  }
  // gRPC would only say, much later, that it cannot connect.
  if (text.find(absl::StrFormat("%s-----", kind)) == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: there is no %s in PEM in it", path, kind));
  }
  return text;
}

}  // namespace

absl::Status CheckSecurity(const SecurityOptions& options,
                           std::string_view target, bool credentials) {
  if (options.tls.has_value() && credentials) {
    return absl::InvalidArgumentError(
        "security.tls and credentials exclude each other");
  }
  if (options.tls.has_value() &&
      options.tls->cert_file.empty() != options.tls->key_file.empty()) {
    return absl::InvalidArgumentError(
        "security.tls: cert_file and key_file go together");
  }
  if (!options.token_file.empty() && !options.tls.has_value() && !credentials &&
      !options.token_in_clear && !IsLoopbackTarget(target)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "security.token_file: the token would go to %s without TLS; set "
        "security.tls, or security.token_in_clear if that is safe",
        target));
  }
  return absl::OkStatus();
}

bool IsLoopbackTarget(std::string_view target) {
  for (const std::string_view scheme : {"dns:///", "dns:", "ipv4:", "ipv6:"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    break;
  }
  if (target.starts_with("unix:")) return true;
  const std::string_view host = target.substr(0, target.rfind(':'));
  if (host == "localhost" || host == "[::1]") return true;
  // 127.0.0.0/8, and no name that begins so.
  return host.starts_with("127.") && std::ranges::all_of(host, [](char c) {
           return c == '.' ||
                  absl::ascii_isdigit(static_cast<unsigned char>(c));
         });
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(
    const SecurityOptions& options) {
  if (!options.tls.has_value()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  const auto read = [](const std::string& path, std::string_view kind,
                       std::string& text) -> absl::Status {
    if (path.empty()) return absl::OkStatus();
    absl::StatusOr<std::string> pem = ReadPem(path, kind);
    if (!pem.ok()) return pem.status();
    text = *std::move(pem);
    return absl::OkStatus();
  };
  absl::Status status =
      read(options.tls->ca_file, "CERTIFICATE", ssl.pem_root_certs);
  if (status.ok()) {
    status = read(options.tls->cert_file, "CERTIFICATE", ssl.pem_cert_chain);
  }
  if (status.ok()) {
    status = read(options.tls->key_file, "PRIVATE KEY", ssl.pem_private_key);
  }
  if (!status.ok()) return status;
  return grpc::SslCredentials(ssl);
}

absl::StatusOr<std::string> ReadToken(const std::string& token_file) {
  if (token_file.empty()) return std::string();
  errno = 0;
  std::ifstream file(token_file);
  std::string token;
  std::string more;
  file >> token;
  if (token.empty() && errno != 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("cannot read %s: %s", token_file,
                        std::generic_category().message(errno)));
  }
  const bool plain =
      std::ranges::all_of(token, [](char c) { return c > ' ' && c < '\x7f'; });
  if (token.empty() || token.size() > kTokenBytesMax || !plain ||
      file >> more) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: allowed is one token of at most 256 characters", token_file));
  }
  return token;
}

void AddToken(const std::string& token, grpc::ClientContext& context) {
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
}

}  // namespace enveloperelay::client
