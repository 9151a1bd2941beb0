#ifndef ENVELOPE_RELAY_CLIENT_STREAM_KEEPER_H_
#define ENVELOPE_RELAY_CLIENT_STREAM_KEEPER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/retry.h"
#include "enveloperelay/security.h"
#include "enveloperelay/v1/events.pb.h"
#include "grpc/support/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/channel.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/security/credentials.h"

namespace enveloperelay::client {

// How to reach the relay, and how long to try. As in SubscriberOptions.
struct ConnectionOptions {
  std::string target;
  SecurityOptions security;
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  std::string service_config;
  absl::Duration backoff_initial;
  absl::Duration backoff_max;
  absl::Duration connect_timeout;
  absl::Duration keepalive_interval;
  absl::Duration keepalive_timeout;
  int receive_bytes_max;

  // Takes them from SubscriberOptions or WorkerOptions.
  template <typename Options>
  static ConnectionOptions Of(const Options& options) {
    return {.target = options.target,
            .security = options.security,
            .credentials = options.credentials,
            .service_config = options.service_config,
            .backoff_initial = options.backoff_initial,
            .backoff_max = options.backoff_max,
            .connect_timeout = options.connect_timeout,
            .keepalive_interval = options.keepalive_interval,
            .keepalive_timeout = options.keepalive_timeout,
            .receive_bytes_max = options.receive_bytes_max};
  }
};

// Returns what is wrong with `options`, which stand in the struct `name`.
// Errors: kInvalidArgument.
absl::Status CheckConnection(const ConnectionOptions& options,
                             std::string_view name);

// Returns a channel with a connection of its own, also when the process has
// others to the target. It connects with the first call.
// Errors: kInvalidArgument (a file of `security` cannot be used).
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(
    const ConnectionOptions& options);

// Whether `status` refuses `token`, and another one has taken its place in the
// file.
bool TokenHasChanged(const ConnectionOptions& options, const std::string& token,
                     const absl::Status& status);

// Returns the time `delay` from now on the monotonic clock, which does not jump
// when the wall clock is set.
gpr_timespec After(absl::Duration delay);

// Keeps a Subscribe call open: opens another one when it ends, falls silent or
// breaks. Drives a completion queue on the caller's own thread. Each stream has
// a connection of its own, so that a dead one is left behind.
//
// For one thread at a time; Stop() and stopping() are thread-safe.
class StreamKeeper {
 public:
  using OnRetry =
      std::function<void(const absl::Status& status, absl::Duration delay)>;

  // `on_retry`, if set, is called within Next() when a stream has ended and
  // another one will be opened after `delay`; may call Stop().
  StreamKeeper(ConnectionOptions options, OnRetry on_retry);
  ~StreamKeeper();
  StreamKeeper(const StreamKeeper&) = delete;
  StreamKeeper& operator=(const StreamKeeper&) = delete;

  // Blocks for the next response and returns it; it is the caller's to change
  // until the next call. A stream that has to be opened is opened with
  // `request`. Null: Stop() was called, or `until_caught_up` is reached.
  // Errors: what retrying cannot mend. No call may follow an error or null.
  absl::StatusOr<v1::SubscribeResponse*> Next(
      const v1::SubscribeRequest& request);

  // Ends the stream, if there is one.
  void Close();

  // Makes Next() return null soon, for good.
  void Stop();
  bool stopping() const { return stopping_; }

  // After Next() returned null: a stream was open until Stop() cancelled it. It
  // had been answered, and the relay had not ended it.
  bool cut_off() const { return cut_off_; }

 private:
  enum class Event : uint8_t { kDone, kFailed, kTimeout, kStop };
  struct Stream;

  Event Await(gpr_timespec deadline);
  bool Complete(gpr_timespec deadline);

  absl::Status Open(const v1::SubscribeRequest& request);
  bool Read();
  absl::Status Finish();
  void WaitToRetry(const absl::Status& status,
                   const std::optional<v1::StreamEnd>& end);

  const ConnectionOptions options_;
  const OnRetry on_retry_;
  Backoff backoff_;
  absl::BitGen random_;

  bool answered_ = false;  // by any response so far
  bool cut_off_ = false;
  v1::SubscribeResponse response_;  // the one handed out

  std::atomic<bool> stopping_ = false;
  grpc::CompletionQueue queue_;
  grpc::Alarm wake_;  // set once, by Stop()
  std::unique_ptr<Stream> stream_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_STREAM_KEEPER_H_
