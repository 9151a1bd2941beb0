#include "tests/integration/scale/idle_streams.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/mutex.h"
#include "tests/support/event_stream.h"

namespace enveloperelay::testing {
namespace {

constexpr size_t kStreamsPerConnection = 100;

}  // namespace

class IdleStreams::Stream final
    : public grpc::ClientReadReactor<v1::SubscribeResponse> {
 public:
  Stream(v1::EnvelopeEventService::Stub& stub,
         const v1::SubscribeRequest& request)
      : request_(request) {
    stub.async()->Subscribe(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }
  void WaitForEnd() {
    const MutexLock lock(mutex_);
    while (!ended_) ended_now_.Wait(mutex_);
  }
  void AddTo(IdleStreamsSummary& summary) const {
    const MutexLock lock(mutex_);
    if (!ended_) ++summary.open;
    summary.responses_min = std::min(summary.responses_min, responses_);
    summary.gap_max = std::max(summary.gap_max, gap_max_);
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      const MutexLock lock(mutex_);
      const absl::Time now = absl::Now();
      if (responses_ > 0) gap_max_ = std::max(gap_max_, now - last_);
      last_ = now;
      ++responses_;
    }
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& /*status*/) override {
    const MutexLock lock(mutex_);
    ended_ = true;
    ended_now_.NotifyAll();
  }

  const v1::SubscribeRequest request_;
  grpc::ClientContext context_;
  v1::SubscribeResponse response_;
  mutable Mutex mutex_;
  CondVar ended_now_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  size_t responses_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time last_ ABSL_GUARDED_BY(mutex_);
  absl::Duration gap_max_ ABSL_GUARDED_BY(mutex_);
};

IdleStreams::IdleStreams(const std::string& target, size_t count,
                         const v1::SubscribeRequest& request) {
  for (size_t i = 0; i < count; ++i) {
    if (i % kStreamsPerConnection == 0) {
      stubs_.push_back(v1::EnvelopeEventService::NewStub(Connect(target)));
    }
    streams_.push_back(std::make_unique<Stream>(*stubs_.back(), request));
  }
}

IdleStreams::~IdleStreams() {
  for (const auto& stream : streams_) stream->Cancel();
  for (const auto& stream : streams_) stream->WaitForEnd();
}

IdleStreamsSummary IdleStreams::Summary() const {
  IdleStreamsSummary summary;
  summary.responses_min = std::numeric_limits<size_t>::max();
  for (const auto& stream : streams_) stream->AddTo(summary);
  return summary;
}

}  // namespace enveloperelay::testing
