#ifndef ENVELOPE_RELAY_SERVER_ACCESS_POLICY_H_
#define ENVELOPE_RELAY_SERVER_ACCESS_POLICY_H_

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/access/method.h"

namespace enveloperelay {

// A text, or, with `*` at its end, what texts begin with.
class Pattern {
 public:
  explicit Pattern(std::string_view text);

  bool Matches(std::string_view text) const {
    return prefix_ ? text.starts_with(text_) : text == text_;
  }

 private:
  std::string text_;
  bool prefix_;
};

// Who may do what: rules that allow, in TOML; what none allows is denied.
//
//   [[allow]]
//   principals = ["token:billing", "uri:spiffe://example.org/billing/*"]
//   methods = ["consume"]
//   subscriptions = ["billing", "billing-*"]
//
// `methods` are names of methods or groups (see method.h). `subscriptions` is
// required where a method concerns subscriptions, and not allowed elsewhere.
// Immutable, so thread-safe.
class Policy {
 public:
  static constexpr size_t kRulesMax = 1000;
  static constexpr size_t kNamesMax = 1000;  // of one rule, in each list
  static constexpr size_t kNameBytesMax = 1024;

  // Reads what stands in the file `path`.
  // Errors: kInvalidArgument, with file, line, and what is allowed.
  static absl::StatusOr<Policy> Parse(std::string_view text,
                                      std::string_view path);

  // `subscription` counts where the method concerns one.
  bool Allows(std::string_view principal, Method method,
              std::string_view subscription) const;
  // Whether there may be a subscription on which `principal` may use `method`.
  bool AllowsAny(std::string_view principal, Method method) const;

 private:
  friend class PolicyReader;

  struct Rule {
    std::vector<Pattern> principals;
    std::set<Method> methods;
    std::vector<Pattern> subscriptions;
  };

  std::vector<Rule> rules_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_ACCESS_POLICY_H_
