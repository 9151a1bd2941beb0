#ifndef ENVELOPE_RELAY_SERVER_ACCESS_ACCESS_H_
#define ENVELOPE_RELAY_SERVER_ACCESS_ACCESS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/access/caller.h"
#include "server/access/method.h"
#include "server/access/policy.h"
#include "server/access/token_file.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/watched_files.h"

namespace enveloperelay {

// How the relay knows callers, and where it stands what they may do.
struct AccessOptions {
  // Client certificates make callers known.
  bool certificates = false;
  // Bearer tokens do; empty: they do not.
  std::string token_file = {};
  // Empty: whoever is known may do everything.
  std::string policy_file = {};
};

// Who calls, and what they may do, by files that are read again when they
// change. Thread-safe.
class Access {
 public:
  // By default it asks nobody who they are, and allows everything. The files
  // are yet to be read. `clock` outlives it.
  explicit Access(const Clock& clock, AccessOptions options = {});
  ~Access();
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  // Each reads its file, if there is one, and again whenever `files` finds it
  // changed. Errors: kInvalidArgument and those of ReadFile, saying where and
  // why.
  absl::Status WatchTokens(WatchedFiles& files);
  absl::Status WatchPolicy(WatchedFiles& files);

  // Whether some callers can be told apart.
  bool knows_callers() const { return knows_callers_; }
  // Whether everybody may do everything.
  bool open() const { return open_; }

  // Who it is that shows that. Errors: kUnauthenticated, saying why.
  absl::StatusOr<Caller> Identify(const Presented& presented) const;

  // Whether `caller` may use `method` on `subscription`; on none if it concerns
  // none. Errors: kPermissionDenied, and kUnauthenticated for a caller whose
  // token has expired or was withdrawn since it was identified.
  absl::Status Check(const Caller& caller, Method method,
                     std::string_view subscription) const;
  // As Check, for a method that shows what there is: whether `caller` may use
  // it on anything.
  absl::Status CheckAny(const Caller& caller, Method method) const;

  // Tells of names of subscriptions whether Check would allow them now.
  std::function<bool(const std::string& subscription)> Filter(
      const Caller& caller, Method method) const;

  // Calls `on_change` from now on whenever a file has been read again, on a
  // thread that must not be held up. Nothing: no more, also not under way.
  void OnChange(std::function<void()> on_change);
  // When the next of all tokens expires.
  absl::Time NextExpiry() const;

 private:
  // Shared with what `files` calls.
  struct Rules {
    Mutex mutex;
    std::shared_ptr<const TokenFile> tokens ABSL_GUARDED_BY(mutex);
    std::shared_ptr<const Policy> policy ABSL_GUARDED_BY(mutex);
    std::function<void()> on_change ABSL_GUARDED_BY(mutex);
  };

  template <typename T>
  absl::Status Watch(WatchedFiles& files, const std::string& path,
                     std::shared_ptr<const T> Rules::* field);
  std::shared_ptr<const TokenFile> tokens() const;
  std::shared_ptr<const Policy> policy() const;
  absl::StatusOr<Caller> IdentifyByToken(const Presented& presented) const;
  absl::Status CheckToken(const Caller& caller) const;

  const Clock& clock_;
  const AccessOptions options_;
  const bool knows_callers_;
  const bool open_;
  const std::shared_ptr<Rules> rules_ = std::make_shared<Rules>();
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_ACCESS_ACCESS_H_
