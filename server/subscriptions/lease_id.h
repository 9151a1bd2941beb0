#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_LEASE_ID_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_LEASE_ID_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/log/sequence.h"

namespace enveloperelay {

// What Delivery.delivery_id says. It names the events of the lease itself, so
// that a settlement is understood after the lease has run out, or the relay was
// restarted, without anything being kept for it.
struct LeaseId {
  uint64_t epoch = 0;            // of the subscription, when it was leased
  uint64_t number = 0;           // of the lease
  std::vector<Sequence> events;  // in order
};

// Runs of consecutive sequences that a lease may have: bounds the length of its
// id to a few KiB at the very worst, and a few hundred bytes as a rule.
inline constexpr size_t kLeaseRunsMax = 256;
// Events likewise: as many as a batch may have.
inline constexpr size_t kLeaseEventsMax = 4096;

// Returns `id` as URL-safe text. `events` are not empty and strictly ascending.
std::string EncodeLeaseId(const LeaseId& id);

// Reads what EncodeLeaseId wrote; nothing if it is something else, be it
// another spelling of the same.
std::optional<LeaseId> DecodeLeaseId(std::string_view text);

// Strictly ascending sequences as pairs of numbers: how many to pass over
// (from 1 at first), and how many follow that belong to them.
std::vector<uint64_t> ToRuns(std::span<const Sequence> sequences);

// Reads what ToRuns wrote; nothing if they are not such, or are more than
// `events_max` sequences.
std::optional<std::vector<Sequence>> FromRuns(std::span<const uint64_t> runs,
                                              size_t events_max);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_LEASE_ID_H_
