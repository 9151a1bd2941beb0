#include "server/grpc/grpc_server.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/impl/codegen/grpc_types.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/quarantine.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "prometheus/metric_family.h"
#include "server/base/address.h"
#include "server/base/log_limit.h"
#include "server/base/logging.h"
#include "server/base/metrics.h"
#include "server/grpc/event_service.h"
#include "server/grpc/port_credentials.h"
#include "server/log/tail.h"
#include "server/subscriptions/metrics.h"

namespace enveloperelay {
namespace {

// The relay asks after clients, on connections without calls too, so that
// streams of those that have vanished end.
constexpr absl::Duration kKeepaliveInterval = absl::Seconds(30);
constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(10);
// Clients may ask every 10 s; a second less, for they do it with some jitter,
// and three pings that come too early cost them the connection.
constexpr absl::Duration kClientPingIntervalMin = absl::Seconds(9);
constexpr absl::Duration kHandshakeTimeout = absl::Seconds(10);
// Streams that one connection may have beyond what the server lets in, so that
// one too many is told so instead of waiting unseen at the client.
constexpr size_t kRefusedStreamsMax = 1000;
constexpr int kServiceThreadsMax = 16;
// How long calls without an end of their own, such as health watches, are left
// open once all others have ended: for what is on its way to them.
constexpr absl::Duration kCloseGrace = absl::Milliseconds(250);

constexpr absl::Duration kGrpcLineInterval = absl::Milliseconds(100);

std::string HostName() {
  std::array<char, 256> name = {};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

double RandomShare() {
  thread_local absl::InsecureBitGen random;
  return absl::Uniform(random, 0.0, 1.0);
}

uint64_t RandomBits() {
  thread_local absl::BitGen random;
  return absl::Uniform<uint64_t>(random);
}

// gRPC's own logging, in the relay's. A failed handshake of whoever is a line
// of it. Of metadata that it cannot parse it would print the value.
void LogForGrpc(gpr_log_func_args* args) {
  static auto& errors = *new LogLimit(kGrpcLineInterval);
  const std::string_view all = args->message;
  const std::string_view message = all.substr(0, all.find(" value="));
  switch (args->severity) {
    case GPR_LOG_SEVERITY_ERROR:
      if (const std::optional<int> held_back = errors.Admit(absl::Now())) {
        LogError("gRPC reports",
                 {{LogKey::kDetail, message}, {LogKey::kHeldBack, *held_back}});
      }
      break;
    case GPR_LOG_SEVERITY_INFO:
      LogInfo("gRPC reports", {{LogKey::kDetail, message}});
      break;
    case GPR_LOG_SEVERITY_DEBUG:
      LogDebug("gRPC reports", {{LogKey::kDetail, message}});
      break;
  }
}

// A request that is no message is answered with an error; protobuf would let
// whoever sends one write to standard error, too.
void LogForProtobuf(google::protobuf::LogLevel /*level*/, const char* /*file*/,
                    int /*line*/, const std::string& message) {
  LogDebug("protobuf reports", {{LogKey::kDetail, message}});
}

// gRPC only says that it cannot listen: finds out why.
std::string WhyNotListen(const Address& address) {
  namespace ip = boost::asio::ip;
  try {
    boost::asio::io_context context;
    const ip::tcp::acceptor acceptor(
        context, ip::tcp::endpoint(ip::make_address(address.ip), address.port),
        /*reuse_addr=*/true);
    return "for a reason that has passed";
  } catch (const boost::system::system_error& error) {
    return error.code().message();
  }
}

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

void Configure(const GrpcServer::Options& options, bool callers_known,
               grpc::ServerBuilder& builder) {
  const auto set = [&builder](const char* argument, int value) {
    builder.AddChannelArgument(argument, value);
  };
  // A second relay on the same port must fail, not share it.
  set(GRPC_ARG_ALLOW_REUSEPORT, 0);
  set(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(kKeepaliveInterval));
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(kKeepaliveTimeout));
  set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  set(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // no bound
  set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      Milliseconds(kClientPingIntervalMin));
  // Connections that do not get as far as HTTP/2, TLS included.
  set(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Milliseconds(kHandshakeTimeout));
  set(GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(options.metadata_bytes_max));
  // Where callers are known, a connection is that of one of them as a rule.
  const size_t streams_max =
      callers_known ? std::min(options.calls.streams_max,
                               options.calls.streams_per_caller_max)
                    : options.calls.streams_max;
  set(GRPC_ARG_MAX_CONCURRENT_STREAMS,
      static_cast<int>(streams_max + kRefusedStreamsMax));
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.request_bytes_max));
  // Of gRPC's own services, reflection and channelz: each of their calls holds
  // a thread for as long as it is open.
  builder.SetResourceQuota(
      grpc::ResourceQuota("relay").SetMaxThreads(kServiceThreadsMax));
}

std::chrono::steady_clock::time_point ToSteady(absl::Time deadline) {
  return std::chrono::steady_clock::now() +
         absl::ToChronoNanoseconds(deadline - absl::Now());
}

}  // namespace

GrpcServer::GrpcServer(const Options& options, const Environment& environment)
    : guard_(environment.access, environment.clock, environment.registry),
      calls_(options.calls, environment.registry),
      filters_(options.calls.filter_bytes_max),
      pool_(options.threads, environment.log.tail()),
      access_watch_({.access = environment.access,
                     .guard = guard_,
                     .calls = calls_,
                     .clock = environment.clock},
                    pool_),
      host_(pool_),
      subscriptions_({.log = environment.log,
                      .store = environment.store,
                      .clock = environment.clock,
                      .filters = filters_,
                      .limits = options.subscription,
                      .random = RandomShare,
                      .random_bits = RandomBits},
                     options.subscriptions_max, host_),
      management_(subscriptions_, environment.log),
      quarantine_management_({.quarantine = environment.quarantine,
                              .log = environment.log,
                              .clock = environment.clock,
                              .dedup_window = options.dedup_window,
                              .run =
                                  [this](std::function<void()> step) {
                                    boost::asio::post(pool_.executor(),
                                                      std::move(step));
                                  }}),
      event_service_(
          {.server_id =
               options.server_id.empty() ? HostName() : options.server_id,
           .max_stream_age = options.max_stream_age,
           .stall_timeout = options.stall_timeout},
          {.log = environment.log,
           .calls = calls_,
           .pool = pool_,
           .guard = guard_},
          environment.clock, subscriptions_, management_, environment.registry),
      subscription_service_({.log = environment.log,
                             .calls = calls_,
                             .pool = pool_,
                             .guard = guard_},
                            management_),
      quarantine_service_({.log = environment.log,
                           .calls = calls_,
                           .pool = pool_,
                           .guard = guard_},
                          quarantine_management_),
      credentials_(std::make_shared<PortCredentials>(
          environment.certificates, options.client_certificates,
          environment.access)) {}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const Options& options, const Environment& environment) {
  gpr_set_log_function(LogForGrpc);
  google::protobuf::SetLogHandler(LogForProtobuf);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();

  std::unique_ptr<GrpcServer> server(new GrpcServer(options, environment));
  const absl::Status loaded = server->subscriptions_.Load();
  if (!loaded.ok()) return loaded;
  grpc::ServerBuilder builder;
  Configure(options, environment.access.knows_callers(), builder);
  builder.AddListeningPort(options.address.ToString(), server->credentials_,
                           &server->port_);
  builder.RegisterService(&server->event_service_);
  builder.RegisterService(&server->subscription_service_);
  builder.RegisterService(&server->quarantine_service_);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen for gRPC on ",
                                               options.address.ToString(), ": ",
                                               WhyNotListen(options.address)));
  }
  server->SetServing(false);
  return server;
}

GrpcServer::~GrpcServer() {
  if (server_ != nullptr) Drain(absl::Now());
  subscriptions_.Close();
  // Before what a step may still use.
  pool_.Stop();
}

std::vector<prometheus::MetricFamily> GrpcServer::Collect() const {
  std::vector<prometheus::MetricFamily> families =
      CollectSubscriptions(subscriptions_);
  families.push_back(
      MakeGauge("envelope_relay_stream_backlog_events",
                "Events between the end of the log and the plain stream that "
                "is furthest behind; 0 without streams.",
                static_cast<double>(event_service_.Backlog())));
  return families;
}

void GrpcServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  health->SetServingStatus("", serving);
  for (const char* service : {v1::EnvelopeEventService::service_full_name(),
                              v1::SubscriptionService::service_full_name(),
                              v1::QuarantineService::service_full_name()}) {
    health->SetServingStatus(service, serving);
  }
}

void GrpcServer::Drain(absl::Time deadline) {
  if (std::exchange(drained_, true)) return;
  SetServing(false);
  calls_.Drain();
  calls_.WaitUntilEmpty(ToSteady(deadline));
  // Calls of the health service and the like have no end of their own.
  const absl::Time close = std::min(deadline, absl::Now() + kCloseGrace);
  server_->Shutdown(absl::ToChronoTime(close));
}

}  // namespace enveloperelay
