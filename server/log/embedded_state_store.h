#ifndef ENVELOPE_RELAY_SERVER_LOG_EMBEDDED_STATE_STORE_H_
#define ENVELOPE_RELAY_SERVER_LOG_EMBEDDED_STATE_STORE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/log/group_commit.h"
#include "server/log/state_store.h"
#include "server/log/store.h"

namespace enveloperelay {

// The state beside an embedded log's events: in the same database, written by
// the same commits. Thread-safe.
class EmbeddedStateStore final : public StateStore {
 public:
  // Both must outlive it.
  EmbeddedStateStore(const Store& store, GroupCommit& commit)
      : store_(store), commit_(commit) {}

  void Write(std::vector<StateChange> changes, WriteDone done) override;
  absl::StatusOr<std::string> Get(StateTable table,
                                  std::string_view key) const override;
  absl::Status Scan(
      StateTable table, std::string_view begin, std::string_view end,
      absl::FunctionRef<bool(std::string_view key, std::string_view value)>
          visit) const override;

 private:
  const Store& store_;
  GroupCommit& commit_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_EMBEDDED_STATE_STORE_H_
