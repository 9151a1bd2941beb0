#ifndef ENVELOPE_RELAY_SERVER_GRPC_PEER_H_
#define ENVELOPE_RELAY_SERVER_GRPC_PEER_H_

#include <grpc/grpc_security.h>
#include <grpcpp/server_context.h>

#include <cstddef>

#include "server/access/caller.h"

namespace enveloperelay {

// What the caller of that call shows of itself. It points into `context`.
Presented PresentedBy(const grpc::ServerContextBase& context);

// As above, before gRPC has made a context of it. It points into both.
Presented PresentedBy(const grpc_auth_context* connection,
                      const grpc_metadata* metadata, size_t metadata_count);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_PEER_H_
