#include "server/subscriptions/subscription.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/base/logging.h"
#include "server/base/mutex.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/state_store.h"
#include "server/log/tail.h"
#include "server/stream/errors.h"
#include "server/stream/proto_time.h"
#include "server/stream/reader.h"
#include "server/stream/step_scheduler.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/mailbox.h"
#include "server/subscriptions/settings.h"
#include "server/subscriptions/state.h"

namespace enveloperelay {
namespace {

constexpr StateTable kTable = StateTable::kSubscriptions;

// Between two looks at the log of one that nobody works on, at least; twice
// that at most. Each commit would wake all of them otherwise.
constexpr absl::Duration kRest = absl::Seconds(5);
// Until one that could not be read is read again.
constexpr absl::Duration kReadAgainAfter = absl::Seconds(5);

Dispatcher::Environment ForDispatcher(const Subscription::Environment& env) {
  return {.log = env.log,
          .store = env.store,
          .clock = env.clock,
          .limits = env.limits,
          .random = env.random};
}

}  // namespace

Subscription::Subscription(Environment environment,
                           internal::StoredSubscription stored,
                           SubscriptionSettings settings)
    : env_(std::move(environment)),
      name_(settings.proto.name()),
      begin_(env_.clock.Now()),
      stored_(std::move(stored)),
      settings_(std::move(settings)) {
  const MutexLock lock(mutex_);
  env_.filters.Add(settings_.filter->memory_bytes());
}

Subscription::Subscription(Environment environment,
                           SubscriptionSettings settings, const LogStart& start)
    : env_(std::move(environment)),
      name_(settings.proto.name()),
      begin_(env_.clock.Now()),
      settings_(settings),
      settings_changed_(true) {
  const MutexLock lock(mutex_);
  stored_.set_uid(env_.random_bits());
  dispatcher_ = Dispatcher::Create(ForDispatcher(env_), std::move(settings),
                                   start, env_.random_bits());
}

Subscription::~Subscription() {
  const MutexLock lock(mutex_);
  env_.filters.Remove(settings_.filter->memory_bytes());
}

void Subscription::Host(StepScheduler& steps,
                        std::function<void()> on_expired) {
  on_expired_ = std::move(on_expired);
  {
    const MutexLock lock(write_->mutex);
    write_->steps = &steps;
  }
  const MutexLock lock(mutex_);
  steps_ = &steps;
  if (dispatcher_ != nullptr) StepSoon();
}

bool Subscription::CatchUp(absl::AnyInvocable<void() &&> then) {
  const MutexLock lock(mutex_);
  if (steps_ == nullptr) return false;
  on_caught_up_ = std::move(then);
  StepSoon();
  return true;
}

void Subscription::Close() {
  {
    const MutexLock lock(write_->mutex);
    write_->steps = nullptr;
  }
  absl::AnyInvocable<void() &&> on_caught_up;
  {
    const MutexLock lock(mutex_);
    steps_ = nullptr;
    on_caught_up = std::exchange(on_caught_up_, nullptr);
  }
  if (on_caught_up) std::move(on_caught_up)();
}

void Subscription::StepSoon() {
  if (steps_ != nullptr) steps_->StepSoon();
}

absl::Status Subscription::Prepare() {
  if (deleted_) return SubscriptionNotFoundError(name_);
  if (!failure_.ok()) return failure_;
  if (dispatcher_ != nullptr) return absl::OkStatus();
  auto loaded = Dispatcher::Load(ForDispatcher(env_), settings_);
  if (!loaded.ok()) return loaded.status();
  dispatcher_ = *std::move(loaded);
  return absl::OkStatus();
}

// Nobody may have asked for it, so what goes wrong is logged.
bool Subscription::PrepareToStep() {
  if (deleted_ || !failure_.ok()) return false;
  const absl::Status status = Prepare();
  if (status.ok()) return true;
  if (!std::exchange(failure_told_, true)) {
    LogError("subscription cannot be read",
             {{LogKey::kSubscription, name_},
              {LogKey::kDetail, std::string(status.message())}});
  }
  if (absl::IsUnavailable(status) && steps_ != nullptr) {
    steps_->StepAt(steps_->Now() + absl::ToChronoNanoseconds(kReadAgainAfter));
  }
  return false;
}

bool Subscription::HasChanges() const {
  return settings_changed_ ||
         (dispatcher_ != nullptr && dispatcher_->has_changes());
}

// Holds back what depends on all that was decided so far.
void Subscription::Enqueue(Release release) {
  held_.push_back({.write = HasChanges() ? started_ + 1 : started_,
                   .release = std::move(release)});
  StepSoon();
}

void Subscription::Step() {
  std::vector<Release> due;
  absl::Status failure;
  bool expired = false;
  absl::AnyInvocable<void() &&> on_caught_up;
  {
    const MutexLock lock(mutex_);
    TakeWritten();
    const bool prepared = PrepareToStep();
    if (prepared) {
      Dispatch();
      StartWrite();
      ScheduleNext();
      ShowCounters();
      expired = ExpireTime() <= env_.clock.Now();
    }
    if (!prepared || !dispatcher_->has_more()) {
      on_caught_up = std::exchange(on_caught_up_, nullptr);
    }
    failure = failure_;
    while (!held_.empty() &&
           (held_.front().write <= written_ || !failure.ok() || deleted_)) {
      due.push_back(std::move(held_.front().release));
      held_.pop_front();
    }
    if (deleted_ && failure.ok()) failure = SubscriptionNotFoundError(name_);
  }
  for (Release& release : due) std::move(release)(failure);
  if (expired) on_expired_();
  if (on_caught_up) std::move(on_caught_up)();
}

void Subscription::ShowCounters() {
  const SubscriptionCounters counters = dispatcher_->Counters();
  cursor_ = counters.cursor.value;
  const MutexLock lock(counters_mutex_);
  counters_ = counters;
}

std::optional<SubscriptionCounters> Subscription::Counters(
    const LogBounds& bounds) const {
  std::optional<SubscriptionCounters> counters;
  {
    const MutexLock lock(counters_mutex_);
    counters = counters_;
  }
  if (!counters.has_value()) return counters;
  counters->backlog = bounds.CountAfter(counters->cursor);
  if (counters->oldest_in_log < bounds.earliest) {
    const MutexLock lock(write_->mutex);
    if (write_->steps != nullptr) write_->steps->StepSoon();
  }
  return counters;
}

void Subscription::TakeWritten() {
  std::optional<absl::Status> status;
  {
    const MutexLock lock(write_->mutex);
    status = std::exchange(write_->status, std::nullopt);
  }
  if (!status.has_value()) return;
  if (status->ok()) {
    written_ = started_;
    if (dispatcher_ != nullptr) dispatcher_->OnDurable();
  } else if (failure_.ok()) {
    failure_ = *status;
    EndWorkers(failure_);
  }
}

void Subscription::Dispatch() {
  for (bool again = true; again;) {
    again = false;
    absl::StatusOr<std::vector<Handout>> handouts = dispatcher_->Dispatch();
    if (!handouts.ok()) {
      // No worker can be served: they are told why, and may come back.
      EndWorkers(FromLog(handouts.status()));
      return;
    }
    for (Handout& handout : *handouts) {
      again = HandOut(std::move(handout)) || again;
    }
  }
}

// Sends it on when it is durable. True: its worker takes another one.
bool Subscription::HandOut(Handout handout) {
  const auto found = mailboxes_.find(handout.worker);
  if (found == mailboxes_.end()) {
    dispatcher_->TakeBack(handout);
    StepSoon();
    return false;
  }
  const std::shared_ptr<Mailbox> mailbox = found->second;
  const WorkerKey worker = handout.worker;
  mailbox->Expect(handout.batch.bytes());
  Enqueue([self = shared_from_this(), mailbox,
           handout = std::move(handout)](const absl::Status& written) mutable {
    if (!written.ok()) return;
    const std::optional<Handout> back = mailbox->Put(std::move(handout));
    if (back.has_value()) self->TakeBack(*back);
  });
  // Where events come one by one, those that come meanwhile go together.
  const bool caught_up = dispatcher_->position() >= env_.log.tail().end();
  if (caught_up || !mailbox->HasRoom()) return false;
  dispatcher_->SetReady(worker);
  return true;
}

void Subscription::StartWrite() {
  if (written_ < started_ || !HasChanges()) return;
  std::vector<StateChange> changes = dispatcher_->TakeChanges();
  if (std::exchange(settings_changed_, false)) {
    *stored_.mutable_settings() = settings_.proto;
    changes.push_back(PutState(kTable, StateKey(StateKind::kSettings, name_),
                               stored_.SerializeAsString()));
  }
  ++started_;
  env_.store.Write(std::move(changes), [write = write_](absl::Status status) {
    const MutexLock lock(write->mutex);
    write->status = std::move(status);
    if (write->steps != nullptr) write->steps->StepSoon();
  });
}

absl::Time Subscription::ExpireTime() const {
  if (dispatcher_->has_workers()) return absl::InfiniteFuture();
  return std::max(dispatcher_->unused_since(), begin_) + settings_.expire_after;
}

void Subscription::ScheduleNext() {
  if (steps_ == nullptr) return;
  if (dispatcher_->has_more()) steps_->StepSoon();
  if (!dispatcher_->has_workers()) {
    if (dispatcher_->looks_further()) {
      steps_->StepAt(steps_->Now() +
                     absl::ToChronoNanoseconds(kRest * (1 + env_.random())));
    }
  } else if (dispatcher_->waits_for_growth()) {
    steps_->StepPast(dispatcher_->position());
  }
  const absl::Time due = std::min(dispatcher_->NextDue(), ExpireTime());
  if (due == absl::InfiniteFuture()) return;
  const absl::Duration wait =
      std::clamp(due - env_.clock.Now(), absl::ZeroDuration(), absl::Hours(1));
  // A little later than at the last microsecond, so that it is due then.
  steps_->StepAt(steps_->Now() +
                 absl::ToChronoNanoseconds(wait + absl::Microseconds(1)));
}

void Subscription::EndWorkers(const absl::Status& status) {
  for (const auto& [key, mailbox] : mailboxes_) mailbox->PutEnd(status);
}

absl::StatusOr<WorkerKey> Subscription::Join(WorkerSpec spec,
                                             std::shared_ptr<Mailbox> mailbox) {
  const MutexLock lock(mutex_);
  const absl::Status status = Prepare();
  if (!status.ok()) return status;
  const std::string worker_id = spec.worker_id;
  const Dispatcher::Joined joined = dispatcher_->Join(std::move(spec));
  if (joined.superseded.has_value()) {
    const auto old = mailboxes_.extract(*joined.superseded);
    if (!old.empty()) old.mapped()->PutEnd(WorkerSupersededError(worker_id));
  }
  mailboxes_.emplace(joined.key, std::move(mailbox));
  ShowCounters();
  StepSoon();
  return joined.key;
}

void Subscription::Ready(WorkerKey worker) {
  const MutexLock lock(mutex_);
  if (dispatcher_ == nullptr) return;
  dispatcher_->SetReady(worker);
  StepSoon();
}

void Subscription::Leave(WorkerKey worker) {
  const MutexLock lock(mutex_);
  mailboxes_.erase(worker);
  if (dispatcher_ == nullptr) return;
  dispatcher_->Leave(worker);
  StepSoon();
}

bool Subscription::BeginSend(const Handout& handout) {
  const MutexLock lock(mutex_);
  if (dispatcher_ == nullptr || dispatcher_->MarkSent(handout)) return true;
  dispatcher_->TakeBack(handout);
  StepSoon();
  return false;
}

void Subscription::TakeBack(const Handout& handout) {
  const MutexLock lock(mutex_);
  if (dispatcher_ == nullptr) return;
  dispatcher_->TakeBack(handout);
  StepSoon();
}

void Subscription::Describe(Done<v1::Subscription> done) {
  Act<v1::Subscription>(
      [this](Dispatcher& /*dispatcher*/)
          ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::StatusOr<v1::Subscription> {
            return ToProto();
          },
      std::move(done));
}

void Subscription::Update(const v1::Subscription& changes,
                          const google::protobuf::FieldMask& mask,
                          Done<v1::Subscription> done) {
  Act<v1::Subscription>(
      [&, this](Dispatcher& dispatcher)
          ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::StatusOr<v1::Subscription> {
            if (!changes.etag().empty() && changes.etag() != Etag()) {
              return EtagMismatchError();
            }
            absl::StatusOr<SubscriptionSettings> settings =
                ApplyChanges(dispatcher.settings(), changes, mask);
            if (!settings.ok()) return settings.status();
            const size_t before = settings_.filter->memory_bytes();
            const size_t after = settings->filter->memory_bytes();
            if (!env_.filters.Replace(before, after)) {
              return FilterLimitError(env_.filters.bytes_max());
            }
            absl::Status status = dispatcher.SetSettings(*settings);
            if (!status.ok()) {
              env_.filters.Remove(after);
              env_.filters.Add(before);
              return status;
            }
            settings_ = *std::move(settings);
            stored_.set_revision(stored_.revision() + 1);
            settings_changed_ = true;
            return ToProto();
          },
      std::move(done));
}

void Subscription::Seek(const LogStart& start, Done<v1::Subscription> done) {
  Act<v1::Subscription>(
      [&, this](Dispatcher& dispatcher)
          ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::StatusOr<v1::Subscription> {
            dispatcher.Seek(start, env_.random_bits());
            return ToProto();
          },
      std::move(done));
}

absl::Status Subscription::Delete(const std::string& etag, bool if_expired,
                                  Done<bool> done) {
  const MutexLock lock(mutex_);
  if (deleted_) return SubscriptionNotFoundError(name_);
  if (!etag.empty() && etag != Etag()) return EtagMismatchError();
  if (if_expired && ExpireTime() > env_.clock.Now()) {
    return absl::FailedPreconditionError("used again");
  }
  deleted_ = true;
  EndWorkers(SubscriptionNotFoundError(name_));
  std::vector<StateChange> changes;
  for (const StateKind kind :
       {StateKind::kSettings, StateKind::kHead, StateKind::kLease,
        StateKind::kWaiting, StateKind::kBlocked}) {
    changes.push_back(RemoveRange(kTable, KeysOf(kind, name_)));
  }
  changes.push_back(
      RemoveRange(StateTable::kDeadLetters, DeadLetterKeysOf(name_)));
  // After what is being written.
  env_.store.Write(std::move(changes),
                   [done = std::move(done)](absl::Status status) mutable {
                     if (status.ok()) {
                       std::move(done)(true);
                     } else {
                       std::move(done)(std::move(status));
                     }
                   });
  StepSoon();
  return absl::OkStatus();
}

std::string Subscription::Etag() const {
  return absl::StrCat(absl::Hex(stored_.uid(), absl::kZeroPad16), "-",
                      stored_.revision());
}

v1::Subscription Subscription::ToProto() {
  dispatcher_->Refresh();
  v1::Subscription proto = settings_.proto;
  proto.set_etag(Etag());
  const SubscriptionCounters counters = dispatcher_->Counters();
  proto.set_cursor(EncodeCursor({env_.log.Bounds().log_id, counters.cursor}));
  proto.set_backlog(counters.backlog);
  proto.set_outstanding(counters.outstanding);
  proto.set_retrying(counters.retrying);
  proto.set_dead_letters(counters.dead_letters);
  proto.set_lost_events(counters.lost_events);
  if (counters.oldest_unsettled_time < absl::InfiniteFuture() &&
      counters.oldest_unsettled_time > absl::InfinitePast()) {
    *proto.mutable_oldest_unsettled_time() =
        enveloperelay::ToProto(counters.oldest_unsettled_time);
  }
  for (v1::Worker& worker : dispatcher_->Workers()) {
    *proto.add_workers() = std::move(worker);
  }
  return proto;
}

}  // namespace enveloperelay
