#include "server/ingress/keys.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "prometheus/registry.h"
#include "server/base/logging.h"
#include "server/base/mutex.h"
#include "server/base/watched_files.h"
#include "server/ingress/signature.h"
#include "server/ingress/token_uses.h"
#include "server/ingress/tokens.h"

namespace enveloperelay {

IngressKeys::IngressKeys(prometheus::Registry& registry)
    : uses_(registry),
      tokens_(std::make_shared<Tokens>()),
      signing_secrets_(std::make_shared<SigningSecrets>()) {}

absl::Status IngressKeys::WatchTokens(const std::shared_ptr<IngressKeys>& keys,
                                      const std::string& path,
                                      WatchedFiles& files) {
  return files.Watch({path}, [keys, path](std::span<const std::string> texts) {
    absl::StatusOr<TokenSet> set = TokenSet::Parse(texts.front(), path);
    if (!set.ok()) return set.status();
    LogInfo("tokens in force",
            {{LogKey::kToken, absl::StrJoin(set->names(), ", ")}});
    keys->SetTokens(*std::move(set));
    return absl::OkStatus();
  });
}

absl::Status IngressKeys::WatchSigningSecrets(
    const std::shared_ptr<IngressKeys>& keys, const std::string& path,
    WatchedFiles& files) {
  return files.Watch({path}, [keys, path](std::span<const std::string> texts) {
    absl::StatusOr<SigningSecrets> secrets =
        SigningSecrets::Parse(texts.front(), path);
    if (!secrets.ok()) return secrets.status();
    LogInfo("signing secrets in force", {{LogKey::kCount, secrets->count()}});
    keys->SetSigningSecrets(*std::move(secrets));
    return absl::OkStatus();
  });
}

std::shared_ptr<const IngressKeys::Tokens> IngressKeys::tokens() const {
  const MutexLock lock(mutex_);
  return tokens_;
}

std::shared_ptr<const SigningSecrets> IngressKeys::signing_secrets() const {
  const MutexLock lock(mutex_);
  return signing_secrets_;
}

void IngressKeys::SetTokens(TokenSet set) {
  const std::shared_ptr<const Tokens> before = tokens();
  auto next = std::make_shared<Tokens>();
  for (size_t i = 0; i < set.tokens().size(); ++i) {
    const std::string& name = set.names()[i];
    const std::optional<size_t> same = before->set.Find(set.tokens()[i]);
    if (same.has_value() && before->set.names()[*same] == name) {
      next->uses.push_back(before->uses[*same]);
    } else {
      next->uses.push_back(std::make_shared<TokenUses::Use>(uses_, name));
    }
  }
  next->set = std::move(set);
  std::shared_ptr<const Tokens> replaced = std::move(next);
  const MutexLock lock(mutex_);
  tokens_.swap(replaced);  // which goes after the lock
}

void IngressKeys::SetSigningSecrets(SigningSecrets secrets) {
  auto next = std::make_shared<const SigningSecrets>(std::move(secrets));
  const MutexLock lock(mutex_);
  signing_secrets_ = std::move(next);
}

}  // namespace enveloperelay
