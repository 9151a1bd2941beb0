#ifndef ENVELOPE_RELAY_SERVER_INGRESS_KEYS_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_KEYS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "prometheus/registry.h"
#include "server/base/mutex.h"
#include "server/base/watched_files.h"
#include "server/ingress/signature.h"
#include "server/ingress/token_uses.h"
#include "server/ingress/tokens.h"

namespace enveloperelay {

// What senders are known by: the tokens and signing secrets that are in force
// now. They can be replaced while requests are under way, of which each goes by
// those that it has got here. Thread-safe.
class IngressKeys {
 public:
  struct Tokens {
    TokenSet set;
    // In the order of the tokens.
    std::vector<std::shared_ptr<TokenUses::Use>> uses;
  };
  // Neither tokens nor secrets. `registry` must outlive this.
  explicit IngressKeys(prometheus::Registry& registry);

  // Each reads a file for `keys`, now and again whenever it changes; one that
  // is wrong leaves what was read before in force. `files` may outlast whoever
  // uses the keys, so it has a share in them.
  // Errors: kInvalidArgument, naming file and line, and those of ReadFile.
  static absl::Status WatchTokens(const std::shared_ptr<IngressKeys>& keys,
                                  const std::string& path, WatchedFiles& files);
  static absl::Status WatchSigningSecrets(
      const std::shared_ptr<IngressKeys>& keys, const std::string& path,
      WatchedFiles& files);

  // Never null.
  std::shared_ptr<const Tokens> tokens() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<const SigningSecrets> signing_secrets() const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // A token that was there before, under the same name, goes on being counted.
  void SetTokens(TokenSet set) ABSL_LOCKS_EXCLUDED(mutex_);
  void SetSigningSecrets(SigningSecrets secrets) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  TokenUses uses_;
  mutable Mutex mutex_;
  std::shared_ptr<const Tokens> tokens_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const SigningSecrets> signing_secrets_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_KEYS_H_
