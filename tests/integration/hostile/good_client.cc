#include "tests/integration/hostile/good_client.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/mutex.h"
#include "tests/support/event_stream.h"
#include "tests/support/raw_http.h"
#include "tests/support/raw_tls.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

v1::SubscribeRequest FromTheFirst() {
  v1::SubscribeRequest request;
  request.set_start(v1::START_POSITION_EARLIEST);
  return request;
}

template <typename Connection>
absl::StatusOr<RawResponse> AskOn(Connection& connection,
                                  const std::string& request) {
  const absl::Status sent = connection.Send(request);
  if (!sent.ok()) return sent;
  return connection.Read();
}

}  // namespace

GoodClient::GoodClient(const RelayProcess& relay,
                       std::optional<RawTlsOptions> tls)
    : relay_(relay),
      tls_(std::move(tls)),
      stream_(Connect(relay.grpc_target()), FromTheFirst()),
      watch_([this] { Watch(); }) {}

GoodClient::~GoodClient() {
  stream_.Cancel();
  watch_.join();
}

GoodRound GoodClient::Round(const std::function<void()>& meanwhile) {
  GoodRound round;
  std::atomic<bool> over = false;
  std::thread other([&meanwhile, &over] {
    meanwhile();
    over = true;
  });
  while (round.events < kEventsMin || !over) {
    const absl::Status status = Post(round);
    if (status.ok()) continue;
    round.errors.emplace_back(status.message());
    if (round.errors.size() >= kEventsMin) break;
  }
  other.join();
  const absl::Time deadline = absl::Now() + RawConnection::kPatience;
  const MutexLock lock(mutex_);
  while (outstanding_ > 0 && absl::Now() < deadline) {
    received_.WaitFor(mutex_, deadline - absl::Now());
  }
  if (outstanding_ > 0) round.errors.emplace_back("events did not come");
  round.errors.insert(round.errors.end(), watch_errors_.begin(),
                      watch_errors_.end());
  round.slowest_event = std::exchange(slowest_event_, absl::ZeroDuration());
  return round;
}

absl::Status GoodClient::Post(GoodRound& round) {
  constexpr size_t kOnNewConnection = 10;
  const std::string envelope_id = absl::StrCat("good", ++posted_);
  const std::string request =
      RawRequest("POST", "/webhooks/signplus",
                 absl::StrCat(R"({"hook":{"event":"envelope_voided"},"data":)",
                              R"({"envelope_id":")", envelope_id, R"("}})"));
  const absl::Time begin = absl::Now();
  {
    const MutexLock lock(mutex_);
    begun_[envelope_id] = begin;
    ++outstanding_;
  }
  const absl::StatusOr<RawResponse> response =
      Ask(request, round.events % kOnNewConnection == 0);
  round.slowest_answer = std::max(round.slowest_answer, absl::Now() - begin);
  if (response.ok() && response->Field("connection") == "close") {
    plain_connection_.reset();
    tls_connection_.reset();
  }
  // Only its own events are stored, each once.
  const std::string stored =
      absl::StrCat(R"("sequence":")", posted_, R"(","duplicate":false)");
  if (response.ok() && response->status == 200 &&
      response->body.find(stored) != std::string::npos) {
    ++round.events;
    return absl::OkStatus();
  }
  const MutexLock lock(mutex_);
  begun_.erase(envelope_id);
  --outstanding_;
  if (!response.ok()) return response.status();
  return absl::InternalError(absl::StrCat(response->status_line, " ",
                                          response->body, " instead of event ",
                                          posted_));
}

absl::StatusOr<RawResponse> GoodClient::Ask(const std::string& request,
                                            bool on_new_connection) {
  if (tls_.has_value()) return AskWithinTls(request, on_new_connection);
  if (on_new_connection || !plain_connection_.has_value()) {
    auto connection = RawConnection::Connect(relay_.ingress_port());
    if (!connection.ok()) return connection.status();
    plain_connection_ = *std::move(connection);
  }
  return AskOn(*plain_connection_, request);
}

absl::StatusOr<RawResponse> GoodClient::AskWithinTls(const std::string& request,
                                                     bool on_new_connection) {
  if (on_new_connection || !tls_connection_.has_value()) {
    auto connection = RawTlsConnection::Connect(relay_.ingress_port(), *tls_);
    if (!connection.ok()) return connection.status();
    tls_connection_.reset();
    tls_connection_.emplace(*std::move(connection));
  }
  return AskOn(*tls_connection_, request);
}

void GoodClient::Watch() {
  while (const auto response = stream_.NextBatch()) {
    const absl::Time now = absl::Now();
    const MutexLock lock(mutex_);
    for (const v1::EnvelopeEvent& event : response->events()) {
      const auto found = begun_.find(event.envelope_id());
      if (found == begun_.end()) {
        watch_errors_.push_back("not posted: " + event.envelope_id());
        continue;
      }
      slowest_event_ = std::max(slowest_event_, now - found->second);
      begun_.erase(found);
      --outstanding_;
    }
    if (outstanding_ == 0) received_.NotifyAll();
  }
}

}  // namespace enveloperelay::testing
