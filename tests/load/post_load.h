#ifndef ENVELOPE_RELAY_TESTS_LOAD_POST_LOAD_H_
#define ENVELOPE_RELAY_TESTS_LOAD_POST_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace enveloperelay::load {

// What PostWebhooks sends.
struct PostOptions {
  uint16_t port;  // on 127.0.0.1
  std::string token;
  // Each sends its next webhook when the last one is answered.
  size_t connections;
  // Loaded but not measured.
  absl::Duration warm_up;
  absl::Duration measured;
  // Ends the load early.
  uint64_t webhooks_max = std::numeric_limits<uint64_t>::max();
  // From one webhook to the next, over all connections, at least.
  absl::Duration interval = absl::ZeroDuration();
  // Goes into the envelope ids; see webhook_request.h.
  uint32_t series;
};

// What was answered.
struct PostResult {
  // By the webhooks' numbers, warm-up included: the sequence in the answer.
  // Every webhook sent was answered 200 and as no duplicate.
  std::vector<uint64_t> sequences;
  // Answers within the measured time, and that time.
  uint64_t measured_count = 0;
  absl::Duration measured;
  // From the first byte sent to the whole answer received.
  absl::Duration median_latency;
  absl::Duration p99_latency;
  // Processor time of the calling thread, warm-up included.
  absl::Duration cpu;
};

// Loads a server from the calling thread, and returns when every webhook sent
// has its answer.
// Errors: kUnavailable (connecting, a connection lost, no answer for 10 s),
// kFailedPrecondition (an answer that is not 200, or says that the webhook is a
// duplicate).
absl::StatusOr<PostResult> PostWebhooks(const PostOptions& options);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_POST_LOAD_H_
