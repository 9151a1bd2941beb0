#include "server/access/policy.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/access/caller.h"
#include "server/access/method.h"
#include "server/base/text.h"

namespace enveloperelay {
namespace {

bool AnyMatches(const std::vector<Pattern>& patterns, std::string_view text) {
  return std::ranges::any_of(patterns, [text](const Pattern& pattern) {
    return pattern.Matches(text);
  });
}

// What stands before the `*` at the end of `text`, if there is one.
std::string_view Stem(std::string_view text) {
  return text.ends_with('*') ? text.substr(0, text.size() - 1) : text;
}

// Returns what is wrong with a principal, or nothing; never what stands there,
// for it may be a token.
std::string CheckPrincipal(std::string_view text) {
  if (text == "*" || text == kAnonymous) return "";
  for (const std::string_view kind : {"uri:", "dns:", "token:"}) {
    if (!text.starts_with(kind)) continue;
    const std::string_view name = text.substr(kind.size());
    if (name.empty()) break;
    // A wildcard certificate is a principal of its own.
    const std::string_view rest =
        name.starts_with("*.") ? name.substr(1) : name;
    if (Stem(rest).find('*') != std::string_view::npos) {
      return "'*' may stand at the end only";
    }
    return "";
  }
  return "this is no principal; allowed are uri:…, dns:…, token:NAME, "
         "anonymous, and * at the end for all that begin so";
}

std::string CheckSubscription(std::string_view text) {
  const std::string_view stem = Stem(text);
  const bool characters = std::ranges::all_of(stem, [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
  });
  if (characters && !text.empty()) return "";
  return absl::StrCat("'", ToAbsl(text),
                      "' is no name of a subscription; allowed are lower-case "
                      "letters, digits and '-', and * at the end for all that "
                      "begin so");
}

}  // namespace

Pattern::Pattern(std::string_view text)
    : text_(Stem(text)), prefix_(text.ends_with('*')) {}

// Reads the tables of one file.
class PolicyReader {
 public:
  explicit PolicyReader(std::string_view path) : path_(path) {}

  absl::StatusOr<Policy> Read(const toml::table& file) const {
    const toml::array* rules = nullptr;
    for (const auto& [key, node] : file) {
      rules = node.as_array();
      if (key.str() != "allow" || rules == nullptr) {
        return Wrong(key.source(), key.str(),
                     "allowed are only [[allow]] rules");
      }
    }
    if (rules == nullptr || rules->empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "policy file ", path_, ": there is no [[allow]] rule in it"));
    }
    if (rules->size() > Policy::kRulesMax) {
      return Wrong(rules->source(), "allow", "at most 1000 rules are allowed");
    }
    Policy policy;
    for (const toml::node& node : *rules) {
      absl::StatusOr<Policy::Rule> rule = ReadRule(node);
      if (!rule.ok()) return rule.status();
      policy.rules_.push_back(*std::move(rule));
    }
    return policy;
  }

 private:
  absl::Status Wrong(const toml::source_region& where, std::string_view field,
                     std::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("policy file ", path_, " line ", where.begin.line, ": ",
                     ToAbsl(field), ": ", ToAbsl(what)));
  }

  absl::StatusOr<Policy::Rule> ReadRule(const toml::node& node) const {
    if (!node.is_table()) {
      return Wrong(node.source(), "allow", "a rule is a table: [[allow]]");
    }
    const toml::table& table = *node.as_table();
    Policy::Rule rule;
    for (const auto& [key, value] : table) {
      absl::Status status;
      if (key.str() == "principals") {
        status =
            ReadPatterns(value, key.str(), CheckPrincipal, rule.principals);
      } else if (key.str() == "subscriptions") {
        status = ReadPatterns(value, key.str(), CheckSubscription,
                              rule.subscriptions);
      } else if (key.str() == "methods") {
        status = ReadMethods(value, rule.methods);
      } else {
        status = Wrong(key.source(), key.str(),
                       "unknown; allowed are principals, methods and "
                       "subscriptions");
      }
      if (!status.ok()) return status;
    }
    const absl::Status complete = CheckComplete(table, rule);
    if (!complete.ok()) return complete;
    return rule;
  }

  absl::Status CheckComplete(const toml::table& table,
                             const Policy::Rule& rule) const {
    if (rule.principals.empty()) {
      return Wrong(table.source(), "principals",
                   "missing; name at least one, or \"*\" for all");
    }
    if (rule.methods.empty()) {
      return Wrong(table.source(), "methods",
                   "missing; name at least one, or \"*\" for all");
    }
    const bool concerned =
        std::ranges::any_of(rule.methods, ConcernsSubscription);
    if (concerned && rule.subscriptions.empty()) {
      return Wrong(table.source(), "subscriptions",
                   "missing, and a method of the rule concerns subscriptions; "
                   "name at least one, or \"*\" for all");
    }
    if (!concerned && !rule.subscriptions.empty()) {
      return Wrong(table.source(), "subscriptions",
                   "no method of the rule concerns a subscription; leave it "
                   "out");
    }
    return absl::OkStatus();
  }

  // Hands each text of the array `value` to `take`, which returns an error.
  template <typename Take>
  absl::Status ForEachName(const toml::node& value, std::string_view field,
                           Take take) const {
    const toml::array* const names = value.as_array();
    if (names == nullptr || names->empty() ||
        names->size() > Policy::kNamesMax) {
      return Wrong(value.source(), field,
                   "allowed is an array of 1 to 1000 strings");
    }
    for (const toml::node& node : *names) {
      if (!node.is_string() ||
          node.as_string()->get().size() > Policy::kNameBytesMax) {
        return Wrong(node.source(), field,
                     "allowed are strings of at most 1024 bytes");
      }
      const absl::Status status = take(node, node.as_string()->get());
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadPatterns(const toml::node& value, std::string_view field,
                            std::string (*check)(std::string_view),
                            std::vector<Pattern>& patterns) const {
    return ForEachName(
        value, field,
        [&](const toml::node& node, const std::string& name) -> absl::Status {
          const std::string wrong = check(name);
          if (!wrong.empty()) return Wrong(node.source(), field, wrong);
          patterns.emplace_back(
              name.starts_with("dns:") ? absl::AsciiStrToLower(name) : name);
          return absl::OkStatus();
        });
  }

  absl::Status ReadMethods(const toml::node& value,
                           std::set<Method>& methods) const {
    return ForEachName(
        value, "methods",
        [&](const toml::node& node, const std::string& name) -> absl::Status {
          const std::set<Method> named = MethodsNamed(name);
          if (named.empty()) {
            return Wrong(node.source(), "methods",
                         absl::StrCat("'", name, "' is no method; allowed are ",
                                      MethodNames()));
          }
          methods.insert(named.begin(), named.end());
          return absl::OkStatus();
        });
  }

  const std::string path_;
};

absl::StatusOr<Policy> Policy::Parse(std::string_view text,
                                     std::string_view path) {
  try {
    return PolicyReader(path).Read(toml::parse(text, path));
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        "policy file ", ToAbsl(path), " line ", error.source().begin.line,
        " is no TOML: ", ToAbsl(error.description())));
  }
}

bool Policy::Allows(std::string_view principal, Method method,
                    std::string_view subscription) const {
  const bool concerned = ConcernsSubscription(method);
  return std::ranges::any_of(rules_, [&](const Rule& rule) {
    return rule.methods.contains(method) &&
           AnyMatches(rule.principals, principal) &&
           (!concerned || AnyMatches(rule.subscriptions, subscription));
  });
}

bool Policy::AllowsAny(std::string_view principal, Method method) const {
  return std::ranges::any_of(rules_, [&](const Rule& rule) {
    return rule.methods.contains(method) &&
           AnyMatches(rule.principals, principal);
  });
}

}  // namespace enveloperelay
