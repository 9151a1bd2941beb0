#include "tests/support/write_state.h"

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "server/log/state_store.h"

namespace enveloperelay::testing {

StateChange SetKey(StateTable table, std::string key, std::string value) {
  return {.table = table,
          .key = std::move(key),
          .value = std::move(value),
          .range_end = {}};
}

StateChange RemoveKey(StateTable table, std::string key) {
  return {.table = table,
          .key = std::move(key),
          .value = std::nullopt,
          .range_end = {}};
}

StateChange RemoveRange(StateTable table, std::string begin, std::string end) {
  return {.table = table,
          .key = std::move(begin),
          .value = std::nullopt,
          .range_end = std::move(end)};
}

absl::Status WriteAndWait(StateStore& store, std::vector<StateChange> changes) {
  // Shared: an answer that comes too late must still find it.
  const auto promise = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> answer = promise->get_future();
  store.Write(std::move(changes), [promise](absl::Status status) {
    promise->set_value(std::move(status));
  });
  if (answer.wait_for(std::chrono::minutes(1)) != std::future_status::ready) {
    return absl::DeadlineExceededError("no answer to the write in a minute");
  }
  return answer.get();
}

std::vector<std::pair<std::string, std::string>> AllState(
    const StateStore& store, StateTable table) {
  std::vector<std::pair<std::string, std::string>> all;
  const absl::Status scanned = store.Scan(
      table, "", "\x7f", [&all](std::string_view key, std::string_view value) {
        all.emplace_back(key, value);
        return true;
      });
  EXPECT_TRUE(scanned.ok()) << scanned;
  return all;
}

}  // namespace enveloperelay::testing
