#include "server/subscriptions/lease_id.h"

#include <boost/endian/conversion.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "server/base/crc32c.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

constexpr size_t kCrcSize = 4;

}  // namespace

std::vector<uint64_t> ToRuns(std::span<const Sequence> sequences) {
  std::vector<uint64_t> runs;
  uint64_t next = 1;
  for (const Sequence sequence : sequences) {
    if (runs.empty() || sequence.value != next) {
      runs.push_back(sequence.value - next);
      runs.push_back(0);
    }
    ++runs.back();
    next = sequence.value + 1;
  }
  return runs;
}

std::optional<std::vector<Sequence>> FromRuns(std::span<const uint64_t> runs,
                                              size_t events_max) {
  if (runs.size() % 2 != 0) return std::nullopt;
  std::vector<Sequence> sequences;
  uint64_t next = 1;
  for (size_t i = 0; i < runs.size(); i += 2) {
    const uint64_t gap = runs[i];
    const uint64_t count = runs[i + 1];
    if (count == 0 || count > events_max - sequences.size() ||
        count > UINT64_MAX - next || gap > UINT64_MAX - next - count) {
      return std::nullopt;
    }
    next += gap;
    const uint64_t end = next + count;
    for (; next < end; ++next) {
      sequences.push_back(Sequence{next});
    }
  }
  return sequences;
}

std::string EncodeLeaseId(const LeaseId& id) {
  internal::DeliveryId proto;
  proto.set_epoch(id.epoch);
  proto.set_number(id.number);
  const std::vector<uint64_t> runs = ToRuns(id.events);
  proto.mutable_runs()->Add(runs.begin(), runs.end());
  std::string binary = proto.SerializeAsString();
  char crc[kCrcSize];
  boost::endian::store_big_u32(reinterpret_cast<unsigned char*>(crc),
                               Crc32c(binary));
  binary.append(crc, kCrcSize);
  return absl::WebSafeBase64Escape(binary);
}

std::optional<LeaseId> DecodeLeaseId(std::string_view text) {
  std::string binary;
  if (!absl::WebSafeBase64Unescape(absl::string_view(text.data(), text.size()),
                                   &binary) ||
      binary.size() < kCrcSize) {
    return std::nullopt;
  }
  const std::string_view body(binary.data(), binary.size() - kCrcSize);
  const uint32_t crc = boost::endian::load_big_u32(
      reinterpret_cast<const unsigned char*>(body.data() + body.size()));
  internal::DeliveryId proto;
  if (crc != Crc32c(body) ||
      !proto.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return std::nullopt;
  }
  std::optional<std::vector<Sequence>> events =
      FromRuns({proto.runs().data(), static_cast<size_t>(proto.runs_size())},
               kLeaseEventsMax);
  if (!events.has_value() || events->empty()) return std::nullopt;
  LeaseId id{.epoch = proto.epoch(),
             .number = proto.number(),
             .events = *std::move(events)};
  // Base64 and protobuf both have other spellings of the same.
  if (EncodeLeaseId(id) != text) return std::nullopt;
  return id;
}

}  // namespace enveloperelay
