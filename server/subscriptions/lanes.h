#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_LANES_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_LANES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/container/node_hash_map.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// An envelope with events that are dispatched and not settled, or that wait for
// one that is. Events behind the first blocked one are not remembered one by
// one: they are found again by the log's index when their turn comes, so an
// envelope that is stuck costs the same whatever waits behind it.
struct Lane {
  const std::string* envelope_id = nullptr;
  // Dispatched and not settled, oldest first: one, as a rule.
  absl::InlinedVector<Sequence, 1> unsettled;
  uint32_t leased = 0;  // how many of those are in a lease
  // The first event that was passed by because of them, when it was received,
  // and how many there were from it on. 0: none.
  Sequence blocked_from;
  int64_t blocked_micros = 0;
  uint64_t blocked = 0;
};

// The lanes of a subscription. For one thread at a time.
class Lanes {
 public:
  size_t size() const { return lanes_.size(); }
  // Finds the envelope's lane, or makes an empty one.
  Lane& Get(std::string_view envelope_id);
  static bool IsEmpty(const Lane& lane) {
    return lane.unsettled.empty() && lane.blocked == 0;
  }
  // Lets go of the lane if nothing is in it.
  void DropIfEmpty(Lane& lane);

  // An event joins, or leaves, those that are dispatched.
  static void AddUnsettled(Lane& lane, Sequence sequence);
  static void RemoveUnsettled(Lane& lane, Sequence sequence);

  // Counts an event as blocked.
  void Block(Lane& lane, Sequence sequence, int64_t receive_micros);
  // Sets from where on events of the lane are blocked, and how many there are;
  // 0 and 0: none.
  void SetBlocked(Lane& lane, Sequence from, int64_t receive_micros,
                  uint64_t count);

  // Blocked lanes by their first blocked event.
  const absl::btree_map<Sequence, Lane*>& blocked() const { return blocked_; }

  // Those of them whose turn it is.
  const absl::btree_set<Sequence>& free() const { return free_; }
  void SetFree(const Lane& lane, bool is_free);

  // All lanes are without unsettled events from now on; those with blocked ones
  // are free.
  void ForgetUnsettled();
  void Clear();

 private:
  absl::node_hash_map<std::string, Lane> lanes_;
  absl::btree_map<Sequence, Lane*> blocked_;
  absl::btree_set<Sequence> free_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_LANES_H_
