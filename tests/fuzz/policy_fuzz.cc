// Policy files: read or refused with the place, and what no rule names is
// denied.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/access/method.h"
#include "server/access/policy.h"
#include "server/base/check.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  const std::string_view text = testing::FuzzInput(data, size).Rest();
  const absl::StatusOr<Policy> policy = Policy::Parse(text, "policy");
  if (!policy.ok()) {
    RELAY_CHECK(absl::IsInvalidArgument(policy.status()));
    RELAY_CHECK(!policy.status().message().empty());
    return 0;
  }
  for (const std::string_view principal : {"token:a", "uri:spiffe://a/b", ""}) {
    for (const Method method : MethodsNamed("*")) {
      // What is allowed on one is allowed on some.
      if (policy->Allows(principal, method, "orders")) {
        RELAY_CHECK(policy->AllowsAny(principal, method));
      }
      if (!ConcernsSubscription(method)) {
        RELAY_CHECK(policy->Allows(principal, method, "") ==
                    policy->AllowsAny(principal, method));
      }
    }
  }
  return 0;
}
