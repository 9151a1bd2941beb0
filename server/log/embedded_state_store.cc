#include "server/log/embedded_state_store.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/log/state_store.h"

namespace enveloperelay {

void EmbeddedStateStore::Write(std::vector<StateChange> changes,
                               WriteDone done) {
  commit_.WriteState(std::move(changes), std::move(done));
}

absl::StatusOr<std::string> EmbeddedStateStore::Get(
    StateTable table, std::string_view key) const {
  return store_.GetState(table, key);
}

absl::Status EmbeddedStateStore::Scan(
    StateTable table, std::string_view begin, std::string_view end,
    absl::FunctionRef<bool(std::string_view key, std::string_view value)> visit)
    const {
  return store_.ScanState(table, begin, end, visit);
}

}  // namespace enveloperelay
