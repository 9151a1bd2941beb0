// Ten thousand streams, open and idle.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "server/base/mutex.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kStreams = 10'000;
constexpr size_t kStreamsPerConnection = 20;
constexpr absl::Duration kHeartbeat = absl::Seconds(10);

// What all streams of the test have seen.
class Sightings {
 public:
  void CountStart() {
    const MutexLock lock(mutex_);
    ++started_;
    changed_.NotifyAll();
  }
  void CountEvent() {
    const MutexLock lock(mutex_);
    ++events_;
    changed_.NotifyAll();
  }
  // A response after that time without one; `stream` has had `responses`.
  void CountResponse(int responses, absl::Duration silence) {
    const MutexLock lock(mutex_);
    longest_silence_ = std::max(longest_silence_, silence);
    if (responses == kResponsesWanted) ++beaten_;
    changed_.NotifyAll();
  }
  void CountEnd() {
    const MutexLock lock(mutex_);
    ++ended_;
    changed_.NotifyAll();
  }

  // Each waits until all streams have got there; false after five minutes.
  bool WaitUntilAllStarted() { return WaitForAll(&Sightings::started_); }
  bool WaitUntilAllHaveBeaten() { return WaitForAll(&Sightings::beaten_); }
  bool WaitUntilAllHaveTheEvent() { return WaitForAll(&Sightings::events_); }
  bool WaitUntilAllEnded() { return WaitForAll(&Sightings::ended_); }

  absl::Duration longest_silence() {
    const MutexLock lock(mutex_);
    return longest_silence_;
  }

 private:
  // The first response, and two heartbeats.
  static constexpr int kResponsesWanted = 3;

  bool WaitForAll(size_t Sightings::* count) {
    const absl::Time deadline = absl::Now() + absl::Minutes(5);
    const MutexLock lock(mutex_);
    while (this->*count < kStreams) {
      const bool too_few_are_left = ended_ > 0 && count != &Sightings::ended_;
      if (too_few_are_left || absl::Now() >= deadline) return false;
      changed_.WaitFor(mutex_, deadline - absl::Now());
    }
    return true;
  }

  Mutex mutex_;
  CondVar changed_;
  size_t started_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t beaten_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t events_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration longest_silence_ ABSL_GUARDED_BY(mutex_);
};

// One stream, on threads of gRPC's.
class IdleStream final : public grpc::ClientReadReactor<v1::SubscribeResponse> {
 public:
  IdleStream(v1::EnvelopeEventService::Stub& stub, Sightings& sightings)
      : sightings_(sightings) {
    request_.mutable_heartbeat_interval()->set_seconds(
        absl::ToInt64Seconds(kHeartbeat));
    stub.async()->Subscribe(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    const absl::Time now = absl::Now();
    if (++responses_ == 1) {
      sightings_.CountStart();
    } else {
      sightings_.CountResponse(responses_, now - last_);
    }
    if (response_.events_size() > 0) sightings_.CountEvent();
    last_ = now;
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& /*status*/) override {
    sightings_.CountEnd();
  }

 private:
  Sightings& sightings_;
  grpc::ClientContext context_;
  v1::SubscribeRequest request_;
  v1::SubscribeResponse response_;
  int responses_ = 0;
  absl::Time last_;
};

class GrpcIdleStreamsTest : public GrpcRelayTest {};

TEST_F(GrpcIdleStreamsTest, TenThousandGetTheirHeartbeatsWithinTheMemory) {
  Start();
  Sightings sightings;
  std::vector<std::unique_ptr<v1::EnvelopeEventService::Stub>> stubs;
  std::vector<std::unique_ptr<IdleStream>> streams;
  for (size_t i = 0; i < kStreams; ++i) {
    if (i % kStreamsPerConnection == 0) {
      stubs.push_back(v1::EnvelopeEventService::NewStub(NewChannel()));
    }
    streams.push_back(std::make_unique<IdleStream>(*stubs.back(), sightings));
  }
  EXPECT_TRUE(sightings.WaitUntilAllStarted());
  EXPECT_TRUE(sightings.WaitUntilAllHaveBeaten());
  // A client gives a stream up after twice the interval.
  EXPECT_LT(sightings.longest_silence(), kHeartbeat * 1.5);
  const size_t resident = relay_->ResidentBytes();
  RecordProperty("resident_mib", std::to_string(resident / kMiB));
  RecordProperty(
      "longest_silence_ms",
      std::to_string(absl::ToInt64Milliseconds(sightings.longest_silence())));
  EXPECT_LT(resident, 1536 * kMiB);

  // They are idle, not deaf.
  Post({.count = 1, .connections = 1});
  EXPECT_TRUE(sightings.WaitUntilAllHaveTheEvent());

  for (const auto& stream : streams) stream->Cancel();
  EXPECT_TRUE(sightings.WaitUntilAllEnded());
}

}  // namespace
}  // namespace enveloperelay::testing
