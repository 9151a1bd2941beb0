#include "server/log/errors.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

// Names the payload of a status that holds the sequence in decimal.
constexpr absl::string_view kSequencePayload = "enveloperelay/corrupt-sequence";

}  // namespace

absl::Status CorruptRecord(Sequence sequence, std::string_view detail) {
  absl::Status status = absl::DataLossError(
      absl::StrCat("stored record is damaged: ",
                   absl::string_view(detail.data(), detail.size()),
                   "; sequence ", sequence.value));
  status.SetPayload(kSequencePayload, absl::Cord(absl::StrCat(sequence.value)));
  return status;
}

std::optional<Sequence> CorruptSequence(const absl::Status& status) {
  const auto payload = status.GetPayload(kSequencePayload);
  uint64_t value = 0;
  if (!payload.has_value() ||
      !absl::SimpleAtoi(std::string(*payload), &value)) {
    return std::nullopt;
  }
  return Sequence{value};
}

}  // namespace enveloperelay
