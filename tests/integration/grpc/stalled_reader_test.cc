// A client that subscribes and reads nothing, while much passes.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

class GrpcStalledReaderTest : public GrpcRelayTest {
 protected:
  static constexpr size_t kPaddingBytes = 255'000;

  // Passes about `bytes` through the relay, to a subscriber that reads.
  void Pass(size_t bytes) {
    const size_t count = bytes / kPaddingBytes;
    EventStream reader(NewChannel(), {});
    ASSERT_TRUE(reader.Next().has_value());
    std::thread poster([this, count] {
      Post({.count = count, .padding_bytes = kPaddingBytes});
    });
    for (size_t received = 0; received < count;) {
      const auto batch = reader.NextBatch();
      ASSERT_TRUE(batch.has_value());
      received += static_cast<size_t>(batch->events_size());
    }
    poster.join();
  }
};

TEST_F(GrpcStalledReaderTest, CostsTheRelayABatchOfMemoryAndDelaysNobody) {
  constexpr size_t kStalled = 4;
  Start();
  // Fills what the relay keeps in memory anyway: recent events, caches.
  Pass(300 * kMiB);
  const size_t before = relay_->ResidentBytes();

  v1::SubscribeRequest request = FromEarliest();
  request.set_max_batch_bytes(UINT32_MAX);  // coerced to 3 MiB
  std::vector<std::unique_ptr<EventStream>> stalled;
  for (size_t i = 0; i < kStalled; ++i) {
    stalled.push_back(std::make_unique<EventStream>(NewChannel(), request));
  }
  Pass(1024 * kMiB);
  const size_t after = relay_->ResidentBytes();
  RecordProperty("resident_mib_before", std::to_string(before / kMiB));
  RecordProperty("resident_mib_after", std::to_string(after / kMiB));
  // A batch, and what HTTP/2 has taken already, for each; and some for what the
  // log keeps.
  EXPECT_LT(after, before + kStalled * 16 * kMiB + 64 * kMiB);

  // It lost nothing: what it missed waits in the log.
  uint64_t next = 1;
  for (int i = 0; i < 20; ++i) {
    const auto batch = stalled[0]->NextBatch();
    ASSERT_TRUE(batch.has_value());
    for (const v1::EnvelopeEvent& event : batch->events()) {
      ASSERT_EQ(event.sequence(), next++);
    }
  }
}

}  // namespace
}  // namespace enveloperelay::testing
