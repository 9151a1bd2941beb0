#include "server/server.h"

#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/access/access.h"
#include "server/admin/server.h"
#include "server/base/clock.h"
#include "server/base/network.h"
#include "server/base/ticker.h"
#include "server/base/watched_files.h"
#include "server/config/config.h"
#include "server/config_files.h"
#include "server/grpc/certificates.h"
#include "server/grpc/grpc_server.h"
#include "server/grpc/port_credentials.h"
#include "server/http/tls_context.h"
#include "server/ingress/keys.h"
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

// Null without certificate.
absl::StatusOr<std::shared_ptr<TlsContext>> TlsOf(const TlsFiles& files,
                                                  WatchedFiles& watched) {
  if (files.certificate.empty()) return nullptr;
  return TlsContext::Watch(files, watched);
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

EmbeddedLogOptions LogOptionsOf(ServerOptions& options) {
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
  log.on_failure = std::move(options.on_failure);
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

IngressOptions IngressOptionsOf(const Config& config,
                                std::shared_ptr<TlsContext> tls,
                                std::shared_ptr<IngressKeys> keys,
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
               .tls = std::move(tls),
               .body_bytes_max = config.ingress_max_body_bytes,
               .header_timeout = config.ingress_header_timeout,
               .idle_timeout = config.ingress_idle_timeout,
               .body_grace = config.ingress_body_grace,
               .body_rate_min = config.ingress_body_rate_min},
      .admission = {.keys = std::move(keys),
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
  explicit Parts(const Clock& the_clock) : clock(the_clock) {}
  // Nothing writes to the log while those go that it would answer.
  ~Parts() {
    quarantine_ticker.reset();
    if (log != nullptr) log->Close();
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  absl::Status OpenQuarantine(const Config& config);
  absl::Status StartGrpc(const Config& config);

  const Clock& clock;
  prometheus::Registry registry;
  // Outlives the parts that follow: what they have it call must not need them.
  WatchedFiles files;
  Readiness readiness;
  std::unique_ptr<AdminServer> admin;
  std::unique_ptr<EmbeddedLog> log;
  std::unique_ptr<Access> access;
  std::unique_ptr<Certificates> grpc_certificates;  // null: no TLS
  std::unique_ptr<Quarantine> quarantine;
  std::unique_ptr<Ticker> quarantine_ticker;
  std::unique_ptr<GrpcServer> grpc;
  std::unique_ptr<IngressServer> ingress;
  bool drained = false;
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { Drain(parts_->clock.Now()); }

absl::Status Server::Parts::OpenQuarantine(const Config& config) {
  quarantine = std::make_unique<Quarantine>(QuarantineLimitsOf(config),
                                            log->state(), clock, registry);
  const absl::Status loaded = quarantine->Load();
  if (!loaded.ok()) return Named("--data-dir", loaded);
  quarantine_ticker =
      std::make_unique<Ticker>(kPruneInterval, [this] { quarantine->Prune(); });
  return absl::OkStatus();
}

absl::Status Server::Parts::StartGrpc(const Config& config) {
  auto loaded = Access::Load(AccessOptionsOf(config), files, clock);
  if (!loaded.ok()) return Named("who may call gRPC", loaded.status());
  access = *std::move(loaded);
  if (!config.grpc_tls_cert_file.empty()) {
    auto certificates =
        Certificates::Load(GrpcCertificateFilesOf(config), files);
    if (!certificates.ok()) return Named("TLS of gRPC", certificates.status());
    grpc_certificates = *std::move(certificates);
  }
  auto started = GrpcServer::Start(GrpcOptionsOf(config),
                                   {.log = *log,
                                    .store = log->state(),
                                    .quarantine = *quarantine,
                                    .clock = clock,
                                    .registry = registry,
                                    .access = *access,
                                    .certificates = grpc_certificates.get()});
  if (!started.ok()) return Named("--grpc-address", started.status());
  grpc = *std::move(started);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options,
                                                      const Clock& clock) {
  auto owned = std::make_unique<Parts>(clock);
  Parts& parts = *owned;

  const Config& config = options.config;
  auto admin_tls = TlsOf(AdminTlsFilesOf(config), parts.files);
  if (!admin_tls.ok())
    return Named("TLS of the admin port", admin_tls.status());
  auto ingress_tls = TlsOf(IngressTlsFilesOf(config), parts.files);
  if (!ingress_tls.ok())
    return Named("TLS of the ingress", ingress_tls.status());

  auto admin = AdminServer::Start(
      AdminOptionsOf(config, *std::move(admin_tls), parts.readiness),
      parts.registry, clock);
  if (!admin.ok()) return Named("--admin-address", admin.status());
  parts.admin = *std::move(admin);

  auto log = EmbeddedLog::Open(LogOptionsOf(options), clock, parts.registry);
  if (!log.ok()) return Named("--data-dir", log.status());
  parts.log = *std::move(log);

  absl::Status status = parts.OpenQuarantine(config);
  if (!status.ok()) return status;
  status = parts.StartGrpc(config);
  if (!status.ok()) return status;

  auto keys = IngressKeys::Watch(
      {.tokens = config.ingress_token_file,
       .signing_secrets = config.ingress_signing_secret_file},
      parts.files, parts.registry);
  if (!keys.ok()) return Named("ingress", keys.status());
  auto ingress = IngressServer::Start(
      IngressOptionsOf(config, *std::move(ingress_tls), *std::move(keys),
                       *parts.quarantine),
      *parts.log, clock, parts.registry);
  if (!ingress.ok()) return Named("--ingress-address", ingress.status());
  parts.ingress = *std::move(ingress);

  return std::unique_ptr<Server>(new Server(std::move(owned)));
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
  if (parts_->drained) return;
  parts_->drained = true;
  const absl::Time begin = parts_->clock.Now();
  const absl::Duration patience = deadline - begin;
  parts_->readiness.SetDraining();
  parts_->grpc->SetServing(false);
  // First the ingress, so that streams still get what it stores.
  if (!parts_->ingress->Drain(begin + patience * 0.5)) {
    spdlog::warn("webhooks that were slow to arrive have been cut off");
  }
  // What readers that are stuck leave of the time must be enough to close.
  const absl::Duration close_time =
      std::max(patience * 0.1, std::min(patience * 0.5, absl::Seconds(1)));
  parts_->grpc->Drain(deadline - close_time);
  parts_->quarantine_ticker.reset();
  parts_->log->Close();
}

}  // namespace enveloperelay
