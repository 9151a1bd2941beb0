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
#include "tests/integration/log/test_log.h"
#include "tests/integration/log/writer_process.h"
#include "tests/support/log_range.h"

namespace enveloperelay::testing {
namespace {

// Where each acknowledged event stands.
using Acknowledged = std::map<std::string, uint64_t>;

// Notes a line of the writer. False if it is no acknowledgement.
bool Note(const std::string& line, Acknowledged& acknowledged) {
  std::istringstream words(line);
  std::string word;
  std::string event_id;
  uint64_t sequence = 0;
  if (!(words >> word >> event_id >> sequence) || word != "done") return false;
  const auto [it, added] = acknowledged.emplace(event_id, sequence);
  EXPECT_EQ(it->second, sequence) << event_id << " was given two places";
  return true;
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
  for (const auto& [event_id, sequence] : acknowledged) {
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
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(acknowledged.size(), 1000);
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
  // All that waited, and no acknowledgement after the first of them.
  const std::set<std::string> between(others.begin() + 2, others.end() - 1);
  EXPECT_THAT(between, ::testing::ElementsAre("failed UNAVAILABLE"));
  EXPECT_GT(acknowledged.size(), 100);

  log.Open();
  ExpectWhole(log, acknowledged);
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
