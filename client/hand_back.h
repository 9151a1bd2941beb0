#ifndef ENVELOPE_RELAY_CLIENT_HAND_BACK_H_
#define ENVELOPE_RELAY_CLIENT_HAND_BACK_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "grpcpp/channel.h"

namespace enveloperelay::client {

// Gives back what was still on its way to a worker when it cancelled its
// stream, which `request` had opened. It is leased to the worker, which does
// not know the leases: so another stream takes over from the old one, gets one
// event at most, and releases it once the relay has noticed the end of that
// stream. All of it is delivered again at once, to any worker that is ready.
//
// The worker must hold nothing any more: it would be delivered again, too.
// `token` is shown in calls; empty: none. Blocks for at most `timeout`, and not
// for long in any case. Best effort: what is not given back is left to its
// lease.
void HandBack(const std::shared_ptr<grpc::Channel>& channel,
              const v1::SubscribeRequest& request, const std::string& token,
              absl::Duration timeout);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_HAND_BACK_H_
