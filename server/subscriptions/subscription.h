#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_SUBSCRIPTION_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_SUBSCRIPTION_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/stream/reader.h"
#include "server/stream/step_scheduler.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/filter_budget.h"
#include "server/subscriptions/mailbox.h"
#include "server/subscriptions/settings.h"

namespace enveloperelay {

// A durable subscription that serves: a Dispatcher behind a mutex, whose
// decisions are written before anybody hears of them. What it decides while a
// write is under way goes with the next one.
//
//   call ──▶ Dispatcher ──changes──▶ StateStore ──durable──▶ answer, handout
//
// Step() is for one thread at a time, the rest is thread-safe; all but Step()
// of `steps` may block on the disk. A subscription is read from the store by
// CatchUp(), or when it is used before that. Without workers it rests: it looks
// at what the log has got every few seconds only.
class Subscription : public std::enable_shared_from_this<Subscription> {
 public:
  // What it uses; each outlives it.
  struct Environment {
    EventLog& log;
    StateStore& store;
    const Clock& clock;
    FilterBudget& filters;
    SubscriptionLimits limits;
    // Evenly from 0 to 1, and 64 random bits; called from any thread.
    std::function<double()> random;
    std::function<uint64_t()> random_bits;
  };
  template <typename Result>
  using Done = absl::AnyInvocable<void(absl::StatusOr<Result>) &&>;

  // As it is in the store.
  Subscription(Environment environment, internal::StoredSubscription stored,
               SubscriptionSettings settings);
  // A new one. It is written by the first Step(). Its filter is in the budget
  // already, and leaves it with the subscription.
  Subscription(Environment environment, SubscriptionSettings settings,
               const LogStart& start);
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  // Sets what steps it: to be called before anything else, once. `steps` can
  // be asked for a StepSoon() from any thread until Close() or the end of
  // `on_expired`, which is called, on the thread that steps, when the
  // subscription has not been used for as long as it may be.
  void Host(StepScheduler& steps, std::function<void()> on_expired);
  void Step() ABSL_LOCKS_EXCLUDED(mutex_);
  // Has it step, and calls `then` once it has been read and has looked through
  // the log, or cannot, or is closed. To be called again after that only.
  // False, and `then` is not called: it was closed before.
  bool CatchUp(absl::AnyInvocable<void() &&> then) ABSL_LOCKS_EXCLUDED(mutex_);
  // No step is asked for any more.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `act` with the dispatcher, at once, and `done` with what it returned
  // once that is durable.
  // Errors: those of `act`, SUBSCRIPTION_NOT_FOUND (deleted), kDataLoss,
  // kUnavailable.
  template <typename Result>
  void Act(absl::AnyInvocable<absl::StatusOr<Result>(Dispatcher&)> act,
           Done<Result> done) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::StatusOr<Result> result = absl::UnavailableError("not done");
    {
      const MutexLock lock(mutex_);
      absl::Status status = Prepare();
      result = status.ok() ? act(*dispatcher_) : std::move(status);
      if (result.ok()) {
        Enqueue([result = *std::move(result),
                 done = std::move(done)](absl::Status written) mutable {
          if (written.ok()) {
            std::move(done)(std::move(result));
          } else {
            std::move(done)(std::move(written));
          }
        });
        return;
      }
    }
    std::move(done)(result.status());
  }

  // What it is and how it stands, once it has been created or changed durably.
  void Describe(Done<v1::Subscription> done);
  // Changes the settings. `etag` empty: whatever they are.
  // Errors: ETAG_MISMATCH, FIELD_INVALID, SUBSCRIPTION_LIMIT, and as Act().
  void Update(const v1::Subscription& changes,
              const google::protobuf::FieldMask& mask,
              Done<v1::Subscription> done) ABSL_LOCKS_EXCLUDED(mutex_);
  // Moves the position.
  void Seek(const LogStart& start, Done<v1::Subscription> done);
  // Ends it and its streams; `done` when that is durable. `etag` empty:
  // whatever it is. `if_expired`: unless it is used again. Errors, with nothing
  // done: SUBSCRIPTION_NOT_FOUND, ETAG_MISMATCH, kFailedPrecondition (used
  // again).
  absl::Status Delete(const std::string& etag, bool if_expired, Done<bool> done)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // A worker's stream begins. It gets handouts through the mailbox, from
  // Ready() on until that has no room. Errors: as Act().
  absl::StatusOr<WorkerKey> Join(WorkerSpec spec,
                                 std::shared_ptr<Mailbox> mailbox)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Ready(WorkerKey worker) ABSL_LOCKS_EXCLUDED(mutex_);
  void Leave(WorkerKey worker) ABSL_LOCKS_EXCLUDED(mutex_);
  // The handout is about to be sent. False: its lease is over, and it must not
  // be.
  bool BeginSend(const Handout& handout) ABSL_LOCKS_EXCLUDED(mutex_);
  // The handout was not sent.
  void TakeBack(const Handout& handout) ABSL_LOCKS_EXCLUDED(mutex_);

  // Each event up to it was settled at the last step. Does not block.
  Sequence cursor() const { return Sequence{cursor_}; }
  // How it stood after the last step, but with the backlog in `bounds`, those
  // of the log; nothing before the first. Has it stepped if retention has
  // overtaken it. Does not block.
  std::optional<SubscriptionCounters> Counters(const LogBounds& bounds) const
      ABSL_LOCKS_EXCLUDED(counters_mutex_);

 private:
  using Release = absl::AnyInvocable<void(absl::Status) &&>;
  // What waits for a write.
  struct Held {
    uint64_t write;  // its number
    Release release;
  };

  absl::Status Prepare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool PrepareToStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enqueue(Release release) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeWritten() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Dispatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HandOut(Handout handout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ScheduleNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time ExpireTime() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasChanges() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StepSoon() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndWorkers(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Etag() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::Subscription ToProto() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets cursor() and Counters() see how the dispatcher stands.
  void ShowCounters() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_)
      ABSL_LOCKS_EXCLUDED(counters_mutex_);

  const Environment env_;
  const std::string name_;
  const absl::Time begin_;
  std::function<void()> on_expired_;
  std::atomic<uint64_t> cursor_ = 0;

  // Never held for longer than a copy takes, unlike mutex_.
  mutable Mutex counters_mutex_;
  std::optional<SubscriptionCounters> counters_
      ABSL_GUARDED_BY(counters_mutex_);

  mutable Mutex mutex_;
  StepScheduler* steps_ ABSL_GUARDED_BY(mutex_) = nullptr;
  internal::StoredSubscription stored_ ABSL_GUARDED_BY(mutex_);
  // As in the store, until the dispatcher is there.
  SubscriptionSettings settings_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Dispatcher> dispatcher_ ABSL_GUARDED_BY(mutex_);
  bool settings_changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool deleted_ ABSL_GUARDED_BY(mutex_) = false;
  // It was said that it cannot be read.
  bool failure_told_ ABSL_GUARDED_BY(mutex_) = false;
  absl::AnyInvocable<void() &&> on_caught_up_ ABSL_GUARDED_BY(mutex_);
  std::map<WorkerKey, std::shared_ptr<Mailbox>> mailboxes_
      ABSL_GUARDED_BY(mutex_);

  // Writes are numbered; one is under way at a time.
  uint64_t started_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::deque<Held> held_ ABSL_GUARDED_BY(mutex_);

  // Shared with the thread of the store, which must not wait for mutex_.
  struct Written {
    Mutex mutex;
    std::optional<absl::Status> status ABSL_GUARDED_BY(mutex);
    StepScheduler* steps ABSL_GUARDED_BY(mutex) = nullptr;
  };
  const std::shared_ptr<Written> write_ = std::make_shared<Written>();
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_SUBSCRIPTION_H_
