#ifndef ENVELOPE_RELAY_SERVER_STREAM_FILTER_H_
#define ENVELOPE_RELAY_SERVER_STREAM_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/stream/errors.h"

namespace enveloperelay {

// Values that a filter may have, all its fields together.
inline constexpr size_t kFilterValuesMax = 1000;
// Bytes that one of its values may have.
inline constexpr size_t kFilterValueBytesMax = 1024;

// Returns what is wrong with `filter`; nothing if it may be compiled. An enum
// value that this version does not know is refused: it could only match events
// that this version stores as UNSPECIFIED, so the caller would miss them.
std::vector<FieldViolation> ValidateFilter(const v1::EventFilter& filter);

// A v1::EventFilter made ready to be asked about many events, which it looks
// at as they are stored. A value that an event lacks counts as empty, or as
// UNSPECIFIED. Immutable, so any thread may use it.
class EventFilter {
 public:
  // `filter` is valid.
  explicit EventFilter(const v1::EventFilter& filter);

  // Whether every event passes.
  bool empty() const { return required_ == 0; }
  // Whether the encoded EnvelopeEvent passes. Looks at nothing from the payload
  // on, and allocates nothing.
  bool Matches(std::string_view event) const;

  const std::vector<std::string>& envelope_ids() const {
    return envelope_id_list_;
  }
  // Bytes of memory that it holds, roughly.
  size_t memory_bytes() const;

 private:
  using Strings = absl::flat_hash_set<std::string>;

  // A bit for each field of the filter, in required_ when it is not empty.
  enum Criterion : uint8_t {
    kTypes = 1,
    kActions = 2,
    kEnvelopes = 4,
    kRecipients = 8,
    kUids = 16,
    kHooks = 32,
  };

  bool Requires(Criterion criterion) const {
    return (required_ & criterion) != 0;
  }
  // What of kActions and kRecipients an encoded AuditTrail meets.
  uint8_t MeetsAuditTrail(std::string_view audit_trail) const;

  uint8_t required_ = 0;
  // What an event meets that has none of the fields.
  uint8_t met_by_default_ = 0;
  uint32_t types_ = 0;    // bit n: the type of number n
  uint32_t actions_ = 0;  // likewise
  Strings envelope_ids_;
  Strings recipient_ids_;
  Strings uids_;
  Strings hook_ids_;
  std::vector<std::string> envelope_id_list_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_FILTER_H_
