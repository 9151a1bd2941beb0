#ifndef ENVELOPE_RELAY_SERVER_GRPC_GRPC_SERVER_H_
#define ENVELOPE_RELAY_SERVER_GRPC_GRPC_SERVER_H_

#include <grpcpp/server.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/access/access.h"
#include "server/base/address.h"
#include "server/base/clock.h"
#include "server/grpc/access_watch.h"
#include "server/grpc/call_guard.h"
#include "server/grpc/calls.h"
#include "server/grpc/certificates.h"
#include "server/grpc/event_service.h"
#include "server/grpc/pooled_call.h"
#include "server/grpc/pooled_host.h"
#include "server/grpc/port_credentials.h"
#include "server/grpc/quarantine_management.h"
#include "server/grpc/quarantine_service.h"
#include "server/grpc/subscription_service.h"
#include "server/log/event_log.h"
#include "server/log/state_store.h"
#include "server/quarantine/quarantine.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/filter_budget.h"
#include "server/subscriptions/management.h"
#include "server/subscriptions/subscriptions.h"

namespace enveloperelay {

// The gRPC port: EnvelopeEventService over an EventLog, SubscriptionService
// over a StateStore, QuarantineService, health, reflection and channelz, for
// those whom Access lets in. Start, SetServing, Drain and the destructor are
// for one thread.
class GrpcServer final : public prometheus::Collectable {
 public:
  struct Options {
    // Where to listen.
    Address address;
    // Names this replica in StreamInfo. Empty: the host's name.
    std::string server_id = {};
    // Streams end by themselves after this, 20 % more or less.
    absl::Duration max_stream_age = absl::Minutes(30);
    // A stream whose client reads nothing for so long is ended.
    absl::Duration stall_timeout = absl::Minutes(15);
    CallLimits calls = {};
    size_t subscriptions_max = 10'000;
    SubscriptionLimits subscription = {};
    // See Webhook; for what is retried.
    absl::Duration dedup_window = absl::Minutes(10);
    // Bytes of the largest request: as many as gRPC allows by default.
    size_t request_bytes_max = size_t{4} << 20;
    // Bytes of the headers of a request.
    size_t metadata_bytes_max = size_t{16} << 10;
    // Run the streams and read the log for them.
    size_t threads = 2;
    // What TLS asks clients for, if the certificates have a CA for them.
    PortCredentials::ClientCertificates client_certificates =
        PortCredentials::ClientCertificates::kRequired;
  };

  // What it serves; all outlive the server.
  struct Environment {
    EventLog& log;
    StateStore& store;
    Quarantine& quarantine;
    const Clock& clock;
    prometheus::Registry& registry;
    Access& access;
    // Null: plaintext.
    const Certificates* certificates = nullptr;
  };
  // Listens, and serves: health says NOT_SERVING until SetServing(true).
  // Errors: kUnavailable (cannot listen; says where and why), kDataLoss (the
  // stored subscriptions are damaged).
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const Options& options, const Environment& environment);

  // Drains without patience, if it is not drained yet.
  ~GrpcServer() override;
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  uint16_t port() const { return static_cast<uint16_t>(port_); }

  // The metrics that are looked up; the others are in the registry.
  // Thread-safe; does not block on the disk.
  std::vector<prometheus::MetricFamily> Collect() const override;

  // What grpc.health.v1 says, of the server and of each of its services.
  void SetServing(bool serving);

  // Not serving from now on; ends every stream as planned, waits until the
  // clients have got that, and closes. What is open at `deadline` is broken
  // off.
  void Drain(absl::Time deadline);

 private:
  GrpcServer(const Options& options, const Environment& environment);

  CallGuard guard_;
  Calls calls_;
  FilterBudget filters_;
  CallPool pool_;
  AccessWatch access_watch_;
  PooledHost host_;
  Subscriptions subscriptions_;
  Management management_;
  QuarantineManagement quarantine_management_;
  EventService event_service_;
  SubscriptionService subscription_service_;
  QuarantineService quarantine_service_;
  const std::shared_ptr<PortCredentials> credentials_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  bool drained_ = false;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_GRPC_SERVER_H_
