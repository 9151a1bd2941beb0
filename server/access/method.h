#ifndef ENVELOPE_RELAY_SERVER_ACCESS_METHOD_H_
#define ENVELOPE_RELAY_SERVER_ACCESS_METHOD_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace enveloperelay {

// What a caller may be allowed to do: the methods of the API by their names.
// Subscribe is two: of the whole log, and as a worker of a subscription.
enum class Method : uint8_t {
  // Of the log.
  kSubscribe,  // without a subscription
  kListEvents,
  kGetEvent,
  kGetLog,
  // Of a subscription.
  kConsume,  // Subscribe with a subscription
  kAcknowledge,
  kCreateSubscription,
  kGetSubscription,
  kListSubscriptions,
  kUpdateSubscription,
  kDeleteSubscription,
  kSeekSubscription,
  kListDeadLetters,
  kReplayDeadLetters,
  kDeleteDeadLetters,
  // Of the quarantine.
  kListQuarantined,
  kGetQuarantined,
  kRetryQuarantined,
  kDeleteQuarantined,
  // Of gRPC itself.
  kReflection,
  kChannelz,
};

// "ListEvents"; "Consume" for Subscribe with a subscription.
std::string_view NameOf(Method method);

// Whether a subscription says more closely what `method` may be used on.
bool ConcernsSubscription(Method method);

// The methods that `name` stands for: one, or those of a group ("read",
// "consume", "manage", "quarantine", "*" for all). Empty: there is no such
// method or group.
std::set<Method> MethodsNamed(std::string_view name);

// All names of methods and groups, for people.
std::string MethodNames();

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_ACCESS_METHOD_H_
