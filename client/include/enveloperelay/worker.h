#ifndef ENVELOPERELAY_WORKER_H_
#define ENVELOPERELAY_WORKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "enveloperelay/security.h"
#include "enveloperelay/v1/events.pb.h"

namespace grpc {
class ChannelCredentials;
}  // namespace grpc

namespace enveloperelay::client {

// When and why to deliver an event again.
struct RetryRequest {
  // How long to wait. Unset: the subscription's backoff, which doubles with
  // each attempt. From zero to a week; what is over is cut off.
  std::optional<absl::Duration> delay = {};
  // Why, for people: kept if the event is dead-lettered in the end. What is
  // over 1 KiB is cut off.
  std::string reason = {};
};

// What a handler made of an event.
class Handled {
 public:
  // The event is dealt with and is not delivered again.
  static Handled Done() { return Handled(v1::ACK_ACTION_DONE, {}); }

  // It failed for now, e.g. because a database is away. It is delivered again,
  // later and perhaps to another worker, until the subscription's
  // `max_attempts` are used up. Later events of its envelope wait for it.
  static Handled Retry(RetryRequest request = {}) {
    return Handled(v1::ACK_ACTION_RETRY, std::move(request));
  }

  // It can never be dealt with. It is put aside with `reason` (cut off after
  // 1 KiB), for people to look at, and later events of its envelope pass.
  static Handled DeadLetter(std::string reason) {
    return Handled(v1::ACK_ACTION_DEAD_LETTER, {.reason = std::move(reason)});
  }

  // DONE, RETRY or DEAD_LETTER.
  v1::AckAction action() const { return action_; }
  // Of a RETRY.
  const std::optional<absl::Duration>& delay() const { return request_.delay; }
  // Of a RETRY or DEAD_LETTER.
  const std::string& reason() const { return request_.reason; }

 private:
  Handled(v1::AckAction action, RetryRequest request)
      : action_(action), request_(std::move(request)) {}

  v1::AckAction action_;
  RetryRequest request_;
};

struct WorkerOptions {
  // Where the relay is: a gRPC target such as "127.0.0.1:9090" or
  // "dns:///relay.internal:9090". Required.
  std::string target;
  // TLS, and how the relay knows this client.
  SecurityOptions security = {};
  // Instead of `security.tls`, for what that cannot say. Null: nothing.
  std::shared_ptr<grpc::ChannelCredentials> credentials = {};
  // As in SubscriberOptions.
  std::string service_config = {};

  // Name of the durable subscription, which must exist. Required.
  std::string subscription;
  // Stable name of this worker, e.g. the pod's. What the one of that name had
  // in hand when it went away is delivered to it at once when it returns.
  // No two workers may use one name at a time. Empty: a random name, which
  // stays the same for the life of the object.
  std::string worker_id = {};
  // Threads that call the handler. 1 to 1024.
  int concurrency = 1;
  // The relay pauses while so many events are in the hands of this worker,
  // waiting or being handled. 1 to 100000. They are kept in memory.
  uint32_t max_outstanding_events = 1000;
  // How much of each event to send.
  v1::EventView view = v1::EVENT_VIEW_FULL;
  // Bounds of one response: events, bytes. 0: the relay's defaults, as in
  // SubscribeRequest.
  uint32_t max_batch_events = 0;
  uint32_t max_batch_bytes = 0;
  // The relay sends at least one response per such interval. Zero: its default.
  absl::Duration heartbeat_interval = absl::ZeroDuration();

  // How long the worker may take to end: to wait for handlers that run, to tell
  // the relay all results and to give back the rest. What is not done by then
  // is left to its lease and delivered again.
  absl::Duration stop_timeout = absl::Seconds(20);

  // As in SubscriberOptions; for the stream, and for the calls that settle.
  absl::Duration backoff_initial = absl::Milliseconds(200);
  absl::Duration backoff_max = absl::Seconds(15);
  absl::Duration connect_timeout = absl::Seconds(20);
  absl::Duration keepalive_interval = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(20);
  int receive_bytes_max = 16 * 1024 * 1024;

  // The callbacks below run one at a time, on the thread of Run() or one of the
  // worker's own, never within a handler. They may call Stop(). While one runs,
  // leases may not be extended: return soon.

  // Called when the stream has ended, or a call that settles has failed, and
  // will be tried again after `delay`, for logging. `status` says why; OK is a
  // planned end of the stream.
  std::function<void(const absl::Status& status, absl::Duration delay)>
      on_retry = {};
  // Called when events left the relay's retention before this subscription had
  // them.
  std::function<void(const v1::Gap& gap)> on_gap = {};
  // Called when the relay did not take a result in time. LATE: a DONE came
  // after its lease ended and counts, but another worker may have got the
  // events, too. LEASE_LOST: it does not count; the events are delivered again.
  std::function<void(const v1::Settlement& settlement,
                     v1::SettlementStatus status)>
      on_late = {};
};

// What a worker did so far, in events. For metrics.
struct WorkerCounts {
  // By what was decided; whether the relay has it yet is not looked at.
  uint64_t done = 0;
  uint64_t retried = 0;
  uint64_t dead_lettered = 0;
  // Given back without being started.
  uint64_t released = 0;
  // Results that came late: see WorkerOptions::on_late.
  uint64_t late = 0;
  uint64_t lease_lost = 0;
};

// Handles the events of a durable subscription, whose position the relay keeps.
// Any number of workers, in any number of processes, share one subscription:
// start more of them to be faster.
//
//   Worker worker({.target = "127.0.0.1:9090", .subscription = "billing"});
//   absl::Status status = worker.Run([](const v1::EnvelopeEvent& event) {
//     return Book(event) ? Handled::Done()
//                        : Handled::Retry({.delay = absl::Seconds(5)});
//   });
//
// Each event comes with a lease: it belongs to this worker until a deadline,
// and what is not settled by then is delivered again. The worker extends leases
// for as long as a handler runs or an event waits for a free thread, so a
// handler may take its time. When it returns, the worker settles the event.
// Results are gathered while a call is on its way, so a thousand short handlers
// make a few calls.
//
// `event.traceparent()` is for a handler to go on with the event's trace: see
// Subscriber.
//
// Delivery is at least once: a process that dies between a handler's work and
// its settlement gets the event again. Skip an event_id that you have handled.
//
// Events of one envelope are handled one at a time, in the order of delivery;
// others at the same time, by `concurrency` threads. In the relay's order
// BY_ENVELOPE that is the order of the log, across all workers and retries.
//
// Whatever breaks in between, the worker connects again. Handlers that run then
// go on and are settled over the new connection; what was not started comes
// again. An event that is delivered again while its first handler runs is not
// handled twice: it gets the result of the first.
//
// A handler must not throw: an exception that leaves it ends the program. Catch
// and return Handled::Retry.
//
// Run() is called once; Stop() and counts() are thread-safe.
class Worker {
 public:
  // Called from `concurrency` threads at the same time.
  using Handler = std::function<Handled(const v1::EnvelopeEvent& event)>;
  // As Handler; `attempt` is which delivery of the event this is, from 1.
  using AttemptHandler =
      std::function<Handled(const v1::EnvelopeEvent& event, uint32_t attempt)>;

  explicit Worker(WorkerOptions options);
  // Run() must not be under way. Waits for handlers that it has given up on
  // (see WorkerOptions::stop_timeout), so what they use must outlive the
  // worker.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Calls `handler` with each event until the worker ends, and ends it so: no
  // further event is started; those that wait are given back, which does not
  // count as an attempt; handlers that run are waited for; all is settled.
  // After Stop() what was still on its way to this worker is given back last,
  // by a short stream of the same `worker_id`, so that others get it at once.
  // That takes up to a few seconds and counts as an attempt.
  //
  // Returns OK after Stop().
  // Errors:
  //   - the relay refused for good, with ErrorInfo (see error_info.h), among
  //     them NOT_FOUND (SUBSCRIPTION_NOT_FOUND), PERMISSION_DENIED,
  //     UNAUTHENTICATED, and ABORTED (WORKER_SUPERSEDED): another worker uses
  //     the same `worker_id`. Subscriber::Next() has the whole table;
  //   - kInvalidArgument: an option is wrong, or a file that it names;
  //   - kDeadlineExceeded: stop_timeout was over before all was done. The
  //     events concerned will be delivered again;
  //   - kFailedPrecondition: Run() was called before.
  absl::Status Run(Handler handler);
  absl::Status Run(AttemptHandler handler);

  // Makes Run() end as said there. For good; may be called before Run(), twice,
  // and from a handler. Thread-safe, but not for a signal handler.
  void Stop();

  // Thread-safe.
  WorkerCounts counts() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPERELAY_WORKER_H_
