#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "tests/load/bench.h"
#include "tests/load/log_check.h"
#include "tests/load/machine.h"
#include "tests/load/report.h"
#include "tests/load/settling.h"
#include "tests/load/subscription_calls.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {
namespace {

// Streams of one connection.
constexpr int kStreamsPerChannel = 100;
// How long the last events may take after the last POST.
constexpr absl::Duration kPatience = absl::Minutes(2);

std::string NameOf(int number) {
  return absl::StrCat("bench-subscription-", number);
}

std::shared_ptr<grpc::Channel> Connect(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(),
                                   arguments);
}

// The worker of one subscription: settles each batch when it comes, and checks
// that each event of the log comes once, in order. Its stream runs on gRPC's
// threads until it is destroyed.
class Worker final : public grpc::ClientReadReactor<v1::SubscribeResponse> {
 public:
  // Counts `started` down with its first response. What is handed in outlives
  // it.
  Worker(std::string subscription, uint64_t first_sequence,
         v1::EnvelopeEventService::Stub& stub,
         std::shared_ptr<Progress> progress, absl::BlockingCounter& started)
      : subscription_(std::move(subscription)),
        next_sequence_(first_sequence),
        stub_(stub),
        progress_(std::move(progress)),
        started_(&started) {
    v1::SubscribeRequest request;
    request.set_subscription(subscription_);
    stub_.async()->Subscribe(&context_, &request, this);
    StartRead(&response_);
    StartCall();
  }
  ~Worker() override {
    context_.TryCancel();
    done_.Wait();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void OnReadDone(bool ok) override {
    if (started_ != nullptr) {
      std::exchange(started_, nullptr)->DecrementCount();
    }
    if (!ok) return;
    Take();
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override {
    // Nobody listens any more if it was cancelled by us.
    progress_->Fail(absl::UnavailableError(
        absl::StrCat(subscription_, ": ", status.error_message())));
    done_.DecrementCount();
  }

 private:
  void Take() {
    for (const v1::EnvelopeEvent& event : response_.events()) {
      if (event.sequence() != next_sequence_++) {
        progress_->Fail(absl::DataLossError(
            absl::StrCat(subscription_, " got event ", event.sequence(),
                         " instead of ", next_sequence_ - 1)));
      }
    }
    if (response_.events().empty()) return;
    SettleDone(stub_, subscription_, response_.delivery().delivery_id(),
               static_cast<uint64_t>(response_.events_size()), progress_);
  }

  const std::string subscription_;
  uint64_t next_sequence_;
  v1::EnvelopeEventService::Stub& stub_;
  const std::shared_ptr<Progress> progress_;
  absl::BlockingCounter* started_;
  grpc::ClientContext context_;
  v1::SubscribeResponse response_;
  absl::BlockingCounter done_{1};
};

// What the relay takes while `run` runs.
template <typename Run>
absl::StatusOr<Usage> UsageDuring(const testing::RelayProcess& relay,
                                  std::string when, Run run) {
  const absl::Duration cpu = CpuTimeOf(relay.pid());
  const absl::Time begin = absl::Now();
  const absl::Status ran = run();
  if (!ran.ok()) return ran;
  return Usage{.when = std::move(when),
               .cores = absl::FDivDuration(CpuTimeOf(relay.pid()) - cpu,
                                           absl::Now() - begin),
               .resident_bytes = relay.ResidentBytes(),
               .threads = ThreadsOf(relay.pid())};
}

// The steps, each with what the relay takes for it.
class Steps {
 public:
  Steps(const BenchOptions& options, testing::RelayProcess& relay)
      : options_(options), relay_(relay), calls_(relay) {}

  absl::Status Run(Footprint& footprint) {
    const int count = options_.subscriptions;
    // Nothing happens for as long as is to be measured.
    const auto idle = [this] {
      const absl::Status ended = relay_.WaitForExit(options_.measured).status();
      return absl::IsDeadlineExceeded(ended)
                 ? absl::OkStatus()
                 : absl::InternalError("the relay has ended");
    };
    absl::Status status = Measure(footprint, "at rest", idle);
    if (status.ok()) status = Create();
    if (status.ok()) status = Connect();
    if (!status.ok()) return status;
    status = Measure(footprint, absl::StrCat("with ", count, " workers"), idle);
    if (!status.ok()) return status;
    status = Measure(
        footprint, absl::StrCat("at ", options_.events_per_second, " events/s"),
        [this] { return Load(); });
    if (!status.ok()) return status;
    const absl::StatusOr<absl::Time> end = progress_->Wait(kPatience);
    if (!end.ok()) return end.status();
    footprint.lag = *end - posted_;
    return Check();
  }

 private:
  template <typename Act>
  absl::Status Measure(Footprint& footprint, std::string when, Act act) {
    absl::StatusOr<Usage> usage = UsageDuring(relay_, std::move(when), act);
    if (!usage.ok()) return usage.status();
    footprint.usages.push_back(*std::move(usage));
    return absl::OkStatus();
  }

  absl::Status Create() {
    for (int i = 0; i < options_.subscriptions; ++i) {
      const absl::Status created =
          calls_.Create(NameOf(i), v1::START_POSITION_LATEST);
      if (!created.ok()) return created;
    }
    return absl::OkStatus();
  }

  absl::Status Connect() {
    const absl::StatusOr<v1::GetLogResponse> log = GetLog(relay_);
    if (!log.ok()) return log.status();
    absl::BlockingCounter started(options_.subscriptions);
    for (int i = 0; i < options_.subscriptions; ++i) {
      if (i % kStreamsPerChannel == 0) {
        stubs_.push_back(v1::EnvelopeEventService::NewStub(
            load::Connect(relay_.grpc_target())));
      }
      workers_.push_back(
          std::make_unique<Worker>(NameOf(i), log->latest_sequence() + 1,
                                   *stubs_.back(), progress_, started));
    }
    started.Wait();
    return absl::OkStatus();
  }

  // All events of the log, to all subscriptions.
  absl::Status Load() {
    const absl::Status posted =
        Fill(options_, relay_, Events(),
             absl::Seconds(1) / options_.events_per_second);
    posted_ = absl::Now();
    return posted;
  }
  uint64_t Events() const {
    return static_cast<uint64_t>(absl::ToDoubleSeconds(options_.measured) *
                                 options_.events_per_second);
  }

  absl::Status Check() {
    for (int i = 0; i < options_.subscriptions; ++i) {
      const absl::Status checked = calls_.CheckSettled(NameOf(i));
      if (!checked.ok()) return checked;
    }
    return absl::OkStatus();
  }

  const BenchOptions& options_;
  testing::RelayProcess& relay_;
  SubscriptionCalls calls_;
  const std::shared_ptr<Progress> progress_ = std::make_shared<Progress>(
      Events() * static_cast<uint64_t>(options_.subscriptions));
  absl::Time posted_;
  std::vector<std::unique_ptr<v1::EnvelopeEventService::Stub>> stubs_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace

absl::StatusOr<Footprint> BenchSubscriptions(const BenchOptions& options,
                                             Relay& relay) {
  Footprint footprint{
      .name = absl::StrCat(options.subscriptions,
                           " durable subscriptions with one worker each, ",
                           options.events_per_second, " events/s to all")};
  const absl::Status ran = relay.Run([&](testing::RelayProcess& process) {
    return Steps(options, process).Run(footprint);
  });
  if (!ran.ok()) return ran;
  return footprint;
}

}  // namespace enveloperelay::load
