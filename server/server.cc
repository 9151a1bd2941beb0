#include "server/server.h"

#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/admin/server.h"
#include "server/base/clock.h"
#include "server/base/ticker.h"
#include "server/config/config.h"
#include "server/grpc/grpc_server.h"
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

AdminOptions AdminOptionsOf(const Config& config, const Readiness& readiness) {
  return {.address = config.admin_address,
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

IngressOptions IngressOptionsOf(ServerOptions& options) {
  const Config& config = options.config;
  const int threads = static_cast<int>(config.ingress_threads);
  return {.http = {.address = config.ingress_address,
                   .threads = threads > 0 ? threads : DefaultIngressThreads(),
                   .connections_max = config.ingress_connections_max,
                   .body_bytes_max = config.ingress_max_body_bytes,
                   .header_timeout = config.ingress_header_timeout,
                   .idle_timeout = config.ingress_idle_timeout,
                   .body_grace = config.ingress_body_grace,
                   .body_rate_min = config.ingress_body_rate_min},
          .tokens = std::move(options.tokens),
          .dedup_window = config.dedup_window};
}

GrpcServer::Options GrpcOptionsOf(const Config& config) {
  return {.address = config.grpc_address,
          .max_stream_age = config.stream_max_age,
          .stall_timeout = config.stream_stall_timeout,
          .calls = {.streams_max = config.streams_max,
                    .unary_calls_max = config.unary_calls_max,
                    .filter_bytes_max = config.filter_bytes_max},
          .subscriptions_max = config.subscriptions_max,
          .subscription = {.unsettled_max = config.subscription_unsettled_max,
                           .dead_letters_max =
                               config.subscription_dead_letters_max},
          .dedup_window = config.dedup_window,
          .threads = config.grpc_threads};
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

  const Clock& clock;
  prometheus::Registry registry;
  Readiness readiness;
  std::unique_ptr<AdminServer> admin;
  std::unique_ptr<EmbeddedLog> log;
  std::unique_ptr<Quarantine> quarantine;
  std::unique_ptr<Ticker> quarantine_ticker;
  std::unique_ptr<GrpcServer> grpc;
  std::unique_ptr<IngressServer> ingress;
  bool drained = false;
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { Drain(parts_->clock.Now()); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options,
                                                      const Clock& clock) {
  auto owned = std::make_unique<Parts>(clock);
  Parts& parts = *owned;

  auto admin = AdminServer::Start(
      AdminOptionsOf(options.config, parts.readiness), parts.registry, clock);
  if (!admin.ok()) return Named("--admin-address", admin.status());
  parts.admin = *std::move(admin);

  auto log = EmbeddedLog::Open(LogOptionsOf(options), clock, parts.registry);
  if (!log.ok()) return Named("--data-dir", log.status());
  parts.log = *std::move(log);

  parts.quarantine =
      std::make_unique<Quarantine>(QuarantineLimitsOf(options.config),
                                   parts.log->state(), clock, parts.registry);
  const absl::Status loaded = parts.quarantine->Load();
  if (!loaded.ok()) return Named("--data-dir", loaded);
  parts.quarantine_ticker = std::make_unique<Ticker>(
      kPruneInterval, [&parts] { parts.quarantine->Prune(); });

  auto grpc = GrpcServer::Start(GrpcOptionsOf(options.config),
                                {.log = *parts.log,
                                 .store = parts.log->state(),
                                 .quarantine = *parts.quarantine,
                                 .clock = clock,
                                 .registry = parts.registry});
  if (!grpc.ok()) return Named("--grpc-address", grpc.status());
  parts.grpc = *std::move(grpc);

  IngressOptions ingress_options = IngressOptionsOf(options);
  ingress_options.quarantine = parts.quarantine.get();
  auto ingress = IngressServer::Start(std::move(ingress_options), *parts.log,
                                      clock, parts.registry);
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
