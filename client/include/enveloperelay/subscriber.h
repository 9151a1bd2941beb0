#ifndef ENVELOPERELAY_SUBSCRIBER_H_
#define ENVELOPERELAY_SUBSCRIBER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/cursor_store.h"
#include "enveloperelay/security.h"
#include "enveloperelay/v1/events.pb.h"

namespace grpc {
class ChannelCredentials;
}  // namespace grpc

namespace enveloperelay::client {

struct SubscriberOptions {
  // Where the relay is: a gRPC target such as "127.0.0.1:9090" or
  // "dns:///relay.internal:9090". Required.
  std::string target;
  // TLS, and how the relay knows this client.
  SecurityOptions security = {};
  // Instead of `security.tls`, for what that cannot say. Null: nothing.
  std::shared_ptr<grpc::ChannelCredentials> credentials = {};
  // How gRPC spreads connections over the relay's addresses, leaves out those
  // that are not healthy and repeats calls: a service config of gRPC, in JSON.
  // One that the resolver of `target` finds takes its place. Empty: none.
  std::string service_config = {};

  // What to subscribe to: filter, view, where to begin, batch bounds, heartbeat
  // interval. Its `cursor` is where to begin when the store holds none. Fields
  // of durable subscriptions must not be set.
  v1::SubscribeRequest request = {};
  // Where the position is kept across restarts of the program. Null: only
  // within this object. Must outlive the subscriber.
  CursorStore* cursor_store = nullptr;

  // Delays between attempts are drawn evenly from zero to a bound, which begins
  // at `backoff_initial`, doubles with each attempt up to `backoff_max`, and
  // begins anew once a stream has made progress. More than zero.
  absl::Duration backoff_initial = absl::Milliseconds(200);
  absl::Duration backoff_max = absl::Seconds(15);
  // How long connecting and the first response may take together. After it, a
  // stream is dead when it brings no message for twice its heartbeat interval.
  absl::Duration connect_timeout = absl::Seconds(20);
  // HTTP/2 pings, which keep a connection open through middleboxes while events
  // are handled slowly. The relay allows one every 10 s.
  absl::Duration keepalive_interval = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(20);
  // Largest response taken. A response of the relay is below 4 MiB, but for a
  // single event that is larger alone.
  int receive_bytes_max = 16 * 1024 * 1024;

  // Called when a stream has ended and another one will be opened after
  // `delay`, for logging. `status` says why; OK is a planned end (drain, age).
  // Runs within Next(); may call Stop().
  std::function<void(const absl::Status& status, absl::Duration delay)>
      on_retry = {};
};

// A stream of events that is kept alive for good: it ends when told to, or when
// retrying cannot help. Whatever breaks in between, it connects again and
// resumes right after the last response that it handed out, so within one
// Subscriber no event is missing, repeated or out of order. Across restarts of
// the program delivery is at least once: events handled after the last stored
// cursor come again, so skip an event_id that you have handled.
//
//   FileCursorStore cursors("billing.cursor");
//   Subscriber subscriber({.target = "127.0.0.1:9090",
//                          .cursor_store = &cursors});
//   absl::Status status = subscriber.Run([](const v1::EnvelopeEvent& event) {
//     std::cout << event.type_name() << ' ' << event.envelope_id() << '\n';
//     return absl::OkStatus();
//   });
//
// `event.traceparent()` is the trace that the webhook came with, or that the
// relay began for it, as the value of the header field `traceparent` (W3C Trace
// Context): take it as the parent of what is done with the event, and send it
// along with requests on the event's behalf. It is empty in events that an
// older relay has stored.
//
// It has no thread: all work is done in Next() and Run(), on the caller's.
// While a caller handles events nothing more is read, and flow control holds
// the rest back in the relay's log.
//
// Next(), Run() and Commit() are for one thread at a time; Stop() is
// thread-safe. Each stream has a connection of its own, so that a dead one is
// left behind and a new one may reach another replica.
class Subscriber {
 public:
  using Handler = absl::FunctionRef<absl::Status(const v1::EnvelopeEvent&)>;

  explicit Subscriber(SubscriberOptions options);
  // Ends the stream. No other call may be under way. Stores nothing.
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // Blocks for the next response and returns it; it is valid until the next
  // call. A response may be without events: the first of each stream (it has
  // `info`, and `gap` if events were lost to retention), heartbeats, and the
  // planned end of one stream (it has `end`).
  //
  // Returns null when the subscriber has ended as asked: Stop() was called, or
  // `request.until_caught_up` was set and is reached.
  //
  // The call says that all earlier responses were handled, and stores the
  // cursor of the last: at once after events, else at most once a second.
  //
  // Errors, after which the subscriber has ended and returns the same again:
  //   - the relay refused for good, with ErrorInfo (see error_info.h):
  //     INVALID_ARGUMENT, OUT_OF_RANGE (CURSOR_EXPIRED, CURSOR_AHEAD,
  //     CURSOR_UNKNOWN_LOG), NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION,
  //     DATA_LOSS (RECORD_CORRUPT), UNAUTHENTICATED, PERMISSION_DENIED,
  //     UNIMPLEMENTED. UNAUTHENTICATED is retried when `security.token_file`
  //     holds another token than the one refused: it was changed meanwhile;
  //   - the last three without ErrorInfo, before any response: what answers at
  //     `target` is no relay, or a proxy that lets nobody through;
  //   - kInvalidArgument: an option is wrong, or one of the files of `security`
  //     before any response; the message names it;
  //   - what the cursor store returned.
  // All else is retried: UNAVAILABLE, RESOURCE_EXHAUSTED (STREAM_LIMIT),
  // ABORTED (READER_STALLED), INTERNAL, UNKNOWN, CANCELLED, DEADLINE_EXCEEDED,
  // and any status without ErrorInfo, for it comes from the transport.
  // RetryInfo makes the delay longer; StreamEnd.retry_delay is taken as it is.
  absl::StatusOr<const v1::SubscribeResponse*> Next();

  // Calls `handler` with each event, in order, until the subscriber ends. The
  // cursor is stored when a batch has been handled. Only Next() shows a `gap`.
  //
  // When `handler` fails, the cursor of the event before is stored (so the next
  // run of the program begins with the one that failed), and the subscriber has
  // ended with that error. After Stop() no further event is handed out, and the
  // cursor of the last one that was is stored.
  //
  // Returns OK when Next() would return null. Errors: those of `handler` and
  // Next().
  absl::Status Run(Handler handler);

  // Stores `cursor` now: that of a response or of an event. For a caller of
  // Next() who leaves in the middle of a batch, or after a last one.
  // Errors: what the cursor store returned.
  absl::Status Commit(std::string_view cursor);

  // Makes Next() and Run() return soon: at once where they wait, else as soon
  // as the handler has returned. For good; may be called before them, twice,
  // and from a handler. Thread-safe, but not for a signal handler.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPERELAY_SUBSCRIBER_H_
