#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/embedded_log.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "tests/integration/log/state_key.h"
#include "tests/integration/log/test_log.h"
#include "tests/integration/log/writer_process.h"
#include "tests/support/log_range.h"
#include "tests/support/write_state.h"

namespace enveloperelay::testing {
namespace {

// What writers have said to be durable.
struct Acknowledged {
  // Where each event stands.
  std::map<std::string, uint64_t> events;
  // The last write of state of each name.
  std::map<std::string, int> state;
};

// Notes a line of the writer. False if it is no acknowledgement.
bool Note(const std::string& line, Acknowledged& acknowledged) {
  std::istringstream words(line);
  std::string word;
  std::string id;
  uint64_t number = 0;
  if (!(words >> word >> id >> number)) return false;
  if (word == "state") {
    const auto next = acknowledged.state.try_emplace(id, -1).first;
    EXPECT_EQ(static_cast<uint64_t>(++next->second), number)
        << id << " was not answered in order";
    return true;
  }
  if (word != "done") return false;
  const auto [it, added] = acknowledged.events.emplace(id, number);
  EXPECT_EQ(it->second, number) << id << " was given two places";
  return true;
}

// Of each name's writes of state those up to one are there, which is the last
// acknowledged one or a later one, and nothing of any other.
void ExpectWholeState(TestLog& log, const Acknowledged& acknowledged) {
  const auto all = AllState(log->state(), StateTable::kSubscriptions);
  const std::map<std::string, std::string> stored(all.begin(), all.end());
  size_t expected = 0;
  for (const auto& [name, value] :
       AllState(log->state(), StateTable::kDeadLetters)) {
    ASSERT_EQ(log->state().Get(StateTable::kSubscriptions, name).value(),
              value);
    const int last = std::stoi(value);
    const int first = std::max(0, last - kStateKeysMax + 1);
    for (int i = first; i <= last; ++i) {
      ASSERT_TRUE(stored.contains(StateKey(name, i))) << name << " " << i;
    }
    expected += static_cast<size_t>(last - first) + 2;
  }
  EXPECT_EQ(stored.size(), expected);
  for (const auto& [name, last] : acknowledged.state) {
    const absl::StatusOr<std::string> value =
        log->state().Get(StateTable::kDeadLetters, name);
    ASSERT_TRUE(value.ok()) << name << " " << last << " is lost";
    ASSERT_GE(std::stoi(*value), last) << name << " has gone back";
  }
}

// Every acknowledged event is there, once, at its place, and there is no hole.
void ExpectWhole(TestLog& log, const Acknowledged& acknowledged) {
  std::map<std::string, uint64_t> stored;
  Sequence after;
  const Sequence end = log->Bounds().latest;
  while (after < end) {
    const absl::StatusOr<LogRange> range =
        log->Read(after, {.events_max = 1000, .bytes_max = size_t{1} << 20});
    ASSERT_TRUE(range.ok()) << range.status();
    for (const v1::EnvelopeEvent& event : Events(*range)) {
      after = after.Next();
      ASSERT_EQ(event.sequence(), after.value);
      ASSERT_TRUE(stored.emplace(event.event_id(), after.value).second)
          << event.event_id() << " is there twice";
    }
  }
  for (const auto& [event_id, sequence] : acknowledged.events) {
    const auto it = stored.find(event_id);
    ASSERT_TRUE(it != stored.end()) << event_id << " is lost";
    ASSERT_EQ(it->second, sequence) << event_id << " has moved";
    ASSERT_EQ(log->FindEventId(event_id).value().value, sequence);
  }
}

TEST(RecoveryTest, WhatWasAcknowledgedIsThereAfterAnyKill) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  TestLog log;
  Acknowledged acknowledged;
  for (int round = 0; round < 12; ++round) {
    log.Close();
    WriterProcess writer(log.dir(), absl::StrCat("round-", round));
    // Sometimes while it starts, else somewhere among its appends.
    const auto lines = random() % 4 == 0 ? random() % 2 : random() % 3000;
    std::optional<std::string> line;
    for (uint64_t i = 0; i < lines && (line = writer.NextLine()); ++i) {
      Note(*line, acknowledged);
    }
    writer.Kill();
    while ((line = writer.NextLine())) Note(*line, acknowledged);
    // Not each time: a writer also has to start after a kill.
    if (round % 3 != 2) continue;
    log.Open();
    ExpectWhole(log, acknowledged);
    ExpectWholeState(log, acknowledged);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(acknowledged.events.size(), 1000);
  EXPECT_GT(acknowledged.state.size(), 1);
}

TEST(RecoveryTest, AFailedWriteIsFinal) {
  TestLog log;
  log.Close();
  Acknowledged acknowledged;
  std::vector<std::string> others;
  WriterProcess writer(log.dir(), "writer", size_t{1} << 20);
  while (const std::optional<std::string> line = writer.NextLine()) {
    if (!Note(*line, acknowledged)) others.push_back(*line);
  }
  ASSERT_GE(others.size(), 3);
  EXPECT_EQ(others.front(), "open");
  EXPECT_EQ(others[1], "storage-failed");
  EXPECT_EQ(others.back(), "health UNAVAILABLE");
  // All that waited and what came then, and no acknowledgement after the first
  // of them.
  const std::set<std::string> between(others.begin() + 2, others.end() - 1);
  EXPECT_THAT(between, ::testing::ElementsAre("failed UNAVAILABLE",
                                              "refused UNAVAILABLE"));
  EXPECT_GT(acknowledged.events.size(), 100);

  log.Open();
  ExpectWhole(log, acknowledged);
  ExpectWholeState(log, acknowledged);
}

TEST(RecoveryTest, ASecondProcessIsRefused) {
  TestLog log;
  log.Close();
  WriterProcess writer(log.dir(), "writer");
  ASSERT_EQ(writer.NextLine(), "open");
  const absl::Status status = log.TryOpen().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("is in use by another process"));
}

TEST(RecoveryTest, ALogIsOpenOnceInOneProcessToo) {
  TestLog log;
  prometheus::Registry registry;
  EmbeddedLogOptions options;
  options.data_dir = log.dir();
  EXPECT_EQ(EmbeddedLog::Open(std::move(options), log.clock(), registry)
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace enveloperelay::testing
