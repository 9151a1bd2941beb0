#include "server/log/append_queue.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "server/log/record.h"
#include "server/log/state_store.h"
#include "tests/support/append.h"
#include "tests/support/write_state.h"

namespace enveloperelay {
namespace {

PendingAppend MakeAppend(const std::string& id, size_t payload_bytes = 10) {
  const std::string payload(payload_bytes, 'p');
  return {.event = EncodeEvent(
              testing::MakeEvent({.event_id = id, .payload = payload})),
          .done = {}};
}

absl::Status Push(AppendQueue& queue, const std::string& id,
                  size_t payload_bytes = 10) {
  PendingAppend append = MakeAppend(id, payload_bytes);
  return queue.Push(append);
}

absl::Status PushState(AppendQueue& queue, const std::string& key,
                       size_t value_bytes = 10) {
  PendingStateWrite write;
  write.changes.push_back(testing::SetKey(StateTable::kSubscriptions, key,
                                          std::string(value_bytes, 'v')));
  return queue.Push(write);
}

std::vector<std::string> StateKeys(const CommitGroup& group) {
  std::vector<std::string> keys;
  for (const PendingStateWrite& write : group.state_writes) {
    keys.push_back(write.changes.at(0).key);
  }
  return keys;
}

TEST(AppendQueueTest, GivesWhatHasGatheredAsOneGroup) {
  AppendQueue queue(1 << 20);
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(Push(queue, id).ok());
  const std::vector<PendingAppend> group = queue.TakeGroup().appends;
  ASSERT_EQ(group.size(), 3);
  EXPECT_EQ(group[0].event.event_id, "a");
  EXPECT_EQ(group[2].event.event_id, "c");
}

TEST(AppendQueueTest, GivesStateWritesWithTheAppendsThatCameMeanwhile) {
  AppendQueue queue(1 << 20);
  ASSERT_TRUE(PushState(queue, "first").ok());
  ASSERT_TRUE(Push(queue, "a").ok());
  ASSERT_TRUE(PushState(queue, "second").ok());
  const CommitGroup group = queue.TakeGroup();
  EXPECT_EQ(group.appends.size(), 1);
  EXPECT_EQ(StateKeys(group), (std::vector<std::string>{"first", "second"}));
}

TEST(AppendQueueTest, GivesStateWritesWithoutAnyAppend) {
  AppendQueue queue(1 << 20);
  ASSERT_TRUE(PushState(queue, "key").ok());
  const CommitGroup group = queue.TakeGroup();
  EXPECT_TRUE(group.appends.empty());
  EXPECT_FALSE(group.empty());
}

TEST(AppendQueueTest, BoundsAGroupByItsBytes) {
  AppendQueue queue(size_t{64} << 20);
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(Push(queue, id, size_t{3} << 20).ok());
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(queue.TakeGroup().appends.size(), 1);
    queue.ReleaseGroup();
  }
}

TEST(AppendQueueTest, BoundsTheStateWritesOfAGroupByTheirBytesAndInOrder) {
  AppendQueue queue(1 << 20);
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(PushState(queue, key, size_t{3} << 20).ok());
  }
  for (const char* key : {"a", "b", "c"}) {
    EXPECT_EQ(StateKeys(queue.TakeGroup()), std::vector<std::string>{key});
    queue.ReleaseGroup();
  }
}

TEST(AppendQueueTest, BoundsAGroupByTheNumberOfItsStateWrites) {
  AppendQueue queue(1 << 20);
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(PushState(queue, "key").ok());
  EXPECT_EQ(queue.TakeGroup().state_writes.size(), 4096);
  EXPECT_EQ(queue.TakeGroup().state_writes.size(), 5000 - 4096);
}

TEST(AppendQueueTest, RefusesWhatIsTooMuch) {
  AppendQueue queue(10'000);
  ASSERT_TRUE(Push(queue, "a", 6000).ok());
  PendingAppend append = MakeAppend("b", 6000);
  EXPECT_EQ(queue.Push(append).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(append.event.event_id, "b");
  EXPECT_TRUE(Push(queue, "c", 1000).ok());
}

TEST(AppendQueueTest, TakesStateWritesHoweverFullItIs) {
  AppendQueue queue(1000);
  ASSERT_FALSE(Push(queue, "a", 2000).ok());
  EXPECT_TRUE(PushState(queue, "key", 2000).ok());
  EXPECT_TRUE(PushState(queue, "key", 2000).ok());
}

TEST(AppendQueueTest, StateWritesTakeNoRoomFromAppends) {
  AppendQueue queue(1000);
  ASSERT_TRUE(PushState(queue, "key", 2000).ok());
  EXPECT_TRUE(Push(queue, "a").ok());
}

TEST(AppendQueueTest, CountsAGroupUntilItIsReleased) {
  AppendQueue queue(10'000);
  ASSERT_TRUE(Push(queue, "a", 6000).ok());
  const CommitGroup group = queue.TakeGroup();
  EXPECT_FALSE(Push(queue, "b", 6000).ok());
  queue.ReleaseGroup();
  EXPECT_TRUE(Push(queue, "b", 6000).ok());
}

TEST(AppendQueueTest, KnowsHowManyAppendsAreNotDoneWith) {
  AppendQueue queue(10'000);
  EXPECT_EQ(queue.appends(), 0);
  ASSERT_TRUE(Push(queue, "a").ok());
  ASSERT_TRUE(Push(queue, "b").ok());
  ASSERT_TRUE(PushState(queue, "key").ok());
  EXPECT_EQ(queue.appends(), 2);
  const CommitGroup group = queue.TakeGroup();
  ASSERT_TRUE(Push(queue, "c").ok());
  EXPECT_EQ(queue.appends(), 3);
  queue.ReleaseGroup();
  EXPECT_EQ(queue.appends(), 1);
}

TEST(AppendQueueTest, GivesTheRestWhenItIsClosed) {
  AppendQueue queue(10'000);
  ASSERT_TRUE(Push(queue, "a").ok());
  ASSERT_TRUE(PushState(queue, "first").ok());
  queue.Close();
  EXPECT_EQ(Push(queue, "b").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(PushState(queue, "second").code(), absl::StatusCode::kUnavailable);
  const CommitGroup rest = queue.TakeGroup();
  EXPECT_EQ(rest.appends.size(), 1);
  EXPECT_EQ(rest.state_writes.size(), 1);
  queue.ReleaseGroup();
  EXPECT_TRUE(queue.TakeGroup().empty());
}

}  // namespace
}  // namespace enveloperelay
