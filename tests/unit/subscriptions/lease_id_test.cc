#include "server/subscriptions/lease_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::Le;
using ::testing::SizeIs;

std::vector<Sequence> Sequences(const std::vector<uint64_t>& values) {
  std::vector<Sequence> sequences;
  for (const uint64_t value : values) sequences.push_back(Sequence{value});
  return sequences;
}

TEST(LeaseIdTest, IsReadAsItWasWritten) {
  const LeaseId id{.epoch = 0xfedcba9876543210,
                   .number = 42,
                   .events = Sequences({3, 4, 5, 9, UINT64_MAX - 1})};
  const std::optional<LeaseId> read = DecodeLeaseId(EncodeLeaseId(id));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->epoch, id.epoch);
  EXPECT_EQ(read->number, id.number);
  EXPECT_EQ(read->events, id.events);
}

TEST(LeaseIdTest, IsUrlSafeText) {
  for (uint64_t number = 0; number < 100; ++number) {
    const std::string text = EncodeLeaseId(
        {.epoch = ~number, .number = number, .events = Sequences({7})});
    EXPECT_TRUE(std::ranges::all_of(text, [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
             c == '_';
    })) << text;
  }
}

TEST(LeaseIdTest, AnyOtherTextIsRefused) {
  const std::string text =
      EncodeLeaseId({.epoch = 1, .number = 2, .events = Sequences({7, 9})});
  EXPECT_FALSE(DecodeLeaseId("").has_value());
  EXPECT_FALSE(DecodeLeaseId("not base64!").has_value());
  EXPECT_FALSE(DecodeLeaseId(text.substr(1)).has_value());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(DecodeLeaseId(changed).has_value()) << i;
  }
  // Other spellings of the same base64.
  EXPECT_FALSE(DecodeLeaseId(text + "\n").has_value());
  EXPECT_FALSE(DecodeLeaseId(" " + text).has_value());
  EXPECT_FALSE(DecodeLeaseId(text + "=").has_value());
  EXPECT_FALSE(DecodeLeaseId(text + "==").has_value());
}

TEST(LeaseIdTest, FourThousandEventsInARowTakeFewBytes) {
  LeaseId id{.epoch = ~uint64_t{0}, .number = 1'000'000, .events = {}};
  for (uint64_t i = 0; i < kLeaseEventsMax; ++i) {
    id.events.push_back(Sequence{1'000'000'000 + i});
  }
  const std::string text = EncodeLeaseId(id);
  EXPECT_THAT(text, SizeIs(Le(size_t{50})));
  const std::optional<LeaseId> read = DecodeLeaseId(text);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->events, id.events);
}

TEST(RunsTest, AreGapsAndCounts) {
  EXPECT_THAT(ToRuns(Sequences({1, 2, 5, 6, 7})), ElementsAre(0, 2, 2, 3));
  EXPECT_THAT(ToRuns(Sequences({10})), ElementsAre(9, 1));
  EXPECT_THAT(ToRuns({}), ElementsAre());
}

TEST(RunsTest, MoreEventsThanAllowedAreRefused) {
  const std::vector<uint64_t> runs = {0, 3, 1, 2};
  EXPECT_TRUE(FromRuns(runs, 5).has_value());
  EXPECT_FALSE(FromRuns(runs, 4).has_value());
}

TEST(RunsTest, WhatIsNoListOfRunsIsRefused) {
  for (const std::vector<uint64_t>& runs :
       {std::vector<uint64_t>{5}, {5, 0}, {UINT64_MAX, 1}, {0, UINT64_MAX}}) {
    EXPECT_FALSE(FromRuns(runs, 100).has_value());
  }
}

TEST(RunsTest, SequencesDoNotBeginAnewAfterTheLast) {
  const std::vector<uint64_t> to_the_last = {UINT64_MAX - 3, 2};
  ASSERT_TRUE(FromRuns(to_the_last, 100).has_value());
  const std::vector<uint64_t> runs = {UINT64_MAX - 3, 2, 5, 1};
  EXPECT_FALSE(FromRuns(runs, 100).has_value());
}

}  // namespace
}  // namespace enveloperelay
