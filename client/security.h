#ifndef ENVELOPE_RELAY_CLIENT_SECURITY_H_
#define ENVELOPE_RELAY_CLIENT_SECURITY_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/security.h"
#include "grpcpp/client_context.h"
#include "grpcpp/security/credentials.h"

namespace enveloperelay::client {

// Returns what is wrong with `options`, of a connection to `target`; what
// stands in the files is not looked at. `credentials`: the caller has some of
// its own. Errors: kInvalidArgument, naming the field.
absl::Status CheckSecurity(const SecurityOptions& options,
                           std::string_view target, bool credentials);

// Whether a gRPC target is on loopback for sure: an address, not a name that
// somebody else resolves, but for localhost.
bool IsLoopbackTarget(std::string_view target);

// The credentials of a channel. Errors: kInvalidArgument (a file cannot be
// read, or is no certificate or key), with its path.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(
    const SecurityOptions& options);

// The token of that file; empty if there is no file.
// Errors: kInvalidArgument, with the path and without what stands there.
absl::StatusOr<std::string> ReadToken(const std::string& token_file);

// Shows `token` in a call; nothing if it is empty.
void AddToken(const std::string& token, grpc::ClientContext& context);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_SECURITY_H_
