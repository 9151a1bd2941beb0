// Fills a data directory with events, as fast as the disk takes them.
#include <prometheus/registry.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/log/embedded_log.h"
#include "server/log/event_log.h"

namespace enveloperelay::load {
namespace {

struct FillOptions {
  std::string data_dir;
  uint64_t events = 1'000'000;
  uint64_t envelopes = 200'000;
};

// Appends that the log has yet to answer. Thread-safe.
class InFlight {
 public:
  void Enter() {
    const MutexLock lock(mutex_);
    while (count_ == kMax) changed_.Wait(mutex_);
    ++count_;
  }
  void Leave(const absl::Status& status) {
    const MutexLock lock(mutex_);
    --count_;
    if (!status.ok()) status_ = status;
    changed_.NotifyAll();
  }
  // Returns when none is left; an error if any append had one.
  absl::Status Wait() {
    const MutexLock lock(mutex_);
    while (count_ > 0) changed_.Wait(mutex_);
    return status_;
  }

 private:
  static constexpr size_t kMax = 20'000;

  Mutex mutex_;
  CondVar changed_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// A number that looks random and is another one for each `x` (SplitMix64).
uint64_t Scramble(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111eb;
  return x ^ (x >> 31U);
}

// The `number`th event: the envelopes take turns, so that the events of one
// stand far apart.
v1::EnvelopeEvent MakeEvent(uint64_t number, const FillOptions& options) {
  const uint64_t random = Scramble(number);
  v1::EnvelopeEvent event;
  event.set_event_id(absl::StrFormat("%08x-%04x-8%03x-9%03x-%012x",
                                     random >> 32U, (random >> 16U) & 0xffffU,
                                     (random >> 4U) & 0xfffU, random & 0xfffU,
                                     Scramble(random) & 0xffffffffffffU));
  event.set_type(v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL);
  event.set_type_name("envelope_audit_trail");
  event.set_envelope_id(absl::StrFormat("%024x", number % options.envelopes));
  event.set_hook_id("6697ccb204bd194fa74c22b4");
  event.set_data_id("6697ccb204bd194fa74c22b4");
  event.set_uid("4a6e29bfc5344ca6ad7cc8beda456481");
  event.mutable_audit_trail()->set_recipient_id(
      absl::StrFormat("%024x", number / options.envelopes));
  event.mutable_audit_trail()->set_action(v1::AUDIT_ACTION_ENVELOPE_SIGNED);
  event.mutable_audit_trail()->set_action_name("ENVELOPE_SIGNED");
  event.set_origin(v1::ORIGIN_WEBHOOK);
  event.set_payload(absl::StrFormat(
      R"({"hook":{"id":"6697ccb204bd194fa74c22b4",)"
      R"("event":"envelope_audit_trail",)"
      R"("target":"https://relay.example/webhooks/signplus/***"},)"
      R"("data":{"id":"6697ccb204bd194fa74c22b4",)"
      R"("uid":"4a6e29bfc5344ca6ad7cc8beda456481","envelope_id":"%s",)"
      R"("recipient_id":"%s","action":"ENVELOPE_SIGNED"}})",
      event.envelope_id(), event.audit_trail().recipient_id()));
  return event;
}

absl::Status Fill(const FillOptions& options) {
  prometheus::Registry registry;
  EmbeddedLogOptions log_options;
  log_options.data_dir = options.data_dir;
  absl::StatusOr<std::unique_ptr<EmbeddedLog>> log =
      EmbeddedLog::Open(std::move(log_options), Clock::Real(), registry);
  if (!log.ok()) return log.status();
  InFlight in_flight;
  for (uint64_t i = 0; i < options.events; ++i) {
    in_flight.Enter();
    v1::EnvelopeEvent event = MakeEvent(i, options);
    const absl::Time now = Clock::Real().Now();
    event.mutable_receive_time()->set_seconds(absl::ToUnixSeconds(now));
    (*log)->Append(std::move(event),
                   [&in_flight](const absl::StatusOr<Appended>& appended) {
                     in_flight.Leave(appended.status());
                   });
  }
  absl::Status status = in_flight.Wait();
  (*log)->Close();
  return status;
}

}  // namespace
}  // namespace enveloperelay::load

int main(int argc, char** argv) {
  enveloperelay::load::FillOptions options;
  CLI::App app("Fills a data directory with events.", "fill-log");
  app.add_option("--data-dir", options.data_dir)->required();
  app.add_option("--events", options.events, "how many")
      ->check(CLI::PositiveNumber);
  app.add_option("--envelopes", options.envelopes, "of how many envelopes")
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = enveloperelay::load::Fill(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "fill-log: %s\n", status.ToString().c_str());
  return 1;
}
