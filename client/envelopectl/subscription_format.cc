#include "client/envelopectl/subscription_format.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/envelopectl/names.h"
#include "client/envelopectl/table.h"
#include "client/envelopectl/text.h"
#include "client/proto_time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "google/protobuf/repeated_field.h"

namespace enveloperelay::client {
namespace {

constexpr size_t kCounterWidth = 11;
constexpr size_t kWorkersWidth = 7;
constexpr size_t kAttemptsWidth = 8;
constexpr size_t kWorkerWidth = 16;

// How old the oldest unsettled event is; "-" when there is none.
std::string Lag(const v1::Subscription& subscription, absl::Time now) {
  if (!subscription.has_oldest_unsettled_time()) return "-";
  return FormatAge(now - FromProto(subscription.oldest_unsettled_time()));
}

std::string_view State(const v1::Subscription& subscription) {
  if (subscription.paused()) return "paused";
  return subscription.workers().empty() ? "idle" : "active";
}

std::string_view ColorOf(std::string_view state) {
  if (state == "active") return kGreen;
  return state == "paused" ? kYellow : std::string_view();
}

std::string Row(const v1::Subscription& subscription, size_t name_width,
                absl::Time now, bool colors) {
  const auto counter = [](uint64_t value) {
    return "  " + RightAligned(Number(value), kCounterWidth);
  };
  const std::string_view state = State(subscription);
  std::string row = Padded(Escape(subscription.name()), name_width);
  row += counter(subscription.backlog());
  row += counter(subscription.outstanding());
  row += counter(subscription.retrying());
  row += counter(subscription.dead_letters());
  row += "  " + RightAligned(Lag(subscription, now), kCounterWidth);
  row += "  " + RightAligned(
                    Number(static_cast<uint64_t>(subscription.workers_size())),
                    kWorkersWidth);
  row += "  " + Colored(std::string(state), ColorOf(state), colors);
  return row + '\n';
}

std::string Joined(
    const google::protobuf::RepeatedPtrField<std::string>& values) {
  std::string text;
  for (const std::string& value : values) {
    if (!text.empty()) text += ", ";
    text += value;
  }
  return text;
}

std::string FilterDetails(const v1::EventFilter& filter) {
  std::string types;
  for (const int type : filter.types()) {
    if (!types.empty()) types += ", ";
    types += ShortName(static_cast<v1::EventType>(type));
  }
  std::string actions;
  for (const int action : filter.audit_actions()) {
    if (!actions.empty()) actions += ", ";
    actions += ShortName(static_cast<v1::AuditAction>(action));
  }
  return Field("types", types) + Field("actions", actions) +
         Field("envelope ids", Joined(filter.envelope_ids())) +
         Field("recipient ids", Joined(filter.recipient_ids())) +
         Field("uids", Joined(filter.uids())) +
         Field("hook ids", Joined(filter.hook_ids()));
}

std::string Attempts(int32_t max_attempts) {
  return max_attempts < 0 ? "unlimited" : absl::StrFormat("%d", max_attempts);
}

std::string_view Order(v1::DeliveryOrder order) {
  return order == v1::DELIVERY_ORDER_NONE ? "none" : "by-envelope";
}

std::string WorkerDetails(const v1::Worker& worker) {
  std::string text = worker.worker_id();
  if (!worker.principal().empty()) text += ", " + worker.principal();
  if (!worker.peer().empty()) text += ", " + worker.peer();
  text += absl::StrFormat(", since %s, outstanding %u",
                          FormatTimestamp(worker.connect_time()),
                          worker.outstanding());
  return text;
}

}  // namespace

std::string SubscriptionTable(
    const std::vector<v1::Subscription>& subscriptions, absl::Time now,
    bool colors) {
  constexpr std::string_view kName = "NAME";
  size_t name_width = kName.size();
  for (const v1::Subscription& subscription : subscriptions) {
    name_width = std::max(name_width, subscription.name().size());
  }
  std::string header = Padded(kName, name_width);
  for (const char* const name :
       {"BACKLOG", "OUTSTANDING", "RETRYING", "DEAD", "LAG"}) {
    header += "  " + RightAligned(name, kCounterWidth);
  }
  header += "  WORKERS  STATE";
  std::string table = Colored(std::move(header), kBold, colors) + '\n';
  for (const v1::Subscription& subscription : subscriptions) {
    table += Row(subscription, name_width, now, colors);
  }
  return table;
}

std::string SubscriptionDetails(const v1::Subscription& subscription,
                                absl::Time now) {
  const auto duration = [](bool set, const google::protobuf::Duration& value) {
    return set ? FormatDuration(value) : std::string();
  };
  std::string text = Field("name", subscription.name());
  text += Field("state", State(subscription));
  text += Field("backlog", Number(subscription.backlog()));
  text += Field("outstanding", Number(subscription.outstanding()));
  text += Field("retrying", Number(subscription.retrying()));
  text += Field("dead letters", Number(subscription.dead_letters()));
  text += Field("lost events", Number(subscription.lost_events()));
  text += Field("lag", Lag(subscription, now));
  text += Field("cursor", subscription.cursor());
  text += FilterDetails(subscription.filter());
  text += Field("order", Order(subscription.order()));
  text += Field("ack deadline", duration(subscription.has_ack_deadline(),
                                         subscription.ack_deadline()));
  text += Field("max attempts", Attempts(subscription.max_attempts()));
  text += Field("min backoff", duration(subscription.has_min_backoff(),
                                        subscription.min_backoff()));
  text += Field("max backoff", duration(subscription.has_max_backoff(),
                                        subscription.max_backoff()));
  text += Field("expire after", duration(subscription.has_expire_after(),
                                         subscription.expire_after()));
  // In the order of their keys.
  const std::map<std::string, std::string> labels(subscription.labels().begin(),
                                                  subscription.labels().end());
  for (const auto& [key, value] : labels) {
    text += Field("label", absl::StrCat(key, "=", value));
  }
  text += Field("etag", subscription.etag());
  for (const v1::Worker& worker : subscription.workers()) {
    text += Field("worker", WorkerDetails(worker));
  }
  return text;
}

std::string DeadLetterHeader(bool colors) {
  std::string row = RightAligned("SEQUENCE", kSequenceWidth);
  row += "  " + Padded("TYPE", kTypeWidth);
  row += "  " + Padded("ENVELOPE", kEnvelopeWidth);
  row += "  " + RightAligned("ATTEMPTS", kAttemptsWidth);
  row += "  " + Padded("WORKER", kWorkerWidth);
  row += "  " + Padded("TIME", kTimeWidth);
  row += "  REASON";
  return Colored(std::move(row), kBold, colors) + '\n';
}

std::string DeadLetterRow(const v1::DeadLetter& dead_letter) {
  const v1::EnvelopeEvent& event = dead_letter.event();
  std::string row = RightAligned(Number(event.sequence()), kSequenceWidth);
  row += "  " + Padded(ShortTypeName(event), kTypeWidth);
  row += "  " + Padded(Escape(event.envelope_id()), kEnvelopeWidth);
  row += "  " + RightAligned(Number(dead_letter.attempts()), kAttemptsWidth);
  row += "  " + Padded(Escape(dead_letter.worker_id()), kWorkerWidth);
  row += "  " +
         Padded(FormatTimestamp(dead_letter.dead_letter_time()), kTimeWidth);
  row += "  " + Escape(dead_letter.reason());
  row.erase(row.find_last_not_of(' ') + 1);
  return row + '\n';
}

}  // namespace enveloperelay::client
