#include "server/grpc/peer.h"

#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>
#include <grpc/slice.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/string_ref.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "server/access/caller.h"

namespace enveloperelay {
namespace {

constexpr char kAuthorization[] = "authorization";

std::string_view ToView(const grpc::string_ref& text) {
  return {text.data(), text.size()};
}

std::string_view ToView(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)),
          GRPC_SLICE_LENGTH(slice)};
}

std::vector<std::string_view> Properties(const grpc::AuthContext& connection,
                                         const char* name) {
  std::vector<std::string_view> values;
  for (const grpc::string_ref& value : connection.FindPropertyValues(name)) {
    values.push_back(ToView(value));
  }
  return values;
}

std::vector<std::string_view> Properties(const grpc_auth_context* connection,
                                         const char* name) {
  std::vector<std::string_view> values;
  grpc_auth_property_iterator it =
      grpc_auth_context_find_properties_by_name(connection, name);
  while (const grpc_auth_property* property =
             grpc_auth_property_iterator_next(&it)) {
    values.emplace_back(property->value, property->value_length);
  }
  return values;
}

template <typename Connection>
void ReadCertificate(const Connection& connection, Presented& presented) {
  presented.certificate =
      !Properties(connection, GRPC_X509_PEM_CERT_PROPERTY_NAME).empty();
  if (!presented.certificate) return;
  presented.uris = Properties(connection, GRPC_PEER_URI_PROPERTY_NAME);
  presented.dns_names = Properties(connection, GRPC_PEER_DNS_PROPERTY_NAME);
}

}  // namespace

Presented PresentedBy(const grpc::ServerContextBase& context) {
  Presented presented;
  const auto [begin, end] =
      context.client_metadata().equal_range(kAuthorization);
  for (auto it = begin; it != end; ++it) {
    presented.authorization.push_back(ToView(it->second));
  }
  const std::shared_ptr<const grpc::AuthContext> connection =
      context.auth_context();
  if (connection != nullptr) ReadCertificate(*connection, presented);
  return presented;
}

Presented PresentedBy(const grpc_auth_context* connection,
                      const grpc_metadata* metadata, size_t metadata_count) {
  Presented presented;
  for (const grpc_metadata& entry : std::span(metadata, metadata_count)) {
    if (ToView(entry.key) == kAuthorization) {
      presented.authorization.push_back(ToView(entry.value));
    }
  }
  ReadCertificate(connection, presented);
  return presented;
}

}  // namespace enveloperelay
