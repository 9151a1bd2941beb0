#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_SETTLEMENTS_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_SETTLEMENTS_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::testing {

// "d1 DONE 1 2", or "d1 DONE" when it is about the whole delivery.
inline std::string Summary(const v1::Settlement& settlement) {
  std::string text = settlement.delivery_id() + ' ';
  // Without the prefix ACK_ACTION_.
  text += v1::AckAction_Name(settlement.action()).substr(11);
  std::vector<uint64_t> sequences(settlement.sequences().begin(),
                                  settlement.sequences().end());
  std::ranges::sort(sequences);
  for (const uint64_t sequence : sequences) {
    text += ' ' + std::to_string(sequence);
  }
  return text;
}

inline std::vector<std::string> Summaries(
    const v1::AcknowledgeRequest& request) {
  std::vector<std::string> summaries;
  for (const v1::Settlement& settlement : request.settlements()) {
    summaries.push_back(Summary(settlement));
  }
  return summaries;
}

// What the calls settled, in order.
inline std::vector<std::string> Summaries(
    const std::vector<v1::AcknowledgeRequest>& requests) {
  std::vector<std::string> all;
  for (const v1::AcknowledgeRequest& request : requests) {
    const std::vector<std::string> summaries = Summaries(request);
    all.insert(all.end(), summaries.begin(), summaries.end());
  }
  return all;
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_SETTLEMENTS_H_
