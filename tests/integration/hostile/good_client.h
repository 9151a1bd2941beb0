#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_GOOD_CLIENT_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_GOOD_CLIENT_H_

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "tests/support/event_stream.h"
#include "tests/support/raw_http.h"
#include "tests/support/raw_tls.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {

// What one round of a good client came to.
struct GoodRound {
  size_t events = 0;
  // From the beginning of a request to its answer, and to the subscriber.
  absl::Duration slowest_answer;
  absl::Duration slowest_event;
  std::vector<std::string> errors;
};

// One that posts webhooks and subscribes, as it should be done, whatever others
// do to the relay. Its methods are for one thread.
class GoodClient {
 public:
  static constexpr size_t kEventsMin = 50;

  // Within TLS if `tls` says how. `relay` must outlive it.
  GoodClient(const RelayProcess& relay, std::optional<RawTlsOptions> tls);
  ~GoodClient();
  GoodClient(const GoodClient&) = delete;
  GoodClient& operator=(const GoodClient&) = delete;

  // Posts webhooks, one after the other, of which each tenth on a new
  // connection, until there are kEventsMin at least and `meanwhile`, which runs
  // on a thread of its own, has returned. Returns when the subscriber has all.
  GoodRound Round(const std::function<void()>& meanwhile);

 private:
  // Sends on the connection that it has, or on a new one.
  absl::StatusOr<RawResponse> Ask(const std::string& request,
                                  bool on_new_connection);
  absl::StatusOr<RawResponse> AskWithinTls(const std::string& request,
                                           bool on_new_connection);
  // One event; an error says what went wrong.
  absl::Status Post(GoodRound& round) ABSL_LOCKS_EXCLUDED(mutex_);
  // Reads the stream until it ends.
  void Watch() ABSL_LOCKS_EXCLUDED(mutex_);

  const RelayProcess& relay_;
  const std::optional<RawTlsOptions> tls_;
  std::optional<RawConnection> plain_connection_;
  std::optional<RawTlsConnection> tls_connection_;
  size_t posted_ = 0;

  Mutex mutex_;
  CondVar received_;
  // When the request with an envelope began.
  std::map<std::string, absl::Time> begun_ ABSL_GUARDED_BY(mutex_);
  // Those that the subscriber has yet to get.
  size_t outstanding_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration slowest_event_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> watch_errors_ ABSL_GUARDED_BY(mutex_);

  EventStream stream_;
  std::thread watch_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_GOOD_CLIENT_H_
