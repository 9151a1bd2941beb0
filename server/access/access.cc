#include "server/access/access.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/access/caller.h"
#include "server/access/method.h"
#include "server/access/policy.h"
#include "server/access/token_file.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/sha256.h"
#include "server/base/watched_files.h"

namespace enveloperelay {
namespace {

// Returns the token of "Bearer TOKEN"; empty if it is not that.
std::string_view ReadBearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  const absl::string_view text(authorization.data(), authorization.size());
  if (!absl::StartsWithIgnoreCase(text, {kScheme.data(), kScheme.size()})) {
    return {};
  }
  std::string_view token = authorization.substr(kScheme.size());
  token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
  const bool plain =
      std::ranges::all_of(token, [](char c) { return c > ' ' && c < '\x7f'; });
  if (!plain || token.size() > TokenFile::kTokenBytesMax) return {};
  return token;
}

absl::Status Denied(const Caller& caller, Method method,
                    std::string_view subscription) {
  // No longer than a name can be.
  constexpr size_t kSubscriptionBytesMax = 63;
  std::string what(NameOf(method));
  if (!subscription.empty() && subscription.size() <= kSubscriptionBytesMax) {
    absl::StrAppend(&what, " on subscription '",
                    absl::string_view(subscription.data(), subscription.size()),
                    "'");
  }
  return absl::PermissionDeniedError(
      absl::StrCat(caller.principal, " may not use ", what));
}

absl::Status UnknownToken() {
  return absl::UnauthenticatedError("the token is not known to this relay");
}

absl::Status ExpiredToken() {
  return absl::UnauthenticatedError("the token has expired");
}

}  // namespace

Access::Access(const Clock& clock, AccessOptions options)
    : clock_(clock),
      options_(std::move(options)),
      knows_callers_(options_.certificates || !options_.token_file.empty()),
      open_(!knows_callers_ && options_.policy_file.empty()) {}

Access::~Access() { OnChange(nullptr); }

template <typename T>
absl::Status Access::Watch(WatchedFiles& files, const std::string& path,
                           std::shared_ptr<const T> Rules::* field) {
  if (path.empty()) return absl::OkStatus();
  // The files may outlast this, so they have a share in the rules.
  return files.Watch({path},
                     [rules = rules_, path, field](
                         std::span<const std::string> texts) -> absl::Status {
                       absl::StatusOr<T> parsed = T::Parse(texts.front(), path);
                       if (!parsed.ok()) return parsed.status();
                       const MutexLock lock(rules->mutex);
                       (*rules).*field =
                           std::make_shared<const T>(*std::move(parsed));
                       if (rules->on_change) rules->on_change();
                       return absl::OkStatus();
                     });
}

absl::Status Access::WatchTokens(WatchedFiles& files) {
  return Watch(files, options_.token_file, &Rules::tokens);
}

absl::Status Access::WatchPolicy(WatchedFiles& files) {
  return Watch(files, options_.policy_file, &Rules::policy);
}

std::shared_ptr<const TokenFile> Access::tokens() const {
  const MutexLock lock(rules_->mutex);
  return rules_->tokens;
}

std::shared_ptr<const Policy> Access::policy() const {
  const MutexLock lock(rules_->mutex);
  return rules_->policy;
}

absl::StatusOr<Caller> Access::Identify(const Presented& presented) const {
  // A token is meant for just this call, a certificate for the connection.
  if (!options_.token_file.empty() && !presented.authorization.empty()) {
    return IdentifyByToken(presented);
  }
  if (options_.certificates && presented.certificate) {
    std::string principal = PrincipalOf(presented);
    if (principal.empty()) {
      return absl::UnauthenticatedError(
          "the client certificate has neither a URI nor a DNS name as subject "
          "alternative name");
    }
    return Caller{.principal = std::move(principal), .token_hash = {}};
  }
  if (!options_.certificates && options_.token_file.empty()) {
    return Caller{.principal = std::string(kAnonymous), .token_hash = {}};
  }
  return absl::UnauthenticatedError(absl::StrCat(
      "no credentials; this relay asks for ",
      !options_.token_file.empty()
          ? "the metadata authorization with 'Bearer TOKEN'"
          : "",
      !options_.token_file.empty() && options_.certificates ? ", or " : "",
      options_.certificates ? "a client certificate" : ""));
}

absl::StatusOr<Caller> Access::IdentifyByToken(
    const Presented& presented) const {
  const std::string_view token = presented.authorization.size() == 1
                                     ? ReadBearer(presented.authorization[0])
                                     : std::string_view();
  if (token.empty()) {
    return absl::UnauthenticatedError(
        "the metadata authorization must be given once, as 'Bearer TOKEN'");
  }
  std::string hash = Sha256(token);
  const std::shared_ptr<const TokenFile> file = tokens();
  const TokenFile::Token* const found = file->Find(hash);
  if (found == nullptr) return UnknownToken();
  if (found->expires <= clock_.Now()) return ExpiredToken();
  return Caller{.principal = "token:" + found->name,
                .token_hash = std::move(hash)};
}

absl::Status Access::CheckToken(const Caller& caller) const {
  if (caller.token_hash.empty()) return absl::OkStatus();
  const std::shared_ptr<const TokenFile> file = tokens();
  const TokenFile::Token* const found = file->Find(caller.token_hash);
  if (found == nullptr || "token:" + found->name != caller.principal) {
    return UnknownToken();
  }
  return found->expires <= clock_.Now() ? ExpiredToken() : absl::OkStatus();
}

absl::Status Access::Check(const Caller& caller, Method method,
                           std::string_view subscription) const {
  absl::Status status = CheckToken(caller);
  if (!status.ok()) return status;
  const std::shared_ptr<const Policy> rules = policy();
  if (rules == nullptr ||
      rules->Allows(caller.principal, method, subscription)) {
    return absl::OkStatus();
  }
  return Denied(caller, method, subscription);
}

absl::Status Access::CheckAny(const Caller& caller, Method method) const {
  absl::Status status = CheckToken(caller);
  if (!status.ok()) return status;
  const std::shared_ptr<const Policy> rules = policy();
  if (rules == nullptr || rules->AllowsAny(caller.principal, method)) {
    return absl::OkStatus();
  }
  return Denied(caller, method, "");
}

std::function<bool(const std::string& subscription)> Access::Filter(
    const Caller& caller, Method method) const {
  return [policy = policy(), principal = caller.principal,
          method](const std::string& subscription) {
    return policy == nullptr || policy->Allows(principal, method, subscription);
  };
}

void Access::OnChange(std::function<void()> on_change) {
  const MutexLock lock(rules_->mutex);
  rules_->on_change = std::move(on_change);
}

absl::Time Access::NextExpiry() const {
  absl::Time next = absl::InfiniteFuture();
  const std::shared_ptr<const TokenFile> file = tokens();
  if (file == nullptr) return next;
  const absl::Time now = clock_.Now();
  for (const TokenFile::Token& token : file->tokens()) {
    if (token.expires > now) next = std::min(next, token.expires);
  }
  return next;
}

}  // namespace enveloperelay
