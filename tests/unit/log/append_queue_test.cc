#include "server/log/append_queue.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "server/log/record.h"
#include "tests/support/append.h"

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

TEST(AppendQueueTest, GivesWhatHasGatheredAsOneGroup) {
  AppendQueue queue(1 << 20);
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(Push(queue, id).ok());
  const std::vector<PendingAppend> group = queue.TakeGroup();
  ASSERT_EQ(group.size(), 3);
  EXPECT_EQ(group[0].event.event_id, "a");
  EXPECT_EQ(group[2].event.event_id, "c");
}

TEST(AppendQueueTest, BoundsAGroupByItsBytes) {
  AppendQueue queue(size_t{64} << 20);
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(Push(queue, id, size_t{3} << 20).ok());
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(queue.TakeGroup().size(), 1);
    queue.ReleaseGroup();
  }
}

TEST(AppendQueueTest, RefusesWhatIsTooMuch) {
  AppendQueue queue(10'000);
  ASSERT_TRUE(Push(queue, "a", 6000).ok());
  PendingAppend append = MakeAppend("b", 6000);
  EXPECT_EQ(queue.Push(append).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(append.event.event_id, "b");
  EXPECT_TRUE(Push(queue, "c", 1000).ok());
}

TEST(AppendQueueTest, CountsAGroupUntilItIsReleased) {
  AppendQueue queue(10'000);
  ASSERT_TRUE(Push(queue, "a", 6000).ok());
  const std::vector<PendingAppend> group = queue.TakeGroup();
  EXPECT_FALSE(Push(queue, "b", 6000).ok());
  queue.ReleaseGroup();
  EXPECT_TRUE(Push(queue, "b", 6000).ok());
}

TEST(AppendQueueTest, GivesTheRestWhenItIsClosed) {
  AppendQueue queue(10'000);
  ASSERT_TRUE(Push(queue, "a").ok());
  queue.Close();
  EXPECT_EQ(Push(queue, "b").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(queue.TakeGroup().size(), 1);
  queue.ReleaseGroup();
  EXPECT_TRUE(queue.TakeGroup().empty());
}

}  // namespace
}  // namespace enveloperelay
