#ifndef ENVELOPE_RELAY_SERVER_LOG_ERRORS_H_
#define ENVELOPE_RELAY_SERVER_LOG_ERRORS_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// What may be wrong with a record.
inline constexpr std::string_view kMissing = "it is missing";
inline constexpr std::string_view kMisfit =
    "header and frame do not fit together";

// Returns kDataLoss: the record at `sequence` cannot be read; `detail` says
// why. CorruptSequence() finds the sequence in it again.
absl::Status CorruptRecord(Sequence sequence, std::string_view detail);

// Returns which record a kDataLoss of the log is about, if it is about one.
std::optional<Sequence> CorruptSequence(const absl::Status& status);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_ERRORS_H_
