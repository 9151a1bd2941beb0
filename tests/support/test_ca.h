#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_TEST_CA_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_TEST_CA_H_

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace enveloperelay::testing {

// A certificate and its private key, both as PEM.
struct TestIdentity {
  std::string certificate;
  std::string key;
};

// Who a certificate is for, and when it is valid.
struct TestSubject {
  std::string common_name = "test";
  // Subject alternative names.
  std::vector<std::string> dns_names = {};
  std::vector<std::string> ip_addresses = {};
  std::vector<std::string> uris = {};
  // Counted from now; both may be negative: one that has expired.
  absl::Duration valid_from = -absl::Hours(1);
  absl::Duration valid_until = absl::Hours(24);
};

// A certificate authority with a new key (EC, P-256) of its own, whose
// certificates are good for TLS in tests. Thread-safe.
class TestCa {
 public:
  explicit TestCa(const std::string& common_name = "Test CA");

  // Its own certificate, as PEM: what the other side is to trust.
  const std::string& certificate() const { return certificate_; }

  // For a server at localhost, 127.0.0.1 and ::1.
  TestIdentity IssueServer() const;
  // For a client with these alternative names.
  TestIdentity IssueClientWithUri(const std::string& uri) const;
  TestIdentity IssueClientWithDns(const std::string& dns_name) const;
  // As the two above, but no longer valid since an hour ago.
  TestIdentity IssueExpiredServer() const;
  TestIdentity IssueExpiredClient(const std::string& uri) const;

  enum class Use { kServer, kClient };
  // For whatever else a test needs.
  TestIdentity Issue(const TestSubject& subject, Use use) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> x509_;
  std::string certificate_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_TEST_CA_H_
