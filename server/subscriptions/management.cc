#include "server/subscriptions/management.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/base/mutex.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/stream/errors.h"
#include "server/stream/fields.h"
#include "server/stream/reader.h"
#include "server/stream/request.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/lease_id.h"
#include "server/subscriptions/settings.h"
#include "server/subscriptions/subscription.h"
#include "server/subscriptions/subscriptions.h"

namespace enveloperelay {
namespace {

template <typename Response>
using Done = Management::Done<Response>;

// Of a page of dead letters, below what a gRPC client takes by default.
constexpr size_t kPageBytesMax = size_t{3} << 20;
constexpr int kSettlementsMax = 1000;
constexpr size_t kReasonBytesMax = 1024;
// Events of all settlements of a call: twice what one worker may have.
constexpr size_t kSettledEventsMax = 200'000;
constexpr int kLettersNamedMax = 10'000;
constexpr absl::Duration kRetryDelayMax = absl::Hours(24 * 7);

absl::Status Invalid(std::string field, std::string description) {
  return FieldInvalidError({{std::move(field), std::move(description)}});
}

// Returns where `subscription`, which is new, begins.
absl::StatusOr<LogStart> StartOf(const v1::Subscription& subscription,
                                 const EventLog& log) {
  Violations violations;
  StartSpec spec;
  CheckEnum("subscription.start", subscription.start(),
            v1::StartPosition_IsValid(subscription.start()), violations);
  if (subscription.has_start_time()) {
    spec.start_time = ReadTime("subscription.start_time",
                               subscription.start_time(), violations);
  }
  if (!violations.empty()) return FieldInvalidError(violations);
  spec.earliest = subscription.start() == v1::START_POSITION_EARLIEST;
  return FindStart(spec, log);
}

absl::StatusOr<LogStart> TargetOf(const v1::SeekSubscriptionRequest& request,
                                  const EventLog& log) {
  Violations violations;
  StartSpec spec;
  switch (request.target_case()) {
    case v1::SeekSubscriptionRequest::kCursor: {
      const absl::StatusOr<Cursor> cursor = DecodeCursor(request.cursor());
      if (!cursor.ok()) return CursorInvalidError();
      spec.cursor = *cursor;
      break;
    }
    case v1::SeekSubscriptionRequest::kTime:
      spec.start_time = ReadTime("time", request.time(), violations);
      break;
    case v1::SeekSubscriptionRequest::kStart:
      CheckEnum("start", request.start(),
                v1::StartPosition_IsValid(request.start()), violations);
      spec.earliest = request.start() == v1::START_POSITION_EARLIEST;
      break;
    case v1::SeekSubscriptionRequest::TARGET_NOT_SET:
      violations.push_back(
          {"target", "nowhere to go; set cursor, time or start"});
      break;
  }
  if (!violations.empty()) return FieldInvalidError(violations);
  absl::StatusOr<LogStart> start = FindStart(spec, log);
  if (!start.ok()) return start;
  const LogBounds bounds = log.Bounds();
  if (spec.cursor.has_value() && start->position.Next() < bounds.earliest) {
    return CursorExpiredError(start->position, bounds);
  }
  return start;
}

// Makes a Subscription the answer that has it.
template <typename Response>
Done<v1::Subscription> Answer(Done<Response> done) {
  return [done = std::move(done)](
             absl::StatusOr<v1::Subscription> subscription) mutable {
    if (!subscription.ok()) {
      std::move(done)(subscription.status());
      return;
    }
    Response response;
    *response.mutable_subscription() = *std::move(subscription);
    std::move(done)(std::move(response));
  };
}

// Which dead letters `Request`, to replay or to delete, names.
template <typename Request>
absl::StatusOr<Dispatcher::LetterSpec> LettersOf(const Request& request) {
  const bool listed = !request.sequences().empty();
  if (listed && request.all()) {
    return FieldsConflictError({{"all", "must not be set beside sequences"}});
  }
  if (!listed && !request.all()) {
    return Invalid("sequences", "names no dead letter; name some, or set all");
  }
  if (request.sequences_size() > kLettersNamedMax) {
    return Invalid("sequences", absl::StrCat(request.sequences_size(),
                                             " sequences; at most ",
                                             kLettersNamedMax, " are allowed"));
  }
  Dispatcher::LetterSpec spec;
  spec.dry_run = request.dry_run();
  if (listed) {
    std::vector<Sequence>& sequences = spec.sequences.emplace();
    for (const uint64_t sequence : request.sequences()) {
      sequences.push_back(Sequence{sequence});
    }
  }
  return spec;
}

void CheckSettlement(const v1::Settlement& settlement, const std::string& path,
                     Violations& violations) {
  if (settlement.delivery_id().empty()) {
    violations.push_back({absl::StrCat(path, ".delivery_id"), "is missing"});
  }
  if (settlement.action() == v1::ACK_ACTION_UNSPECIFIED ||
      !v1::AckAction_IsValid(settlement.action())) {
    violations.push_back({absl::StrCat(path, ".action"),
                          "is missing, or not known to this relay"});
  }
  if (settlement.reason().size() > kReasonBytesMax) {
    violations.push_back(
        {absl::StrCat(path, ".reason"),
         absl::StrCat("of ", settlement.reason().size(), " bytes; at most ",
                      kReasonBytesMax, " are allowed")});
  }
  if (settlement.has_delay()) {
    ReadDuration(absl::StrCat(path, ".delay"), settlement.delay(),
                 absl::ZeroDuration(), kRetryDelayMax, violations);
  }
}

// Returns what the delivery_ids say; nothing for those that cannot be read.
absl::StatusOr<std::vector<std::optional<LeaseId>>> CheckSettlements(
    const v1::AcknowledgeRequest& request) {
  const int count = request.settlements_size();
  if (count < 1 || count > kSettlementsMax) {
    return Invalid("settlements",
                   absl::StrCat(count, " settlements; 1 to ", kSettlementsMax,
                                " are allowed"));
  }
  Violations violations;
  for (int i = 0; i < count && violations.empty(); ++i) {
    CheckSettlement(request.settlements(i),
                    absl::StrCat("settlements[", i, "]"), violations);
  }
  if (!violations.empty()) return FieldInvalidError(violations);
  std::vector<std::optional<LeaseId>> ids;
  size_t events = 0;
  for (const v1::Settlement& settlement : request.settlements()) {
    const auto& id = ids.emplace_back(DecodeLeaseId(settlement.delivery_id()));
    events += static_cast<size_t>(settlement.sequences_size());
    if (settlement.sequences().empty() && id.has_value()) {
      events += id->events.size();
    }
  }
  if (events > kSettledEventsMax) {
    return Invalid("settlements",
                   absl::StrCat("of ", events, " events in all; at most ",
                                kSettledEventsMax, " are allowed"));
  }
  return ids;
}

// Collects the subscriptions of a page, which answer one by one.
class Page {
 public:
  Page(size_t size, std::string next_page_token,
       Done<v1::ListSubscriptionsResponse> done)
      : left_(size), subscriptions_(size), done_(std::move(done)) {
    response_.set_next_page_token(std::move(next_page_token));
  }

  void Add(size_t index, absl::StatusOr<v1::Subscription> subscription) {
    {
      const MutexLock lock(mutex_);
      if (subscription.ok()) {
        subscriptions_[index] = *std::move(subscription);
      } else if (!absl::IsNotFound(subscription.status())) {
        status_ = subscription.status();
      }
      if (--left_ > 0) return;
    }
    Finish();
  }

 private:
  void Finish() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!status_.ok()) {
      std::move(done_)(status_);
      return;
    }
    for (std::optional<v1::Subscription>& subscription : subscriptions_) {
      // Those that were deleted meanwhile are left out.
      if (subscription.has_value()) {
        *response_.add_subscriptions() = *std::move(subscription);
      }
    }
    std::move(done_)(std::move(response_));
  }

  Mutex mutex_;
  size_t left_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::optional<v1::Subscription>> subscriptions_
      ABSL_GUARDED_BY(mutex_);
  v1::ListSubscriptionsResponse response_;
  Done<v1::ListSubscriptionsResponse> done_;
};

absl::StatusOr<v1::ListDeadLettersResponse> ListLetters(
    const Dispatcher& dispatcher, Sequence after, size_t page_size,
    v1::EventView view) {
  v1::ListDeadLettersResponse response;
  size_t bytes = 0;
  Sequence last;
  const absl::Status status = dispatcher.dead_letters().ForEach(
      after, [&](Sequence sequence, const internal::StoredDeadLetter& stored) {
        const bool full =
            static_cast<size_t>(response.dead_letters_size()) >= page_size ||
            (bytes > 0 && bytes + stored.event().size() > kPageBytesMax);
        if (full) {
          response.set_next_page_token(absl::StrCat(last.value));
          return false;
        }
        v1::DeadLetter& letter = *response.add_dead_letters();
        letter = stored.letter();
        letter.mutable_event()->ParseFromString(stored.event());
        if (view == v1::EVENT_VIEW_BASIC) {
          letter.mutable_event()->clear_payload();
        }
        bytes += letter.ByteSizeLong();
        last = sequence;
        return true;
      });
  if (!status.ok()) return FromLog(status);
  return response;
}

}  // namespace

void Management::Handle(const v1::CreateSubscriptionRequest& request,
                        Done<v1::CreateSubscriptionResponse> done) {
  absl::StatusOr<SubscriptionSettings> settings =
      CheckSettings(request.subscription(), "subscription.");
  if (!settings.ok()) return std::move(done)(settings.status());
  const absl::StatusOr<LogStart> start = StartOf(request.subscription(), log_);
  if (!start.ok()) return std::move(done)(start.status());
  const auto created = subscriptions_.Create(*std::move(settings), *start);
  if (!created.ok()) return std::move(done)(created.status());
  (*created)->Describe(Answer(std::move(done)));
}

void Management::Handle(const v1::GetSubscriptionRequest& request,
                        Done<v1::GetSubscriptionResponse> done) {
  const auto found = subscriptions_.Find(request.name());
  if (!found.ok()) return std::move(done)(found.status());
  (*found)->Describe(Answer(std::move(done)));
}

void Management::Handle(const v1::ListSubscriptionsRequest& request,
                        absl::FunctionRef<bool(const std::string& name)> shown,
                        Done<v1::ListSubscriptionsResponse> done) {
  Violations violations;
  CheckPageSize(request.page_size(), kPageSizeMax, violations);
  if (!violations.empty()) {
    return std::move(done)(FieldInvalidError(violations));
  }
  const size_t size = PageSize(request.page_size());
  auto list = subscriptions_.List(request.page_token(), size + 1, shown);
  std::string next_page_token;
  if (list.size() > size) {
    list.pop_back();
    next_page_token = list.back().first;
  }
  if (list.empty()) return std::move(done)(v1::ListSubscriptionsResponse());
  const auto page = std::make_shared<Page>(
      list.size(), std::move(next_page_token), std::move(done));
  for (size_t i = 0; i < list.size(); ++i) {
    list[i].second->Describe(
        [page, i](absl::StatusOr<v1::Subscription> subscription) {
          page->Add(i, std::move(subscription));
        });
  }
}

void Management::Handle(const v1::UpdateSubscriptionRequest& request,
                        Done<v1::UpdateSubscriptionResponse> done) {
  const v1::Subscription& changes = request.subscription();
  auto found = subscriptions_.Find(changes.name());
  if (!found.ok() && request.allow_missing()) {
    absl::StatusOr<SubscriptionSettings> settings =
        CheckSettings(changes, "subscription.");
    if (!settings.ok()) return std::move(done)(settings.status());
    const absl::StatusOr<LogStart> start = StartOf(changes, log_);
    if (!start.ok()) return std::move(done)(start.status());
    found = subscriptions_.Create(*std::move(settings), *start);
    if (found.ok()) return (*found)->Describe(Answer(std::move(done)));
    // Another caller was first.
    if (absl::IsAlreadyExists(found.status())) {
      found = subscriptions_.Find(changes.name());
    }
  }
  if (!found.ok()) return std::move(done)(found.status());
  (*found)->Update(changes, request.update_mask(), Answer(std::move(done)));
}

void Management::Handle(const v1::DeleteSubscriptionRequest& request,
                        Done<v1::DeleteSubscriptionResponse> done) {
  // `done` is called by just one of the two.
  const auto shared =
      std::make_shared<Done<v1::DeleteSubscriptionResponse>>(std::move(done));
  const absl::Status status = subscriptions_.Delete(
      request.name(), request.etag(),
      [shared](const absl::StatusOr<bool>& deleted) {
        if (deleted.ok()) {
          std::move (*shared)(v1::DeleteSubscriptionResponse());
        } else {
          std::move (*shared)(deleted.status());
        }
      });
  if (!status.ok()) std::move (*shared)(status);
}

void Management::Handle(const v1::SeekSubscriptionRequest& request,
                        Done<v1::SeekSubscriptionResponse> done) {
  const auto found = subscriptions_.Find(request.name());
  if (!found.ok()) return std::move(done)(found.status());
  const absl::StatusOr<LogStart> start = TargetOf(request, log_);
  if (!start.ok()) return std::move(done)(start.status());
  (*found)->Seek(*start, Answer(std::move(done)));
}

void Management::Handle(const v1::ListDeadLettersRequest& request,
                        Done<v1::ListDeadLettersResponse> done) {
  const auto found = subscriptions_.Find(request.subscription());
  if (!found.ok()) return std::move(done)(found.status());
  Violations violations;
  CheckPageSize(request.page_size(), kPageSizeMax, violations);
  CheckEnum("view", request.view(), v1::EventView_IsValid(request.view()),
            violations);
  Sequence after;
  if (!request.page_token().empty() &&
      (!absl::SimpleAtoi(request.page_token(), &after.value) ||
       after.value == UINT64_MAX)) {
    violations.push_back({"page_token", "not one of this method"});
  }
  if (!violations.empty()) {
    return std::move(done)(FieldInvalidError(violations));
  }
  (*found)->Act<v1::ListDeadLettersResponse>(
      [&](const Dispatcher& dispatcher) {
        return ListLetters(dispatcher, after, PageSize(request.page_size()),
                           request.view());
      },
      std::move(done));
}

void Management::Handle(const v1::ReplayDeadLettersRequest& request,
                        Done<v1::ReplayDeadLettersResponse> done) {
  const auto found = subscriptions_.Find(request.subscription());
  if (!found.ok()) return std::move(done)(found.status());
  absl::StatusOr<Dispatcher::LetterSpec> spec = LettersOf(request);
  if (!spec.ok()) return std::move(done)(spec.status());
  spec->max_count = request.max_count();
  (*found)->Act<v1::ReplayDeadLettersResponse>(
      [&](Dispatcher& dispatcher)
          -> absl::StatusOr<v1::ReplayDeadLettersResponse> {
        const absl::StatusOr<uint64_t> count = dispatcher.Replay(*spec);
        if (!count.ok()) return FromLog(count.status());
        v1::ReplayDeadLettersResponse response;
        response.set_replayed(static_cast<uint32_t>(*count));
        return response;
      },
      std::move(done));
}

void Management::Handle(const v1::DeleteDeadLettersRequest& request,
                        Done<v1::DeleteDeadLettersResponse> done) {
  const auto found = subscriptions_.Find(request.subscription());
  if (!found.ok()) return std::move(done)(found.status());
  const absl::StatusOr<Dispatcher::LetterSpec> spec = LettersOf(request);
  if (!spec.ok()) return std::move(done)(spec.status());
  (*found)->Act<v1::DeleteDeadLettersResponse>(
      [&](Dispatcher& dispatcher)
          -> absl::StatusOr<v1::DeleteDeadLettersResponse> {
        const absl::StatusOr<uint64_t> count = dispatcher.DeleteLetters(*spec);
        if (!count.ok()) return FromLog(count.status());
        v1::DeleteDeadLettersResponse response;
        response.set_deleted(static_cast<uint32_t>(*count));
        return response;
      },
      std::move(done));
}

void Management::Handle(const v1::AcknowledgeRequest& request,
                        Done<v1::AcknowledgeResponse> done) {
  const auto found = subscriptions_.Find(request.subscription());
  if (!found.ok()) return std::move(done)(found.status());
  const auto ids = CheckSettlements(request);
  if (!ids.ok()) return std::move(done)(ids.status());
  (*found)->Act<v1::AcknowledgeResponse>(
      [&](Dispatcher& dispatcher) -> absl::StatusOr<v1::AcknowledgeResponse> {
        v1::AcknowledgeResponse response;
        for (size_t i = 0; i < ids->size(); ++i) {
          response.add_statuses(dispatcher.Settle(
              request.settlements(static_cast<int>(i)), (*ids)[i]));
        }
        return response;
      },
      std::move(done));
}

}  // namespace enveloperelay
