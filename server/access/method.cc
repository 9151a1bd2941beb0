#include "server/access/method.h"

#include <array>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/check.h"

namespace enveloperelay {
namespace {

struct Entry {
  Method method;
  std::string_view name;
  bool concerns_subscription;
  // Groups that it is in.
  bool read;
  bool consume;
  bool manage;
  bool quarantine = false;
};

constexpr std::array kEntries = {
    Entry{Method::kSubscribe, "Subscribe", false, true, false, false},
    Entry{Method::kListEvents, "ListEvents", false, true, false, false},
    Entry{Method::kGetEvent, "GetEvent", false, true, false, false},
    Entry{Method::kGetLog, "GetLog", false, true, false, false},
    Entry{Method::kConsume, "Consume", true, false, true, false},
    Entry{Method::kAcknowledge, "Acknowledge", true, false, true, false},
    Entry{Method::kCreateSubscription, "CreateSubscription", true, false, false,
          true},
    Entry{Method::kGetSubscription, "GetSubscription", true, false, true, true},
    Entry{Method::kListSubscriptions, "ListSubscriptions", true, false, false,
          true},
    Entry{Method::kUpdateSubscription, "UpdateSubscription", true, false, false,
          true},
    Entry{Method::kDeleteSubscription, "DeleteSubscription", true, false, false,
          true},
    Entry{Method::kSeekSubscription, "SeekSubscription", true, false, false,
          true},
    Entry{Method::kListDeadLetters, "ListDeadLetters", true, false, false,
          true},
    Entry{Method::kReplayDeadLetters, "ReplayDeadLetters", true, false, false,
          true},
    Entry{Method::kDeleteDeadLetters, "DeleteDeadLetters", true, false, false,
          true},
    Entry{Method::kListQuarantined, "ListQuarantined", false, false, false,
          false, true},
    Entry{Method::kGetQuarantined, "GetQuarantined", false, false, false, false,
          true},
    Entry{Method::kRetryQuarantined, "RetryQuarantined", false, false, false,
          false, true},
    Entry{Method::kDeleteQuarantined, "DeleteQuarantined", false, false, false,
          false, true},
    Entry{Method::kReflection, "Reflection", false, false, false, false},
    Entry{Method::kChannelz, "Channelz", false, false, false, false},
};

const Entry& EntryOf(Method method) {
  for (const Entry& entry : kEntries) {
    if (entry.method == method) return entry;
  }
  RELAY_CHECK(false);
  return kEntries[0];
}

}  // namespace

std::string_view NameOf(Method method) { return EntryOf(method).name; }

bool ConcernsSubscription(Method method) {
  return EntryOf(method).concerns_subscription;
}

std::set<Method> MethodsNamed(std::string_view name) {
  std::set<Method> methods;
  for (const Entry& entry : kEntries) {
    const bool named = name == entry.name || name == "*" ||
                       (name == "read" && entry.read) ||
                       (name == "consume" && entry.consume) ||
                       (name == "manage" && entry.manage) ||
                       (name == "quarantine" && entry.quarantine);
    if (named) methods.insert(entry.method);
  }
  return methods;
}

std::string MethodNames() {
  std::string names = "read, consume, manage, quarantine, * for all";
  for (const Entry& entry : kEntries) {
    absl::StrAppend(&names, ", ",
                    absl::string_view(entry.name.data(), entry.name.size()));
  }
  return names;
}

}  // namespace enveloperelay
