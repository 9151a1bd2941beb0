#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_DURABILITY_SENDER_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_DURABILITY_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {

// Tells senders when the relay has come back, and when to end. Thread-safe.
class Lifeline {
 public:
  // How often the relay was started.
  int starts() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool ended() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns when the relay was started more often than that.
  void WaitForStartAfter(int starts) ABSL_LOCKS_EXCLUDED(mutex_);

  void Started() ABSL_LOCKS_EXCLUDED(mutex_);
  // The relay runs and will not be killed any more.
  void End() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  int starts_ ABSL_GUARDED_BY(mutex_) = 1;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

// What a 200 promised.
struct Receipt {
  std::string event_id;
  uint64_t sequence = 0;
  bool duplicate = false;
};

// Posts webhooks on a connection, one after the other: signatures of recipients
// "0", "1", … on one envelope, so that each is an event of its own. One that
// was not answered is posted again. For one thread.
class Sender {
 public:
  // Envelope "envelope-{number}", relay at 127.0.0.1:`port`.
  Sender(uint16_t port, int number);

  // Posts until `lifeline` has ended; returns once all that was posted is
  // answered.
  void Run(Lifeline& lifeline);

  const std::string& envelope_id() const { return envelope_id_; }
  // By recipient.
  const std::vector<Receipt>& receipts() const { return receipts_; }
  // How often the answer was 503. The webhook is posted again after the next
  // start, so that is once a drain at most.
  int turned_away() const { return turned_away_; }
  // Answers that there should not be.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  // Posts the next webhook; nothing if the connection broke or it was turned
  // away.
  std::optional<Receipt> Post();

  const uint16_t port_;
  const std::string envelope_id_;
  std::optional<RawConnection> connection_;
  std::vector<Receipt> receipts_;
  int turned_away_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_DURABILITY_SENDER_H_
