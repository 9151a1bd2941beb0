#include "tests/load/settle_load.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/load/delivery.h"
#include "tests/load/http2_stream.h"
#include "tests/load/machine.h"
#include "tests/load/settling.h"

namespace enveloperelay::load {
namespace {

// Batches that a worker may have. With one at a time it would wait for a sync
// of the relay's disk for each.
constexpr uint32_t kBatchesMax = 16;

// How long a last answer may take.
constexpr absl::Duration kPatience = absl::Seconds(30);

// Each worker has connections of its own, as if it stood on another machine.
std::shared_ptr<grpc::Channel> Connect(uint16_t port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                   grpc::InsecureChannelCredentials(),
                                   arguments);
}

// For one thread.
class Worker {
 public:
  // `options` outlive it.
  Worker(const SettleOptions& options, std::shared_ptr<Progress> progress)
      : options_(options),
        progress_(std::move(progress)),
        stub_(v1::EnvelopeEventService::NewStub(Connect(options.port))) {}

  // Returns when all workers are done.
  void Run() {
    const absl::Status status = Read();
    if (!progress_->over()) {
      progress_->Fail(status.ok() ? absl::UnavailableError("the stream ended")
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
    if (progress_->over()) return absl::CancelledError("all is settled");
    if (!delivery->id.empty()) Settle(*std::move(delivery));
    return absl::OkStatus();
  }

  void Settle(Delivery delivery) {
    sequences_.insert(sequences_.end(), delivery.sequences.begin(),
                      delivery.sequences.end());
    SettleDone(*stub_, options_.subscription, std::move(delivery.id),
               delivery.sequences.size(), progress_);
  }

  const SettleOptions& options_;
  const std::shared_ptr<Progress> progress_;
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
  const auto progress = std::make_shared<Progress>(options.events);
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
  const absl::StatusOr<absl::Time> end = progress->Wait(kPatience);
  if (!end.ok()) return end.status();
  const absl::Status checked = CheckSequences(workers, options.events);
  if (!checked.ok()) return checked;
  return SettleResult{.elapsed = *end - begin,
                      .cpu = CpuTimeOf(getpid()) - cpu};
}

}  // namespace enveloperelay::load
