#include "server/grpc/port_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>
#include <grpc/slice.h>
#include <grpc/status.h>
#include <grpcpp/security/auth_metadata_processor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/access/access.h"
#include "server/access/caller.h"
#include "server/access/method.h"
#include "server/base/check.h"
#include "server/grpc/certificates.h"
#include "server/grpc/peer.h"

namespace enveloperelay {
namespace {

grpc_ssl_client_certificate_request_type RequestType(
    const Certificates& certificates,
    PortCredentials::ClientCertificates wanted) {
  if (!certificates.asks_clients()) {
    return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
  }
  return wanted == PortCredentials::ClientCertificates::kRequired
             ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
             : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
}

std::string_view ToView(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)),
          GRPC_SLICE_LENGTH(slice)};
}

// The method of one of gRPC's own services that not everybody may use.
std::optional<Method> BuiltInMethod(std::span<const grpc_metadata> metadata) {
  for (const grpc_metadata& entry : metadata) {
    if (ToView(entry.key) != ":path") continue;
    const std::string_view path = ToView(entry.value);
    if (path.starts_with("/grpc.reflection.")) return Method::kReflection;
    if (path.starts_with("/grpc.channelz.")) return Method::kChannelz;
  }
  return std::nullopt;
}

absl::Status Check(const Access& access, Method method,
                   const Presented& presented) {
  const absl::StatusOr<Caller> caller = access.Identify(presented);
  return caller.ok() ? access.Check(*caller, method, "") : caller.status();
}

// Called for each call, before it reaches a service.
void Process(void* state, grpc_auth_context* connection,
             const grpc_metadata* metadata, size_t count,
             grpc_process_auth_metadata_done_cb done, void* user_data) {
  const auto& access = *static_cast<const Access*>(state);
  absl::Status status;
  if (const std::optional<Method> method =
          BuiltInMethod(std::span(metadata, count))) {
    status = Check(access, *method, PresentedBy(connection, metadata, count));
  }
  const std::string message(status.message());
  done(user_data, nullptr, 0, nullptr, 0,
       static_cast<grpc_status_code>(status.code()), message.c_str());
}

}  // namespace

// Calls do not overlap, for a port has one listening socket.
struct PortCredentials::Fetcher {
  const Certificates& certificates;
  uint64_t fetched = 0;  // version
};

// What gRPC asks for certificates before each handshake.
grpc_ssl_certificate_config_reload_status PortCredentials::Fetch(
    void* fetcher, grpc_ssl_server_certificate_config** config) {
  auto& [certificates, fetched] = *static_cast<Fetcher*>(fetcher);
  const uint64_t version = certificates.version();
  if (version == fetched) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const CertificateTexts texts = certificates.texts();
  const grpc_ssl_pem_key_cert_pair pair = {
      .private_key = texts.key.c_str(),
      .cert_chain = texts.certificate.c_str()};
  // gRPC stops the process when there are no roots, also where no client is
  // asked for a certificate. Then any will do.
  const std::string& roots =
      texts.client_ca.empty() ? texts.certificate : texts.client_ca;
  *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
  fetched = version;
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

grpc_server_credentials* PortCredentials::MakeCredentials(
    Fetcher* fetcher, ClientCertificates client_certificates) {
  if (fetcher == nullptr) return grpc_insecure_server_credentials_create();
  return grpc_ssl_server_credentials_create_with_options(
      grpc_ssl_server_credentials_create_options_using_config_fetcher(
          RequestType(fetcher->certificates, client_certificates), Fetch,
          fetcher));
}

PortCredentials::PortCredentials(const Certificates* certificates,
                                 ClientCertificates client_certificates,
                                 const Access& access)
    : fetcher_(certificates == nullptr
                   ? nullptr
                   : std::make_unique<Fetcher>(*certificates)),
      credentials_(MakeCredentials(fetcher_.get(), client_certificates)) {
  if (access.open()) return;
  grpc_server_credentials_set_auth_metadata_processor(
      credentials_, {.process = Process,
                     .destroy = [](void* /*state*/) {},
                     .state = const_cast<Access*>(&access)});
}

PortCredentials::~PortCredentials() {
  grpc_server_credentials_release(credentials_);
}

void PortCredentials::SetAuthMetadataProcessor(
    const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) {
  RELAY_CHECK(false);
}

int PortCredentials::AddPortToServer(const std::string& address,
                                     grpc_server* server) {
  return grpc_server_add_http2_port(server, address.c_str(), credentials_);
}

}  // namespace enveloperelay
