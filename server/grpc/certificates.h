#ifndef ENVELOPE_RELAY_SERVER_GRPC_CERTIFICATES_H_
#define ENVELOPE_RELAY_SERVER_GRPC_CERTIFICATES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/base/watched_files.h"

namespace enveloperelay {

// The files of a TLS port, in PEM.
struct CertificateFiles {
  std::string certificate;  // the server's, and those between it and its root
  std::string key;
  std::string client_ca;  // empty: clients show no certificate
};

// What stands in them.
struct CertificateTexts {
  std::string certificate;
  std::string key;
  std::string client_ca;
};

// Checks that they are what they should be, and that key and certificate belong
// together. Returns when the server's own is no longer valid.
// Errors: kInvalidArgument, naming the file of `files`.
absl::StatusOr<absl::Time> CheckCertificates(const CertificateTexts& texts,
                                             const CertificateFiles& files);

// The certificates of a TLS port, read again when their files change; what is
// broken is not taken. Thread-safe.
class Certificates {
 public:
  // `files` outlives it.
  // Errors: those of ReadFile and CheckCertificates.
  static absl::StatusOr<std::unique_ptr<Certificates>> Load(
      const CertificateFiles& paths, WatchedFiles& files);

  bool asks_clients() const { return asks_clients_; }
  // Counts the changes, from 1.
  uint64_t version() const;
  CertificateTexts texts() const;
  // End of the validity of the server's own certificate, as it is in force.
  absl::Time not_after() const;

 private:
  // Shared with what `files` calls.
  struct Current {
    Mutex mutex;
    uint64_t version ABSL_GUARDED_BY(mutex) = 0;
    CertificateTexts texts ABSL_GUARDED_BY(mutex);
    absl::Time not_after ABSL_GUARDED_BY(mutex);
  };

  explicit Certificates(bool asks_clients) : asks_clients_(asks_clients) {}

  const bool asks_clients_;
  const std::shared_ptr<Current> current_ = std::make_shared<Current>();
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_CERTIFICATES_H_
