#include "enveloperelay/subscriber.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/stream_keeper.h"
#include "enveloperelay/cursor_store.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {
namespace {

// Responses without events move the stored cursor no more often than this.
constexpr absl::Duration kStoreInterval = absl::Seconds(1);

absl::Status CheckOptions(const SubscriberOptions& options) {
  if (!options.request.subscription().empty() ||
      !options.request.worker_id().empty() ||
      options.request.max_outstanding_events() != 0) {
    return absl::InvalidArgumentError(
        "SubscriberOptions: request.subscription, worker_id and "
        "max_outstanding_events are for durable subscriptions; leave them "
        "unset");
  }
  return CheckConnection(ConnectionOptions::Of(options), "SubscriberOptions");
}

}  // namespace

class Subscriber::Impl {
 public:
  explicit Impl(SubscriberOptions options)
      : cursor_store_(options.cursor_store),
        checked_(CheckOptions(options)),
        request_(std::move(options.request)),
        keeper_(ConnectionOptions::Of(options), std::move(options.on_retry)) {}

  absl::StatusOr<const v1::SubscribeResponse*> Next();
  absl::Status Run(Handler handler);
  absl::Status Commit(std::string_view cursor);
  void Stop() { keeper_.Stop(); }

 private:
  absl::Status Start();
  absl::StatusOr<const v1::SubscribeResponse*> End(const absl::Status& status);
  absl::Status StorePosition(bool at_once);

  CursorStore* const cursor_store_;
  const absl::Status checked_;  // the options

  // Its cursor is where to resume: that of the response handed out.
  v1::SubscribeRequest request_;
  bool started_ = false;
  // The response handed out has events.
  bool events_out_ = false;
  std::optional<absl::Status> ended_;

  std::string stored_;  // what the store holds
  std::optional<std::chrono::steady_clock::time_point> store_time_;

  StreamKeeper keeper_;
};

absl::StatusOr<const v1::SubscribeResponse*> Subscriber::Impl::Next() {
  if (ended_.has_value()) return End(*ended_);
  const absl::Status status = started_ ? StorePosition(events_out_) : Start();
  if (!status.ok()) return End(status);
  const absl::StatusOr<v1::SubscribeResponse*> response =
      keeper_.Next(request_);
  if (!response.ok()) return End(response.status());
  if (*response == nullptr) return End(absl::OkStatus());
  events_out_ = (*response)->events_size() > 0;
  if (!(*response)->cursor().empty()) {
    request_.set_cursor((*response)->cursor());
  }
  return *response;
}

absl::Status Subscriber::Impl::Start() {
  if (!checked_.ok()) return checked_;
  if (cursor_store_ != nullptr) {
    absl::StatusOr<std::string> cursor = cursor_store_->Load();
    if (!cursor.ok()) return cursor.status();
    stored_ = *cursor;
    if (!cursor->empty()) request_.set_cursor(*std::move(cursor));
  }
  started_ = true;
  return absl::OkStatus();
}

// The subscriber has ended: what Next() returns from now on.
absl::StatusOr<const v1::SubscribeResponse*> Subscriber::Impl::End(
    const absl::Status& status) {
  if (!ended_.has_value()) {
    keeper_.Close();
    const absl::Status stored =
        started_ ? StorePosition(/*at_once=*/true) : absl::OkStatus();
    ended_ = status.ok() ? stored : status;
  }
  if (!ended_->ok()) return *ended_;
  return nullptr;
}

absl::Status Subscriber::Impl::StorePosition(bool at_once) {
  const auto now = std::chrono::steady_clock::now();
  if (!at_once && store_time_.has_value() &&
      now - *store_time_ < absl::ToChronoNanoseconds(kStoreInterval)) {
    return absl::OkStatus();
  }
  store_time_ = now;
  return Commit(request_.cursor());
}

absl::Status Subscriber::Impl::Commit(std::string_view cursor) {
  if (cursor_store_ == nullptr || cursor.empty() || cursor == stored_) {
    return absl::OkStatus();
  }
  absl::Status status = cursor_store_->Store(cursor);
  if (status.ok()) stored_ = cursor;
  return status;
}

absl::Status Subscriber::Impl::Run(Handler handler) {
  while (true) {
    std::string handled = request_.cursor();
    const absl::StatusOr<const v1::SubscribeResponse*> response = Next();
    if (!response.ok()) return response.status();
    if (*response == nullptr) return absl::OkStatus();
    for (const v1::EnvelopeEvent& event : (*response)->events()) {
      const bool stop = keeper_.stopping();
      const absl::Status status = stop ? absl::OkStatus() : handler(event);
      if (stop || !status.ok()) {
        request_.set_cursor(std::move(handled));
        return End(status).status();
      }
      handled = event.cursor();
    }
  }
}

Subscriber::Subscriber(SubscriberOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

Subscriber::~Subscriber() = default;

absl::StatusOr<const v1::SubscribeResponse*> Subscriber::Next() {
  return impl_->Next();
}

absl::Status Subscriber::Run(Handler handler) { return impl_->Run(handler); }

absl::Status Subscriber::Commit(std::string_view cursor) {
  return impl_->Commit(cursor);
}

void Subscriber::Stop() { impl_->Stop(); }

}  // namespace enveloperelay::client
