#ifndef ENVELOPE_RELAY_SERVER_QUARANTINE_RETRY_H_
#define ENVELOPE_RELAY_SERVER_QUARANTINE_RETRY_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "server/base/clock.h"
#include "server/log/event_log.h"
#include "server/quarantine/quarantine.h"

namespace enveloperelay {

// What a retry works with; all outlive it.
struct RetryEnvironment {
  Quarantine& quarantine;
  EventLog& log;
  const Clock& clock;
  // As of Webhook.
  absl::Duration dedup_window;
  // Runs a function that may block on the disk, after it has returned or
  // before.
  std::function<void(std::function<void()>)> run;
};

using RetryDone =
    absl::AnyInvocable<void(absl::StatusOr<std::vector<v1::RetryResult>>) &&>;

// Tries to turn these bodies of the quarantine into events, and stores those
// that now are; what is stored durably then leaves the quarantine. Calls `done`
// with a result for each, in order, when all of that is durable, on any thread
// that must not be held up. On a dry run it only says what would become of
// them. Blocks on the disk.
// Errors: kUnavailable (the log takes no events; those stored before have left
// the quarantine), kDataLoss.
void RetryQuarantined(const RetryEnvironment& environment,
                      std::vector<std::string> ids, bool dry_run,
                      RetryDone done);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_QUARANTINE_RETRY_H_
