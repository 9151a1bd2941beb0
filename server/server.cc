#include "server/server.h"

#include <prometheus/registry.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/admin/server.h"
#include "server/base/clock.h"
#include "server/base/logging.h"
#include "server/base/metrics.h"
#include "server/base/network.h"
#include "server/base/ticker.h"
#include "server/config/config.h"
#include "server/config_files.h"
#include "server/grpc/grpc_server.h"
#include "server/grpc/port_credentials.h"
#include "server/http/tls_context.h"
#include "server/ingress/server.h"
#include "server/log/embedded_log.h"
#include "server/quarantine/quarantine.h"
#include "server/readiness.h"
#include "server/version.h"

namespace enveloperelay {
namespace {

// How late bodies that are too old leave the quarantine.
constexpr absl::Duration kPruneInterval = absl::Seconds(10);

absl::Status Named(const char* part, const absl::Status& status) {
  return {status.code(),
          absl::StrCat(part, ": ", std::string(status.message()))};
}

AdminOptions AdminOptionsOf(const Config& config,
                            std::shared_ptr<TlsContext> tls,
                            const Readiness& readiness) {
  return {.address = config.admin_address,
          .tls = std::move(tls),
          .version = std::string(kVersion),
          .commit = std::string(kCommit),
          .build = std::string(kBuild),
          .readiness = [&readiness] { return readiness.Get(); }};
}

EmbeddedLogOptions LogOptionsOf(const ServerOptions& options) {
  const Config& config = options.config;
  EmbeddedLogOptions log;
  log.data_dir = config.data_dir;
  if (config.retention_age > absl::ZeroDuration()) {
    log.retention_age = config.retention_age;
  }
  log.retention_bytes = config.retention_bytes;
  log.recent_bytes_max = config.log_recent_bytes_max;
  log.pending_bytes_max = config.log_pending_bytes_max;
  log.cache_bytes = config.log_cache_bytes;
  log.disk_reserve_bytes = config.disk_reserve_bytes;
  log.on_failure = options.on_failure;
  return log;
}

QuarantineLimits QuarantineLimitsOf(const Config& config) {
  QuarantineLimits limits = {.bodies_max = config.quarantine_max,
                             .bytes_max = config.quarantine_bytes_max};
  if (config.quarantine_age > absl::ZeroDuration()) {
    limits.age = config.quarantine_age;
  }
  return limits;
}

// Where the address of a connection is a proxy's, its limit would be that of
// all senders behind it.
std::function<bool(const boost::asio::ip::address&)> IsProxy(
    std::vector<Network> proxies) {
  if (proxies.empty()) return {};
  return [proxies = std::move(proxies)](const boost::asio::ip::address& peer) {
    return AnyContains(proxies, peer);
  };
}

IngressOptions IngressOptionsOf(const Config& config, const ConfigFiles& files,
                                Quarantine& quarantine) {
  const int threads = static_cast<int>(config.ingress_threads);
  return {
      .http = {.address = config.ingress_address,
               .threads = threads > 0 ? threads : DefaultIngressThreads(),
               .connections_max = config.ingress_connections_max,
               .connections_per_address_max =
                   config.ingress_connections_per_address_max,
               .exempt = IsProxy(config.ingress_trusted_proxies),
               .connection_age_max = config.ingress_connection_age_max,
               .tls = files.ingress_tls,
               .body_bytes_max = config.ingress_max_body_bytes,
               .header_timeout = config.ingress_header_timeout,
               .idle_timeout = config.ingress_idle_timeout,
               .body_grace = config.ingress_body_grace,
               .body_rate_min = config.ingress_body_rate_min},
      .admission = {.keys = files.keys,
                    .sources = config.ingress_sources,
                    .trusted_proxies = config.ingress_trusted_proxies,
                    .rate = {.requests_max = config.ingress_rate_max,
                             .requests_per_address_max =
                                 config.ingress_rate_per_address_max,
                             .guesses_per_address_max =
                                 config.ingress_wrong_tokens_per_address_max}},
      .dedup_window = config.dedup_window,
      .quarantine = &quarantine};
}

GrpcServer::Options GrpcOptionsOf(const Config& config) {
  return {.address = config.grpc_address,
          .max_stream_age = config.stream_max_age,
          .stall_timeout = config.stream_stall_timeout,
          .calls = {.streams_max = config.streams_max,
                    .streams_per_caller_max = config.streams_per_caller_max,
                    .unary_calls_max = config.unary_calls_max,
                    .filter_bytes_max = config.filter_bytes_max},
          .subscriptions_max = config.subscriptions_max,
          .subscription = {.unsettled_max = config.subscription_unsettled_max,
                           .dead_letters_max =
                               config.subscription_dead_letters_max},
          .dedup_window = config.dedup_window,
          .threads = config.grpc_threads,
          // Who has a token needs none.
          .client_certificates =
              config.grpc_token_file.empty()
                  ? PortCredentials::ClientCertificates::kRequired
                  : PortCredentials::ClientCertificates::kOptional};
}

}  // namespace

// Each part depends on those above it.
struct Server::Parts {
  Parts(ServerOptions the_options, const Clock& the_clock)
      : options(std::move(the_options)),
        clock(the_clock),
        files(options.config, the_clock, registry) {
    metrics.Add(registry);
    metrics.Add(files);
  }
  // Nothing writes to the log while those go that it would answer.
  ~Parts() {
    quarantine_ticker.reset();
    if (log != nullptr) log->Close();
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  absl::Status StartAdmin();
  absl::Status OpenLog();
  absl::Status StartGrpc();
  absl::Status StartIngress();

  const ServerOptions options;
  const Clock& clock;
  prometheus::Registry registry;
  ConfigFiles files;
  Readiness readiness;
  MetricSources metrics;
  std::unique_ptr<EmbeddedLog> log;
  std::unique_ptr<Quarantine> quarantine;
  std::unique_ptr<Ticker> quarantine_ticker;
  std::unique_ptr<GrpcServer> grpc;
  std::unique_ptr<IngressServer> ingress;
  // The first to start, and the first to go: it shows metrics of all others.
  std::unique_ptr<AdminServer> admin;
  bool drained = false;
};

absl::Status Server::Parts::StartAdmin() {
  auto started = AdminServer::Start(
      AdminOptionsOf(options.config, files.admin_tls, readiness), metrics,
      clock);
  if (!started.ok()) return Named("--admin-address", started.status());
  admin = *std::move(started);
  return absl::OkStatus();
}

absl::Status Server::Parts::OpenLog() {
  auto opened = EmbeddedLog::Open(LogOptionsOf(options), clock, registry);
  if (!opened.ok()) return Named("--data-dir", opened.status());
  log = *std::move(opened);
  metrics.Add(*log);
  quarantine = std::make_unique<Quarantine>(QuarantineLimitsOf(options.config),
                                            log->state(), clock, registry);
  const absl::Status loaded = quarantine->Load();
  if (!loaded.ok()) return Named("--data-dir", loaded);
  quarantine_ticker =
      std::make_unique<Ticker>(kPruneInterval, [this] { quarantine->Prune(); });
  return absl::OkStatus();
}

absl::Status Server::Parts::StartGrpc() {
  auto started =
      GrpcServer::Start(GrpcOptionsOf(options.config),
                        {.log = *log,
                         .store = log->state(),
                         .quarantine = *quarantine,
                         .clock = clock,
                         .registry = registry,
                         .access = files.access,
                         .certificates = files.grpc_certificates.get()});
  if (!started.ok()) return Named("--grpc-address", started.status());
  grpc = *std::move(started);
  metrics.Add(*grpc);
  return absl::OkStatus();
}

absl::Status Server::Parts::StartIngress() {
  auto started =
      IngressServer::Start(IngressOptionsOf(options.config, files, *quarantine),
                           *log, clock, registry);
  if (!started.ok()) return Named("--ingress-address", started.status());
  ingress = *std::move(started);
  return absl::OkStatus();
}

Server::Server(ServerOptions options, const Clock& clock)
    : parts_(std::make_unique<Parts>(std::move(options), clock)) {}

Server::~Server() { Drain(parts_->clock.Now()); }

std::vector<std::string> Server::ReadFiles() {
  return parts_->files.Read(parts_->options.config);
}

absl::Status Server::Start() {
  absl::Status status = parts_->StartAdmin();
  if (status.ok()) status = parts_->OpenLog();
  if (status.ok()) status = parts_->StartGrpc();
  if (status.ok()) status = parts_->StartIngress();
  return status;
}

Ports Server::ports() const {
  return {.ingress = parts_->ingress->port(),
          .grpc = parts_->grpc->port(),
          .admin = parts_->admin->port()};
}

void Server::SetReady() {
  parts_->grpc->SetServing(true);
  parts_->readiness.SetServing(*parts_->log);
}

void Server::Drain(absl::Time deadline) {
  // The ingress is the last that starts; what was started before it goes by
  // itself.
  if (parts_->drained || parts_->ingress == nullptr) return;
  parts_->drained = true;
  const absl::Time begin = parts_->clock.Now();
  const absl::Duration patience = deadline - begin;
  parts_->readiness.SetDraining();
  parts_->grpc->SetServing(false);
  // First the ingress, so that streams still get what it stores.
  if (!parts_->ingress->Drain(begin + patience * 0.5)) {
    LogWarning("webhooks that were slow to arrive have been cut off");
  }
  // What readers that are stuck leave of the time must be enough to close.
  const absl::Duration close_time =
      std::max(patience * 0.1, std::min(patience * 0.5, absl::Seconds(1)));
  parts_->grpc->Drain(deadline - close_time);
  parts_->quarantine_ticker.reset();
  parts_->log->Close();
}

}  // namespace enveloperelay
