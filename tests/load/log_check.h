#ifndef ENVELOPE_RELAY_TESTS_LOAD_LOG_CHECK_H_
#define ENVELOPE_RELAY_TESTS_LOAD_LOG_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {

// Errors: kUnavailable (the call failed).
absl::StatusOr<v1::GetLogResponse> GetLog(const testing::RelayProcess& relay);

// Reads the log behind `cursor` to its end and checks it against the answers:
// each webhook of the series is there once, at the sequence that its answer
// named, nothing else is, and no sequence is left out.
// Errors: kDataLoss, saying which event is wrong; those of the stream.
absl::Status CheckLog(const testing::RelayProcess& relay,
                      const std::string& cursor, uint32_t series,
                      const std::vector<uint64_t>& answered_sequences);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_LOG_CHECK_H_
