#ifndef ENVELOPE_RELAY_SERVER_GRPC_PORT_CREDENTIALS_H_
#define ENVELOPE_RELAY_SERVER_GRPC_PORT_CREDENTIALS_H_

#include <grpc/grpc_security.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>

#include <cstdint>
#include <memory>
#include <string>

#include "server/access/access.h"
#include "server/grpc/certificates.h"

namespace enveloperelay {

// How the gRPC port is secured: plaintext or TLS (1.2 and 1.3), with the
// certificates as they are at each handshake. Refuses reflection and channelz,
// which gRPC serves by itself, to those who may not use them; the calls of the
// relay's own services look after themselves.
//
// It stands on gRPC's C interface, for what the C++ one has lacks this:
// FileWatcherCertificateProvider drops the certificates that it has when it
// finds broken ones, and cannot tell a file of a new pair from one of the old.
class PortCredentials final : public grpc::ServerCredentials {
 public:
  // Clients' certificates, where these are asked for at all.
  enum class ClientCertificates : uint8_t { kRequired, kOptional };

  // Null `certificates`: plaintext. Both outlive it, and it outlives the
  // server.
  PortCredentials(const Certificates* certificates,
                  ClientCertificates client_certificates, const Access& access);
  ~PortCredentials() override;
  PortCredentials(const PortCredentials&) = delete;
  PortCredentials& operator=(const PortCredentials&) = delete;

  // Not supported, and not called.
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& processor) override;

 private:
  struct Fetcher;

  int AddPortToServer(const std::string& address, grpc_server* server) override;

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* fetcher, grpc_ssl_server_certificate_config** config);
  static grpc_server_credentials* MakeCredentials(
      Fetcher* fetcher, ClientCertificates client_certificates);

  const std::unique_ptr<Fetcher> fetcher_;  // null: plaintext
  grpc_server_credentials* const credentials_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_PORT_CREDENTIALS_H_
