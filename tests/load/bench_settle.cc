#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "tests/load/bench.h"
#include "tests/load/catch_up.h"
#include "tests/load/event_counter.h"
#include "tests/load/machine.h"
#include "tests/load/report.h"
#include "tests/load/settle_load.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {
namespace {

constexpr int kWorkers = 4;

// A subscription that begins with the log. Of one round.
class Settled {
 public:
  Settled(const testing::RelayProcess& relay, std::string name)
      : name_(std::move(name)),
        stub_(v1::SubscriptionService::NewStub(grpc::CreateChannel(
            relay.grpc_target(), grpc::InsecureChannelCredentials()))) {}

  const std::string& name() const { return name_; }

  absl::Status Create() {
    grpc::ClientContext context;
    v1::CreateSubscriptionRequest request;
    request.mutable_subscription()->set_name(name_);
    request.mutable_subscription()->set_start(v1::START_POSITION_EARLIEST);
    request.mutable_subscription()->set_order(v1::DELIVERY_ORDER_BY_ENVELOPE);
    v1::CreateSubscriptionResponse response;
    return Called(stub_->CreateSubscription(&context, request, &response));
  }
  // Nothing of it is left to be delivered or settled.
  absl::Status Check() {
    grpc::ClientContext context;
    v1::GetSubscriptionRequest request;
    request.set_name(name_);
    v1::GetSubscriptionResponse response;
    const absl::Status called =
        Called(stub_->GetSubscription(&context, request, &response));
    if (!called.ok()) return called;
    const v1::Subscription& now = response.subscription();
    if (now.backlog() == 0 && now.outstanding() == 0 && now.retrying() == 0 &&
        now.dead_letters() == 0 && now.lost_events() == 0) {
      return absl::OkStatus();
    }
    return absl::DataLossError(
        absl::StrCat("all is settled, and yet: ", now.ShortDebugString()));
  }
  absl::Status Delete() {
    grpc::ClientContext context;
    v1::DeleteSubscriptionRequest request;
    request.set_name(name_);
    v1::DeleteSubscriptionResponse response;
    return Called(stub_->DeleteSubscription(&context, request, &response));
  }

 private:
  static absl::Status Called(const grpc::Status& status) {
    if (status.ok()) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat("SubscriptionService: ", status.error_message()));
  }

  const std::string name_;
  const std::unique_ptr<v1::SubscriptionService::Stub> stub_;
};

// Settles all of the log once.
absl::StatusOr<Sample> Measure(const BenchOptions& options,
                               const Contents& contents,
                               const testing::RelayProcess& relay,
                               const std::string& name) {
  Settled subscription(relay, name);
  absl::Status status = subscription.Create();
  if (!status.ok()) return status;
  const absl::Duration cpu = CpuTimeOf(relay.pid());
  const absl::StatusOr<SettleResult> result =
      SettleAll({.port = relay.grpc_port(),
                 .subscription = name,
                 .workers = kWorkers,
                 .batch_events = options.batch_events,
                 .events = contents.events});
  if (!result.ok()) return result.status();
  const auto all = static_cast<int64_t>(contents.events);
  const Sample sample{.per_second = static_cast<double>(all) /
                                    absl::ToDoubleSeconds(result->elapsed),
                      .server_cpu = (CpuTimeOf(relay.pid()) - cpu) / all,
                      .client_cpu = result->cpu / all};
  status = subscription.Check();
  if (status.ok()) status = subscription.Delete();
  if (!status.ok()) return status;
  return sample;
}

absl::StatusOr<Contents> Prepare(const BenchOptions& options,
                                 const testing::RelayProcess& relay) {
  const absl::Status filled = FillUp(options, relay);
  if (!filled.ok()) return filled;
  const absl::StatusOr<EventCounter> counter =
      CatchUp(options, relay, [](std::string_view /*bytes*/, bool /*last*/) {});
  if (!counter.ok()) return counter.status();
  return Contents{.events = counter->events(), .bytes = counter->bytes()};
}

}  // namespace

absl::StatusOr<Figure> BenchSettle(const BenchOptions& options, Relay& relay) {
  Contents contents;
  absl::Status ran =
      relay.Run([&](const testing::RelayProcess& process) -> absl::Status {
        const absl::StatusOr<Contents> prepared = Prepare(options, process);
        if (prepared.ok()) contents = *prepared;
        return prepared.status();
      });
  if (!ran.ok()) return ran;
  Figure figure{
      .name = absl::StrCat("Events/s settled by ", kWorkers, " workers of a ",
                           "durable subscription to ", contents.events,
                           " events, in batches of ", options.batch_events),
      .baseline = "plain stream",
      .aim = 0.3};
  for (int round = 0; round < options.rounds; ++round) {
    ran = relay.Run([&](const testing::RelayProcess& process) -> absl::Status {
      const absl::StatusOr<Sample> sample = Measure(
          options, contents, process, absl::StrCat("bench-settle-", round));
      if (sample.ok()) figure.relay.push_back(*sample);
      return sample.status();
    });
    if (!ran.ok()) return ran;
    ran = relay.Run([&](const testing::RelayProcess& process) -> absl::Status {
      const absl::StatusOr<Sample> plain =
          MeasureCatchUp(options, contents, process.grpc_port(), process.pid());
      if (plain.ok()) figure.bare.push_back(*plain);
      return plain.status();
    });
    if (!ran.ok()) return ran;
  }
  return figure;
}

}  // namespace enveloperelay::load
