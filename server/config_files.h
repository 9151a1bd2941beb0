#ifndef ENVELOPE_RELAY_SERVER_CONFIG_FILES_H_
#define ENVELOPE_RELAY_SERVER_CONFIG_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/access/access.h"
#include "server/base/clock.h"
#include "server/base/watched_files.h"
#include "server/config/config.h"
#include "server/grpc/certificates.h"
#include "server/http/tls_context.h"
#include "server/ingress/keys.h"

namespace enveloperelay {

// What stands in the files that options name. They are read again when they
// change, for as long as this is there.
struct ConfigFiles final : public prometheus::Collectable {
  // `clock` and `registry` outlive it.
  ConfigFiles(const Config& config, const Clock& clock,
              prometheus::Registry& registry);

  // Reads them all: to be called first, once. Returns what is wrong, for each
  // option, or group of options, that names something wrong.
  std::vector<std::string> Read(const Config& config);

  // How long the certificates are valid. Once they have been read.
  std::vector<prometheus::MetricFamily> Collect() const override;

  // Outlives the others: what they have it call must not need them.
  WatchedFiles watched;
  std::shared_ptr<TlsContext> admin_tls;  // null: no TLS; so the next ones
  std::shared_ptr<TlsContext> ingress_tls;
  std::unique_ptr<Certificates> grpc_certificates;
  const std::shared_ptr<IngressKeys> keys;
  Access access;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_CONFIG_FILES_H_
