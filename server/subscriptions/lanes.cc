#include "server/subscriptions/lanes.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "absl/strings/string_view.h"
#include "server/base/text.h"
#include "server/log/sequence.h"

namespace enveloperelay {
Lane& Lanes::Get(std::string_view envelope_id) {
  const auto [found, added] = lanes_.try_emplace(ToAbsl(envelope_id));
  if (added) found->second.envelope_id = &found->first;
  return found->second;
}

void Lanes::DropIfEmpty(Lane& lane) {
  if (!IsEmpty(lane)) return;
  lanes_.erase(lanes_.find(*lane.envelope_id));
}

void Lanes::AddUnsettled(Lane& lane, Sequence sequence) {
  lane.unsettled.insert(std::ranges::upper_bound(lane.unsettled, sequence),
                        sequence);
}

void Lanes::RemoveUnsettled(Lane& lane, Sequence sequence) {
  const auto found = std::ranges::find(lane.unsettled, sequence);
  if (found != lane.unsettled.end()) lane.unsettled.erase(found);
}

void Lanes::Block(Lane& lane, Sequence sequence, int64_t receive_micros) {
  if (lane.blocked == 0) {
    SetBlocked(lane, sequence, receive_micros, 1);
  } else {
    ++lane.blocked;
  }
}

void Lanes::SetBlocked(Lane& lane, Sequence from, int64_t receive_micros,
                       uint64_t count) {
  if (lane.blocked > 0) {
    blocked_.erase(lane.blocked_from);
    free_.erase(lane.blocked_from);
  }
  lane.blocked_from = from;
  lane.blocked_micros = receive_micros;
  lane.blocked = count;
  if (count > 0) blocked_.emplace(from, &lane);
}

void Lanes::SetFree(const Lane& lane, bool is_free) {
  if (is_free) {
    free_.insert(lane.blocked_from);
  } else {
    free_.erase(lane.blocked_from);
  }
}

void Lanes::ForgetUnsettled() {
  absl::erase_if(lanes_,
                 [](const auto& lane) { return lane.second.blocked == 0; });
  for (auto& [envelope_id, lane] : lanes_) {
    lane.unsettled.clear();
    lane.leased = 0;
    free_.insert(lane.blocked_from);
  }
}

void Lanes::Clear() {
  free_.clear();
  blocked_.clear();
  lanes_.clear();
}

}  // namespace enveloperelay
