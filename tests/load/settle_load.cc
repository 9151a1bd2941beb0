#include "tests/load/settle_load.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/status.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/mutex.h"
#include "tests/load/delivery.h"
#include "tests/load/http2_stream.h"
#include "tests/load/machine.h"

namespace enveloperelay::load {
namespace {

// Batches that a worker may have. With one at a time it would wait for a sync
// of the relay's disk for each.
constexpr uint32_t kBatchesMax = 16;

// How far all workers have come. Thread-safe.
class Progress {
 public:
  explicit Progress(uint64_t events) : left_(events) {}

  // A settlement is on its way.
  void Enter() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    ++in_flight_;
  }
  // It is answered.
  void Leave(const absl::Status& status, uint64_t events)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (status.ok()) left_ -= std::min(left_, events);
    if (status_.ok()) status_ = status;
    if (left_ == 0 || !status.ok()) end_ = absl::Now();
    if (--in_flight_ == 0) changed_.NotifyAll();
  }
  void Fail(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (status_.ok()) status_ = status;
  }

  // All is settled, or something failed.
  bool over() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return left_ == 0 || !status_.ok();
  }
  // Waits for what is on its way; says when the last event was settled.
  absl::StatusOr<absl::Time> Wait() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    while (in_flight_ > 0) changed_.Wait(mutex_);
    if (!status_.ok()) return status_;
    return end_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  uint64_t left_ ABSL_GUARDED_BY(mutex_);
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  absl::Time end_ ABSL_GUARDED_BY(mutex_);
};

// Each worker has connections of its own, as if it stood on another machine.
std::shared_ptr<grpc::Channel> Connect(uint16_t port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                   grpc::InsecureChannelCredentials(),
                                   arguments);
}

// One settlement, until it is answered.
struct Settling {
  grpc::ClientContext context;
  v1::AcknowledgeRequest request;
  v1::AcknowledgeResponse response;
  uint64_t events = 0;
};

absl::Status Check(const grpc::Status& called,
                   const v1::AcknowledgeResponse& response) {
  if (!called.ok()) {
    return absl::UnavailableError(
        absl::StrCat("Acknowledge: ", called.error_message()));
  }
  if (response.statuses_size() == 1 &&
      response.statuses(0) == v1::SETTLEMENT_STATUS_OK) {
    return absl::OkStatus();
  }
  return absl::AbortedError(
      absl::StrCat("a settlement went wrong: ", response.ShortDebugString()));
}

// For one thread.
class Worker {
 public:
  // `options` and `progress` outlive what it has on its way.
  Worker(const SettleOptions& options, Progress& progress)
      : options_(options),
        progress_(progress),
        stub_(v1::EnvelopeEventService::NewStub(Connect(options.port))) {}

  // Returns when all workers are done.
  void Run() {
    const absl::Status status = Read();
    if (!progress_.over()) {
      progress_.Fail(status.ok() ? absl::UnavailableError("the stream ended")
                                 : status);
    }
  }

  // Of all events that came.
  const std::vector<uint64_t>& sequences() const { return sequences_; }

 private:
  absl::Status Read() {
    v1::SubscribeRequest request;
    request.set_subscription(options_.subscription);
    request.set_max_batch_events(options_.batch_events);
    request.set_max_outstanding_events(kBatchesMax * options_.batch_events);
    // How soon a worker sees that there will be nothing more.
    request.mutable_heartbeat_interval()->set_seconds(1);
    absl::StatusOr<Http2Stream> stream = Http2Stream::Open(options_.port);
    if (!stream.ok()) return stream.status();
    return stream->Read(request, [this](std::string_view bytes, bool last) {
      return Take(bytes, last);
    });
  }

  absl::Status Take(std::string_view bytes, bool last) {
    response_ += bytes;
    if (!last) return absl::OkStatus();
    absl::StatusOr<Delivery> delivery = ReadDelivery(response_);
    response_.clear();
    if (!delivery.ok()) return delivery.status();
    if (delivery->again) return absl::DataLossError("an event came again");
    if (progress_.over()) return absl::CancelledError("all is settled");
    if (!delivery->id.empty()) Settle(*std::move(delivery));
    return absl::OkStatus();
  }

  void Settle(Delivery delivery) {
    sequences_.insert(sequences_.end(), delivery.sequences.begin(),
                      delivery.sequences.end());
    const auto settling = std::make_shared<Settling>();
    settling->events = delivery.sequences.size();
    settling->request.set_subscription(options_.subscription);
    v1::Settlement& settlement = *settling->request.add_settlements();
    settlement.set_delivery_id(std::move(delivery.id));
    settlement.set_action(v1::ACK_ACTION_DONE);
    progress_.Enter();
    stub_->async()->Acknowledge(
        &settling->context, &settling->request, &settling->response,
        [settling, &progress = progress_](const grpc::Status& called) {
          progress.Leave(Check(called, settling->response), settling->events);
        });
  }

  const SettleOptions& options_;
  Progress& progress_;
  const std::unique_ptr<v1::EnvelopeEventService::Stub> stub_;
  std::string response_;
  std::vector<uint64_t> sequences_;
};

// Each of as many events came once.
absl::Status CheckSequences(const std::vector<std::unique_ptr<Worker>>& workers,
                            uint64_t events) {
  std::vector<uint64_t> all;
  all.reserve(events);
  for (const std::unique_ptr<Worker>& worker : workers) {
    all.insert(all.end(), worker->sequences().begin(),
               worker->sequences().end());
  }
  std::ranges::sort(all);
  const auto twice = std::ranges::adjacent_find(all);
  if (twice != all.end()) {
    return absl::DataLossError(absl::StrCat("event ", *twice, " came twice"));
  }
  if (all.size() == events && all.back() - all.front() + 1 == events) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat(all.size(), " events came, not ", events));
}

}  // namespace

absl::StatusOr<SettleResult> SettleAll(const SettleOptions& options) {
  Progress progress(options.events);
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < options.workers; ++i) {
    workers.push_back(std::make_unique<Worker>(options, progress));
  }
  const absl::Duration cpu = CpuTimeOf(getpid());
  const absl::Time begin = absl::Now();
  std::vector<std::thread> threads;
  threads.reserve(workers.size());
  for (const std::unique_ptr<Worker>& worker : workers) {
    threads.emplace_back([&worker] { worker->Run(); });
  }
  for (std::thread& thread : threads) thread.join();
  const absl::StatusOr<absl::Time> end = progress.Wait();
  if (!end.ok()) return end.status();
  const absl::Status checked = CheckSequences(workers, options.events);
  if (!checked.ok()) return checked;
  return SettleResult{.elapsed = *end - begin,
                      .cpu = CpuTimeOf(getpid()) - cpu};
}

}  // namespace enveloperelay::load
